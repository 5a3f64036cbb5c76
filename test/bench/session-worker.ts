/** The Worker whose sessions are measured: the production router, and a count of the objects that were built. */

import * as z from "zod/mini";
import type { Env } from "../world/env.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { HubObject } from "../../src/hub/hub-object.ts";
import { tool } from "../../src/server/zod.ts";
import { TaskObject } from "../../src/extensions/tasks/task-object.ts";
import { SessionObject } from "../../src/transport/session/session-object.ts";
import type { ServerRuntime } from "../../src/server/feature.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

export { RunningTasksObject as RunningTasks } from "../../src/extensions/tasks/running-tasks-object.ts";
export { AccountObject as Account } from "../../src/oauth/authorization-server/account-object.ts";
export { GrantObject as Grant } from "../../src/oauth/authorization-server/grant-object.ts";
export { StoreObject as Store } from "../../src/storage/store-object.ts";

/** Objects built, for the first time or again after they slept. All objects of this Worker share one isolate. */
let births = 0;

const handlers: WorkerHandlers<Env> = createWorker<Env>({
  server: {
    info: { name: "barewire-bench", version: "1.0.0" },
    tools: [
      tool({
        name: "add_numbers",
        description: "Adds two numbers",
        input: z.object({ a: z.number(), b: z.number() }),
        output: z.object({ sum: z.number() }),
        handler: ({ a, b }) => ({ structuredContent: { sum: a + b } }),
      }),
      tool({
        name: "count",
        description:
          "Counts with a progress notice each: as many at once as may pass, the rest as fast as may be",
        input: z.object({ to: z.number(), atOnce: z.number(), aSecond: z.number() }),
        handler: async ({ to, atOnce, aSecond }, { progress }) => {
          for (let at = 1; at <= to; at += 1) {
            if (at > atOnce) await new Promise((resolve) => setTimeout(resolve, 1_000 / aSecond));
            progress(at, to, "Counting what a tool may have to say");
          }
          return "counted";
        },
      }),
      tool({
        name: "change",
        description: "Tells listeners that the tools changed",
        handler: (_args, { listChanged: changed }) => {
          changed("tools");
          return "published";
        },
      }),
    ],
  },
  ...everyPart(loginOptions),
});

/** V8 shows its collector to benchmarks. */
declare const gc: () => void;

const worker: ExportedHandler<Env> = {
  async fetch(request, env) {
    if (!request.url.endsWith("/census")) return handlers.fetch(request, env);
    gc();
    return Response.json({ births });
  },
};
export default worker;

export class Hub extends HubObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    births += 1;
  }
}

export class Session extends SessionObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    births += 1;
  }

  override serverRuntime(env: Env): ServerRuntime {
    return handlers.runtime(env);
  }
}

export class Task extends TaskObject<Env> {
  override serverRuntime(env: Env): ServerRuntime {
    return handlers.runtime(env);
  }
}
