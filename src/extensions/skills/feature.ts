/**
 * Skills as a part of the Worker: `skills/list`, `skills/get` and `resources/directory/read`, over the skills of
 * the app. modelcontextprotocol/ext-skills, specification/stable/skills. Files are read like any other resource.
 */

import { protocolError } from "../../base/protocol-error.ts";
import { errorOutcome, type Outcome } from "../../protocol/outcome.ts";
import type { Feature } from "../../server/feature.ts";
import { readPage } from "../../server/pagination.ts";
import type { ListContents } from "../../server/registry.ts";
import type { Call } from "../../server/services.ts";
import { createCatalog } from "./catalog.ts";
import type { Skill } from "./skill.ts";

/** A skill lists up to 512 files: a page of more could be larger than a message may be. */
const SKILLS_A_PAGE = 10;

/** Serves `served`, whose files are resources beside those of the app. @throws on skills that cannot be served together. */
export function skills(served: readonly Skill[]): Feature {
  const { listSkills, folders } = createCatalog(served);
  const resources = served.flatMap(({ files }) => files.map(({ resource }) => resource));
  return {
    // spec: skills.list.implemented, skills.get.implemented, skills.directory.implemented
    extension: { id: "io.modelcontextprotocol/skills", settings: { directoryRead: true } },
    resources,
    start() {
      return {
        methods: {
          "skills/list": {
            isCacheable: true,
            handle: async (call) => pageOutcome(call, await listSkills(), SKILLS_A_PAGE),
          },
          "skills/get": {
            isCacheable: true,
            handle: async (call) => skillOutcome(call, await listSkills()),
          },
          "resources/directory/read": {
            // The text asks for no hint here, and the TypeScript client for one.
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
  maxEntries: number = Infinity,
): Promise<Outcome> {
  // spec: skills.directory.unknown
  if (list === undefined) return invalid("params.uri is no folder of a skill");
  const pageSize = Math.min(server.pageSize, maxEntries);
  const page = await readPage(list, params["cursor"], pageSize, services.ring);
  if (!page.ok) return errorOutcome(page.error);
  // spec: skills.list.result-type, skills.list.cacheable, skills.directory.result-type
  return { kind: "complete", result: page.value, cache: server.listCache };
}

function skillOutcome(
  { server, request: { params } }: Call,
  { keys, entries }: ListContents,
): Outcome {
  const skill = entries[keys.indexOf(params["uri"] as string)];
  // spec: skills.get.unknown
  if (skill === undefined) return invalid("params.uri is no SKILL.md of a skill");
  // spec: skills.get.every, skills.get.result-type, skills.get.cacheable
  return { kind: "complete", result: { skill }, cache: server.listCache };
}

function invalid(message: string): Outcome {
  return errorOutcome(protocolError("InvalidParams", message));
}
