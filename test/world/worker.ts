/** The conformance world as a Worker: the same front door as in production, with the fixtures behind it. */

import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { Hub as RealHub } from "../../src/hub/hub.ts";
import { SessionObject } from "../../src/session/object.ts";
import type { House } from "../../src/session/room.ts";
import { world } from "./server.ts";

/** The real hub, with a switch to end every subscription: an object may lose its sockets at any time. */
export class Hub extends RealHub {
  end(): void {
    for (const socket of this.ctx.getWebSockets()) socket.close(1001, "ended by a fixture");
  }
}

const house: Front = front(world);
const worker: ExportedHandler<Env> = { fetch: house.fetch };
export default worker;

export class Session extends SessionObject<Env> {
  override furnish(env: Env): House {
    return house.furnish(env, this.ctx);
  }
}
