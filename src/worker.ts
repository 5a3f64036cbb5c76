/** The Worker as it is deployed: the front door with this fork's app behind it, and the Durable Objects. */

import { app } from "./app/server.ts";
import type { Env } from "./config.ts";
import { front, type Front } from "./front.ts";
import { SessionObject } from "./session/object.ts";
import type { House } from "./session/room.ts";

export { Hub } from "./hub/hub.ts";

const house: Front = front(app);
const worker: ExportedHandler<Env> = { fetch: house.fetch };
export default worker;

export class Session extends SessionObject<Env> {
  override furnish(env: Env): House {
    return house.furnish(env);
  }
}
