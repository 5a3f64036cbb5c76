/** The Worker whose parts are measured: a tool for each, so that what a part costs is a call with it beside one without. */

import * as z from "zod/mini";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { Env } from "../world/env.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { openRow, sealRow } from "../../src/crypto/row-seal.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import type { Context } from "../../src/server/context.ts";
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

const ring = readKeyRing(`bench:${btoa("0123456789abcdefghijklmnopqrstuv")}`);
const CREDENTIAL = encodeUtf8(JSON.stringify({ kind: "key", key: "sk-0123456789abcdef" }));

const part = (name: string, use: (context: Context) => Promise<unknown>): Tool =>
  tool({
    name,
    input: z.object({}),
    handler: async (_args, context) => {
      await use(context);
      return "done";
    },
  });

const tools = [
  part("nothing", () => Promise.resolve()),
  part("seal_open", async () => {
    if (!ring.ok) throw new Error(ring.error);
    const opened = await openRow(
      ring.value,
      "vault",
      "row",
      await sealRow(ring.value, "vault", "row", CREDENTIAL),
    );
    if (!opened.ok) throw new Error(opened.error);
  }),
  part("cache_hit", (context) => context.cache("hit", 3_600, () => Promise.resolve({ value: 1 }))),
  part("limit", (context) => context.rateLimit("bench", 1_000_000, 60_000)),
  part("mine_get", (context) => context.storage.get("bench")),
];

const handlers: WorkerHandlers<Env> = createWorker<Env>({
  server: { info: { name: "barewire-bench", version: "1.0.0" }, tools },
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
