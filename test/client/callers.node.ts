/** Callers of the app: clients of an open server in either era, and people with API keys of a service on loopback. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Client,
  StreamableHTTPClientTransport,
  type ElicitResult,
} from "@modelcontextprotocol/client";
import { registerSecrets } from "./secrets.node.ts";
import { login } from "../../src/cli/login.ts";

export type ClientMode = "auto" | "legacy";
export const CLIENT_MODES: readonly ClientMode[] = ["auto", "legacy"];

/** A client in one of the eras; a stranger unless it has a token. With `answer` it can be asked. */
export async function connectClient(
  url: URL,
  mode: ClientMode,
  token?: string,
  answer?: ElicitationHandler,
): Promise<Client> {
  const capabilities = answer === undefined ? {} : { elicitation: { form: {} } };
  const client = new Client(
    { name: "caller", version: "1" },
    { capabilities, versionNegotiation: { mode } },
  );
  if (answer !== undefined)
    client.setRequestHandler("elicitation/create", ({ params }) => answer(params.message));
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return client;
}
/** What the person does with a question. */
export type ElicitationHandler = (message: string) => ElicitResult;

export interface AccountService {
  /** The variables that make the app trust it. */
  readonly variables: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Everybody has an account here: the key of `name` is "key-of-" and the name. */
export async function serveAccountService(): Promise<AccountService> {
  const server = createServer((request, response) => {
    const name = /^Bearer key-of-(\w+)$/.exec(request.headers.authorization ?? "")?.[1];
    response.writeHead(name === undefined ? 401 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: name }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const UPSTREAM_URL = `http://127.0.0.1:${port}/me`;
  return {
    variables: { SIGN_IN: "api-key", UPSTREAM_NAME: "Loopback Accounts", UPSTREAM_URL },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A token of `name`, who signed in with their key and agreed. */
export async function accessTokenOf(url: URL, name: string): Promise<string> {
  const key = `key-of-${name}`;
  const { access_token: token } = await login(url.href, { key });
  registerSecrets(key, token);
  return token;
}

export async function callTool(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<ToolCallResult> {
  const result = await client.callTool({ name, arguments: args });
  const text = result.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return {
    text,
    facts: (result.structuredContent ?? {}) as ToolCallResult["facts"],
    failed: result.isError === true,
  };
}
export interface ToolCallResult {
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
}
