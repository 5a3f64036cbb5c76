/**
 * What each client sends to a registration endpoint (RFC 7591), and which of its redirect URIs it then uses. Ports that
 * differ from machine to machine, and callbacks that are made for one person, stand here with one value.
 */

/** From reports of what arrived: its client is confidential. */
export const claudeBody = ({ scope }) => ({
  client_name: "Claude",
  redirect_uris: ["https://claude.ai/api/mcp/auth_callback"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "client_secret_post",
  ...(scope && { scope }),
});

/** The callback is made for each connector. How it authenticates is not documented; `none` was reported. */
export const chatgptBody = ({ scope }) => ({
  client_name: "ChatGPT",
  redirect_uris: ["https://chatgpt.com/connector/oauth/barewire-doctor"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
  ...(scope && { scope }),
});

const VS_CODE_GRANTS = [
  "authorization_code",
  "refresh_token",
  "urn:ietf:params:oauth:grant-type:device_code",
];

/** Of the grant types that the server names, those that it can use; the redirect URI in use comes first here. */
export const vsCodeBody = ({ scope, grantTypes }) => ({
  client_name: "Visual Studio Code",
  client_uri: "https://code.visualstudio.com",
  grant_types: Array.isArray(grantTypes)
    ? VS_CODE_GRANTS.filter((one) => grantTypes.includes(one))
    : VS_CODE_GRANTS,
  response_types: ["code"],
  redirect_uris: [
    "http://127.0.0.1:33418/",
    "https://insiders.vscode.dev/redirect",
    "https://vscode.dev/redirect",
    "http://127.0.0.1/",
  ],
  ...(scope && { scope }),
  token_endpoint_auth_method: "none",
  application_type: "native",
});

/** The port follows from the address of the server: it lies between 3335 and 49151. */
export const mcpRemoteBody = ({ scope, serverScope }) => ({
  redirect_uris: ["http://localhost:3335/oauth/callback"],
  token_endpoint_auth_method: "none",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  client_name: "MCP CLI Proxy",
  client_uri: "https://github.com/modelcontextprotocol/mcp-cli",
  software_id: "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
  software_version: "0.15.1",
  scope: scope || serverScope || "openid email profile",
  application_type: "native",
});

/** The application decides what is registered: this is what the MCP Inspector registers. */
export const browserBody = ({ scope }) => ({
  redirect_uris: ["http://localhost:6274/oauth/callback"],
  token_endpoint_auth_method: "none",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  client_name: "MCP Inspector",
  client_uri: "https://github.com/modelcontextprotocol/inspector",
  scope: scope ?? "",
  application_type: "native",
});
