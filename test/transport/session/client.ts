/** A client of the session era for tests: as little as speaks the wire, so that nothing is hidden. */

import { env, exports } from "cloudflare:workers";
import type { Env } from "../../world/env.ts";
import type { SessionObject } from "../../../src/transport/session/session-object.ts";

const worker = (exports as unknown as { default: Fetcher }).default;
/** The bindings of the world; the soak reads its settings here too. */
export const bindings: Env & { SOAK_SECONDS?: string; SOAK_SEED?: string } = env as unknown as Env;
const URL_OF_WORLD = "http://127.0.0.1/mcp";

export interface SseMessage {
  readonly id: string | undefined;
  readonly data: string;
}

export interface Session {
  readonly id: string;
  readonly revision: string;
}

export function sessionStub({ id }: Session): DurableObjectStub<SessionObject<unknown>> {
  return bindings.SESSION.get(bindings.SESSION.idFromString(id));
}

export async function send(
  session: Session | undefined,
  body: unknown,
  init: RequestInit = {},
): Promise<Response> {
  return worker.fetch(URL_OF_WORLD, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(session === undefined
        ? {}
        : { "mcp-session-id": session.id, "mcp-protocol-version": session.revision }),
    },
    body: JSON.stringify(body),
    ...init,
  });
}

export async function openGetStream(session: Session, lastEventId?: string): Promise<Response> {
  return worker.fetch(URL_OF_WORLD, {
    headers: {
      accept: "text/event-stream",
      "mcp-session-id": session.id,
      "mcp-protocol-version": session.revision,
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    },
  });
}

export function jsonRpcRequest(id: number | string, method: string, params: object = {}): object {
  return { jsonrpc: "2.0", id, method, params };
}

export function callTool(
  id: number | string,
  name: string,
  args: object = {},
  meta?: object,
): object {
  return jsonRpcRequest(id, "tools/call", {
    name,
    arguments: args,
    ...(meta === undefined ? {} : { _meta: meta }),
  });
}

/** A call without a session, in the revision that has none. */
export async function callStateless(
  id: number | string,
  name: string,
  args: object = {},
  { capabilities = {}, ...more }: { capabilities?: object; [member: string]: unknown } = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  const revision = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const { _meta, ...params } = more;
  return send(
    undefined,
    jsonRpcRequest(id, "tools/call", {
      name,
      arguments: args,
      ...params,
      _meta: { ...meta, ...(_meta as object) },
    }),
    {
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": revision,
        "mcp-method": "tools/call",
        "mcp-name": name,
      },
      signal,
    },
  );
}

export async function openSession(
  revision: string = "2025-11-25",
  capabilities: object = { elicitation: {}, sampling: {}, roots: {} },
): Promise<Session> {
  const params = {
    protocolVersion: revision,
    capabilities,
    clientInfo: { name: "test", version: "1" },
  };
  const response = await send(undefined, jsonRpcRequest("init", "initialize", params));
  const id = response.headers.get("mcp-session-id");
  if (id === null)
    throw new Error(`initialize failed: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
  return { id, revision };
}

/** Reads an SSE response event by event. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** A character may be cut in two. */
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response) {
    if (response.body === null) throw new Error(`No stream: ${response.status}`);
    this.#reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  }

  /** The next event with data, or undefined at the end. Priming events (empty data) count unless skipped. */
  async next(): Promise<SseMessage | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const data = lines
          .filter((line) => line.startsWith("data:"))
          .map((line) => line.slice(5).trim());
        if (data.length > 0)
          return {
            id: lines
              .find((line) => line.startsWith("id:"))
              ?.slice(3)
              .trim(),
            data: data.join("\n"),
          };
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next message that is JSON. */
  async message(): Promise<Record<string, unknown> & { eventId?: string }> {
    for (;;) {
      const event = await this.next();
      if (event === undefined) throw new Error("The stream ended");
      if (event.data !== "")
        return {
          ...(JSON.parse(event.data) as object),
          ...(event.id === undefined ? {} : { eventId: event.id }),
        };
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
