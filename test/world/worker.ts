/** The conformance world as a Worker: the same front door as in production, with the fixtures behind it. */

import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { Hub as RealHub, type HubEnv } from "../../src/hub/hub.ts";
import { SessionObject } from "../../src/session/object.ts";
import type { House } from "../../src/session/room.ts";
import { costs, countedNamespace, countedState } from "./counting.ts";
import { world } from "./server.ts";

/** The real hub, with a switch to end every subscription: an object may lose its sockets at any time. */
export class Hub extends RealHub {
  constructor(state: DurableObjectState, env: HubEnv) {
    super(countedState(state), env);
  }

  end(): void {
    for (const socket of this.ctx.getWebSockets()) socket.close(1001, "ended by a fixture");
  }
}

const house: Front = front(world);
/** The same bindings, with every use of an object counted. */
const counted = (env: Env): Env => ({ ...env, HUB: countedNamespace(env.HUB), SESSION: countedNamespace(env.SESSION) });
const worker: ExportedHandler<Env> = {
  fetch: (request, env) =>
    // For tests that watch a running Worker from outside.
    new URL(request.url).pathname === "/costs" ? Response.json(costs) : house.fetch(request, counted(env)),
};
export default worker;

export class Session extends SessionObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override furnish(env: Env): House {
    return house.furnish(counted(env));
  }
}
