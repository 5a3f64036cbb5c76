/**
 * The neutral server: one request in, one outcome out. Knows no revision, no transport and no session.
 * A method that this server does not offer is refused like one that does not exist.
 */

import { refused, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import type { Listing } from "./catalog.ts";
import { complete } from "./complete.ts";
import { readPage } from "./lists.ts";
import { getPrompt } from "./prompts.ts";
import { readResource } from "./resources.ts";
import type { Call } from "./types.ts";
import { listingFor } from "./scopes.ts";
import { callTool } from "./tools.ts";

/** Every method that asks for no list, with the capability that it is part of. */
const METHODS = new Map<string, { capability: string; answer: (of: Call) => Outcome | Promise<Outcome> }>([
  ["tools/call", { capability: "tools", answer: callTool }],
  ["resources/read", { capability: "resources", answer: readResource }],
  ["prompts/get", { capability: "prompts", answer: getPrompt }],
  ["completion/complete", { capability: "completions", answer: complete }],
]);

export async function call(of: Call): Promise<Outcome> {
  const { server, request } = of;
  const listing = server.listings.get(request.method);
  if (listing !== undefined) return list(of, listing);
  // spec: discover.implemented
  if (request.method === "server/discover")
    return { kind: "complete", result: server.discovery, cache: server.listCache };
  const method = METHODS.get(request.method);
  if (method !== undefined && method.capability in server.capabilities) return method.answer(of);
  // spec: http.method.unknown
  return refused(refusal("MethodNotFound", `Method "${request.method}" is not offered by this server`));
}

async function list({ server, request, services }: Call, whole: Listing): Promise<Outcome> {
  const listing = listingFor(server, request.caller, whole);
  const page = await readPage(listing, request.params["cursor"], server.pageSize, services.ring);
  if (!page.ok) return refused(page.error);
  // spec: caching.scope.pages
  const cache = listing === whole ? server.listCache : { ...server.listCache, scope: "private" as const };
  return { kind: "complete", result: page.value, cache };
}
