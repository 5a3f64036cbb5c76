/**
 * The neutral server: one request in, one outcome out. Knows no revision, no transport and no session.
 * A method that this server does not offer is refused like one that does not exist.
 */

import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import type { ListContents } from "./registry.ts";
import { completeArgument } from "./completion.ts";
import { readPage } from "./pagination.ts";
import { getPrompt } from "./prompts.ts";
import { readResource } from "./resources.ts";
import type { Call } from "./services.ts";
import { listForCaller } from "./scopes.ts";
import { callTool } from "./tools.ts";

/** Every method that asks for no list, with the capability that it is part of. */
const METHODS = new Map<
  string,
  { capability: string; handle: (call: Call) => Outcome | Promise<Outcome> }
>([
  ["tools/call", { capability: "tools", handle: callTool }],
  ["resources/read", { capability: "resources", handle: readResource }],
  ["prompts/get", { capability: "prompts", handle: getPrompt }],
  ["completion/complete", { capability: "completions", handle: completeArgument }],
]);

/** Finds what serves the method, and runs it. A method that the server does not offer is an error. */
export async function dispatch(call: Call): Promise<Outcome> {
  const { server, request, services } = call;
  const list = server.listsByMethod.get(request.method);
  if (list !== undefined) return listPage(call, list);
  // spec: discover.implemented
  if (request.method === "server/discover")
    return { kind: "complete", result: server.discoverResult, cache: server.listCache };
  const method = METHODS.get(request.method);
  if (method !== undefined && method.capability in server.capabilities) return method.handle(call);
  const extensionMethod = services.extensionMethods.get(request.method);
  if (extensionMethod !== undefined) return extensionMethod.handle(call);
  // spec: http.method.unknown
  return errorOutcome(
    protocolError("MethodNotFound", `Method "${request.method}" is not offered by this server`),
  );
}

async function listPage(
  { server, request, services }: Call,
  fullList: ListContents,
): Promise<Outcome> {
  const visibleList = services.listViews.reduce(
    (list, view) => view(list, request.capabilities),
    listForCaller(server, request.caller, fullList),
  );
  const page = await readPage(
    visibleList,
    request.params["cursor"],
    server.pageSize,
    services.ring,
  );
  if (!page.ok) return errorOutcome(page.error);
  // spec: caching.scope.pages, caching.scope.aware
  const cache =
    visibleList === fullList
      ? server.listCache
      : { ...server.listCache, scope: "private" as const };
  return { kind: "complete", result: page.value, cache };
}
