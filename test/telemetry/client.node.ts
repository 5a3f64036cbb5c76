/** Calls in both eras, as bare as they are on the wire: what the SDK would send beside them is not asked for here. */

const TYPES = { "content-type": "application/json", accept: "application/json, text/event-stream" };

export interface JsonRpcReply {
  readonly result?: { readonly isError?: boolean; readonly content?: { readonly text?: string }[] };
  readonly error?: { readonly code: number };
}

export type HeaderFields = Readonly<Record<string, string>>;

/** A request of the stateless era. `name` is what its header repeats. */
export async function sendStateless(
  url: URL,
  method: string,
  { name, ...params }: { readonly [member: string]: unknown; readonly name?: string },
  {
    headers = {},
    meta = {},
    header = name,
  }: { headers?: HeaderFields; meta?: object; header?: string | undefined } = {},
): Promise<JsonRpcReply> {
  const version = "2026-07-28";
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientCapabilities": {},
    ...meta,
  };
  const named = header === undefined ? undefined : { "mcp-name": header };
  const response = await fetch(url, {
    method: "POST",
    headers: {
      ...TYPES,
      "mcp-protocol-version": version,
      "mcp-method": method,
      ...named,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { name, ...params, _meta } }),
  });
  return answerIn(await response.text());
}

export interface Session {
  request(method: string, params?: object, headers?: HeaderFields): Promise<JsonRpcReply>;
  /** A tools/call. */
  call(name: string, args: object, headers?: HeaderFields, meta?: object): Promise<JsonRpcReply>;
}

export async function openSession(url: URL): Promise<Session> {
  const post = (method: string, params: object, headers: HeaderFields): Promise<Response> =>
    fetch(url, {
      method: "POST",
      headers: { ...TYPES, ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
  const opening = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  };
  const opened = await post("initialize", opening, {});
  const id = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  const request: Session["request"] = async (method, params = {}, headers = {}) =>
    answerIn(await (await post(method, params, { ...id, ...headers })).text());
  const call: Session["call"] = (name, args, headers = {}, meta = {}) =>
    request("tools/call", { name, arguments: args, _meta: meta }, headers);
  return { request, call };
}

/** The answer in a body: JSON, or the last event of a stream. */
function answerIn(text: string): JsonRpcReply {
  const [last = text] = text.match(/^data: \{.*/gm)?.slice(-1) ?? [];
  return JSON.parse(last.replace(/^data: /, "")) as JsonRpcReply;
}
