/**
 * Skills as a part of the Worker: `skills/list`, `skills/get` and `resources/directory/read`, over the skills among the
 * app's resources. modelcontextprotocol/ext-skills, specification/stable/skills. Files are read like any other resource.
 */

import { protocolError } from "../../base/protocol-error.ts";
import { errorOutcome, type Outcome } from "../../protocol/outcome.ts";
import type { Feature } from "../../server/feature.ts";
import { readPage } from "../../server/pagination.ts";
import type { ListContents } from "../../server/registry.ts";
import type { Call } from "../../server/services.ts";
import { createCatalog } from "./catalog.ts";

/** Serves the skills that are among the resources of the app. */
export function skills(): Feature {
  return {
    // spec: skills.list.implemented, skills.get.implemented, skills.directory.implemented
    extension: { id: "io.modelcontextprotocol/skills", settings: { directoryRead: true } },
    start({ server }) {
      const { listSkills, folders } = createCatalog(server);
      return {
        methods: {
          "skills/list": {
            isCacheable: true,
            handle: async (call) => pageOutcome(call, await listSkills()),
          },
          "skills/get": {
            isCacheable: true,
            handle: async (call) => skillOutcome(call, await listSkills()),
          },
          "resources/directory/read": {
            // Clients want the hint here too.
            isCacheable: true,
            handle: (call) => pageOutcome(call, folders.get(call.request.params["uri"] as string)),
          },
        },
      };
    },
  };
}

/** A page of `list`, which is what a folder holds or all skills. */
async function pageOutcome(
  { server, services, request: { params } }: Call,
  list: ListContents | undefined,
): Promise<Outcome> {
  // spec: skills.directory.unknown
  if (list === undefined) return invalid("No folder of a skill is at params.uri");
  const page = await readPage(list, params["cursor"], server.pageSize, services.ring);
  if (!page.ok) return errorOutcome(page.error);
  return { kind: "complete", result: page.value, cache: server.listCache };
}

function skillOutcome(
  { server, request: { params } }: Call,
  { keys, entries }: ListContents,
): Outcome {
  const skill = entries[keys.indexOf(params["uri"] as string)];
  // spec: skills.get.unknown
  if (skill === undefined) return invalid("No skill is served whose SKILL.md is at params.uri");
  // spec: skills.get.cacheable
  return { kind: "complete", result: { skill }, cache: server.listCache };
}

function invalid(message: string): Outcome {
  return errorOutcome(protocolError("InvalidParams", message));
}
