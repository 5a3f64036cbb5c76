/** The Worker that is measured: the production router, offering as many tools as the bundle was built with. */

import * as z from "zod/mini";
import type { Env } from "../world/env.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { type Tool } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import { TaskObject } from "../../src/extensions/tasks/task-object.ts";
import { SessionObject } from "../../src/transport/session/session-object.ts";
import type { ServerRuntime } from "../../src/server/feature.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

export { HubObject as Hub } from "../../src/hub/hub-object.ts";
export { RunningTasksObject as RunningTasks } from "../../src/extensions/tasks/running-tasks-object.ts";
export { AccountObject as Account } from "../../src/oauth/authorization-server/account-object.ts";
export { GrantObject as Grant } from "../../src/oauth/authorization-server/grant-object.ts";
export { StoreObject as Store } from "../../src/storage/store-object.ts";

/** How many tools; the bundler puts a number in its place. */
declare const TOOLS: number;

/** A tool of ordinary size in a list: five arguments, each with a sentence of its own. */
const filler = (index: number): Tool =>
  tool({
    name: `find_documents_${index}`,
    title: `Find documents ${index}`,
    description: "Finds documents by their words, newest first, and says where they are kept",
    input: z.object({
      query: z.string().check(z.minLength(1), z.describe("Words that must all appear")),
      limit: z._default(
        z.int().check(z.gte(1), z.lte(100), z.describe("Most documents to return")),
        20,
      ),
      order: z.optional(z.enum(["newest", "oldest", "best"]).check(z.describe("Which come first"))),
      tags: z.optional(
        z.array(z.string()).check(z.describe("Only documents with all of these tags")),
      ),
      archived: z.optional(z.boolean().check(z.describe("Whether to look in the archive too"))),
    }),
    handler: ({ query }) => query,
  });

/** The tool that is called. It comes last, so that a search along the list would show. */
const called = tool({
  name: "add_numbers",
  description: "Adds two numbers",
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  handler: ({ a, b }) => ({ structuredContent: { sum: a + b } }),
});

const spec = {
  info: { name: "barewire-bench", version: "1.0.0" },
  tools: [...Array.from({ length: TOOLS - 1 }, (_, index) => filler(index)), called],
};
const handlers: WorkerHandlers<Env> = createWorker<Env>({
  server: spec,
  ...everyPart(loginOptions),
});
const worker: ExportedHandler<Env> = { fetch: handlers.fetch };
export default worker;

export class Session extends SessionObject<Env> {
  override serverRuntime(env: Env): ServerRuntime {
    return handlers.runtime(env);
  }
}

export class Task extends TaskObject<Env> {
  override serverRuntime(env: Env): ServerRuntime {
    return handlers.runtime(env);
  }
}
