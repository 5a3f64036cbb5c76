/** The Worker whose sessions are measured: the production front door, and a count of the objects that were built. */

import * as z from "zod/mini";
import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { HubObject, type Notified } from "../../src/hub/hub.ts";
import { tool } from "../../src/server/define.ts";
import { SessionObject } from "../../src/session/object.ts";
import type { House } from "../../src/session/room.ts";
import { entrance } from "../world/entrance.ts";

export { Account } from "../../src/oauth/account.ts";
export { Grant } from "../world/grant.ts";
export { StoreObject as Store } from "../../src/state/object.ts";

/** Objects built, for the first time or again after they slept. All objects of this Worker share one isolate. */
let births = 0;

const house: Front = front(
  {
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
        description: "Counts with a progress notice each: as many at once as may pass, the rest as fast as may be",
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
        handler: (_args, { changed }) => {
          changed("tools");
          return "published";
        },
      }),
    ],
  },
  () => entrance,
);

/** V8 shows its collector to benchmarks. */
declare const gc: () => void;

const worker: ExportedHandler<Env> = {
  async fetch(request, env) {
    if (!request.url.endsWith("/census")) return house.fetch(request, env);
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

  override sessions({ SESSION }: Env): DurableObjectNamespace<Notified> {
    return SESSION;
  }
}

export class Session extends SessionObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    births += 1;
  }

  override furnish(env: Env): House {
    return house.furnish(env);
  }
}
