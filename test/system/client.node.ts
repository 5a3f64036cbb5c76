/** A client of the session era for tests of whole servers: as little as speaks the wire, with the ids of its events. */

export const REVISION = "2025-11-25";

export interface SseEvent {
  readonly id: string;
  /** Undefined for an event that only gives an id. */
  readonly message: Record<string, unknown> | undefined;
}

/** The header fields of a session, and of whoever calls in it. */
export type Fields = Readonly<Record<string, string>>;

export function post(url: URL, body: object, fields: Fields = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...fields,
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...body }),
  });
}

/** A GET: a new stream, or what followed the event `after`. */
export function listen(url: URL, fields: Fields, after?: string): Promise<Response> {
  const headers = { accept: "text/event-stream", ...fields };
  return fetch(url, {
    headers: after === undefined ? headers : { ...headers, "last-event-id": after },
  });
}

/** Calls a tool; `id` is the request's. */
export function callTool(
  url: URL,
  fields: Fields,
  id: number,
  name: string,
  args: object = {},
): Promise<Response> {
  return post(url, { id, method: "tools/call", params: { name, arguments: args } }, fields);
}

/** Opens a session whose client can be asked; resolves to its header fields. Rejects with what was said instead. */
export async function openSession(url: URL, fields: Fields = {}): Promise<Fields> {
  const clientInfo = { name: "system", version: "1" };
  const params = { protocolVersion: REVISION, capabilities: { elicitation: {} }, clientInfo };
  const response = await post(url, { id: 0, method: "initialize", params }, fields);
  const text = await response.text();
  const id = response.headers.get("mcp-session-id");
  if (id === null) throw new Error(`No session (${response.status}): ${text}`);
  return { ...fields, "mcp-session-id": id, "mcp-protocol-version": REVISION };
}

/** The events of a stream, one at a time, until it ends or its server does. */
export async function* events(response: Response): AsyncGenerator<SseEvent, undefined, undefined> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = /^data: (.+)$/m.exec(block)?.[1];
        const message =
          data === undefined ? undefined : (JSON.parse(data) as Record<string, unknown>);
        const id = /^id: (.+)$/m.exec(block)?.[1];
        if (id !== undefined || message !== undefined) yield { id: id ?? "", message };
      }
    }
  } catch {
    // The server has gone.
  }
  return undefined;
}

/** The next event of `stream` with a message in it. Throws when the stream ends before. */
export async function nextMessage(
  stream: AsyncGenerator<SseEvent, undefined, undefined>,
): Promise<Required<SseEvent>> {
  for (;;) {
    const { value } = await stream.next();
    if (value === undefined) throw new Error("The stream has ended");
    if (value.message !== undefined) return value;
  }
}
