/** The messages of a first contact, in both eras: header fields and bodies of a POST. */

export const SESSIONS = "2025-11-25";
export const STATELESS = "2026-07-28";
/** The revisions with sessions that clients accept in the answer to `initialize`. */
export const SESSION_REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/** Where the page of the MCP Inspector runs, which stands for all clients in a browser. */
export const PAGE = "http://localhost:6274";

const CLIENT = { name: "barewire-doctor", version: "1" };
const post = (headers, body) => ({
  method: "POST",
  headers: {
    Accept: "application/json, text/event-stream",
    "Content-Type": "application/json",
    ...headers,
  },
  body: JSON.stringify(body),
  replyTo: body.id,
});

export const initialize = () =>
  post(
    {},
    {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: SESSIONS, capabilities: {}, clientInfo: CLIENT },
    },
  );

/** A message in a session; `id` is left out for a notification. */
export const inSession = (headers, message) => post(headers, { jsonrpc: "2.0", ...message });

/** A request of the stateless era, complete in itself. */
export const stateless = (id, method, params = {}) =>
  post(
    { "MCP-Protocol-Version": STATELESS, "Mcp-Method": method },
    {
      jsonrpc: "2.0",
      id,
      method,
      params: {
        ...params,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": STATELESS,
          "io.modelcontextprotocol/clientInfo": CLIENT,
          "io.modelcontextprotocol/clientCapabilities": {},
        },
      },
    },
  );
