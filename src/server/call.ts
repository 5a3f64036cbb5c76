/**
 * The neutral server: one request in, one outcome out. Knows no revision, no transport and no session.
 * A method that this server does not offer is refused like one that does not exist.
 */

import { refused, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import { complete } from "./complete.ts";
import { readPage } from "./lists.ts";
import { getPrompt } from "./prompts.ts";
import { readResource } from "./resources.ts";
import type { Call } from "./run.ts";
import { callTool } from "./tools.ts";

export async function call(of: Call): Promise<Outcome> {
  const { server, request } = of;
  const listing = server.listings.get(request.method);
  if (listing !== undefined) {
    const page = await readPage(listing, request.params["cursor"], server.pageSize, of.services.ring);
    // spec: caching.scope.pages
    return page.ok ? { kind: "complete", result: page.value, cache: server.listCache } : refused(page.error);
  }
  switch (request.method) {
    // spec: discover.implemented
    case "server/discover":
      return { kind: "complete", result: server.discovery, cache: server.listCache };
    case "tools/call":
      if (server.tools.size > 0) return callTool(of);
      break;
    case "resources/read":
      if ("resources" in server.capabilities) return readResource(of);
      break;
    case "prompts/get":
      if (server.prompts.size > 0) return getPrompt(of);
      break;
    case "completion/complete":
      if ("completions" in server.capabilities) return complete(of);
      break;
  }
  // spec: http.method.unknown
  return refused(refusal("MethodNotFound", `Method "${request.method}" is not offered by this server`));
}
