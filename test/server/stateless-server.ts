/** A server of a test's own in the stateless era, called over HTTP as a client would. */

import { env } from "cloudflare:workers";
import type { Env } from "../world/env.ts";
import { createWorker } from "../../src/worker/router.ts";
import type { ServerSpec } from "../../src/server/define.ts";
import type { Feature } from "../../src/server/feature.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
};

export interface JsonRpcReply {
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** Sends a request and gives the whole answer; `fields` are laid over its headers. */
export type SendRequest = (
  method: string,
  params: object,
  fields?: Record<string, string>,
) => Promise<Response>;

/** `settings` are laid over those of the world, and `more` are parts beside all others. */
export function serveStatelessly(
  spec: Omit<ServerSpec, "info">,
  settings: Partial<Env> = {},
  more: readonly Feature[] = [],
): SendRequest {
  const { auth, features } = everyPart(loginOptions);
  const { fetch } = createWorker<Env>({
    server: { info: { name: "own", version: "1" }, ...spec },
    auth,
    features: [...features, ...more],
  });
  return async (method, params, fields = {}) => {
    const { name, uri, _meta } = params as { name?: string; uri?: string; _meta?: object };
    const named = name ?? uri;
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(named === undefined ? {} : { "mcp-name": named }),
      ...fields,
    };
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: { ...params, _meta: { ...META, ..._meta } },
    });
    const request = new Request("http://127.0.0.1/mcp", { method: "POST", headers, body });
    return fetch(request, { ...(env as unknown as Env), ...settings });
  };
}

/** The JSON-RPC answer, which is the whole body or the last event of a stream. */
export async function readReply(response: Response): Promise<JsonRpcReply> {
  const text = await response.text();
  const last = text.startsWith("{")
    ? text
    : (text
        .match(/^data: (.*)$/gm)
        ?.at(-1)
        ?.slice(6) ?? "");
  return JSON.parse(last) as JsonRpcReply;
}
