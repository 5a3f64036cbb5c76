/** The Worker as it is deployed: the front door with this fork's app behind it, and the Durable Objects. */

import { entrance, type AppEnv } from "./app/entrance.ts";
import { app } from "./app/server.ts";
import type { Env } from "./config.ts";
import { front, type Front } from "./front.ts";
import { SessionObject } from "./session/object.ts";
import type { House } from "./session/room.ts";

export { Hub } from "./hub/hub.ts";
export { Account } from "./oauth/account.ts";
export { Grant } from "./oauth/grant.ts";

const house: Front<Env & AppEnv> = front<Env & AppEnv>(app, entrance);
const worker: ExportedHandler<Env & AppEnv> = { fetch: house.fetch };
export default worker;

export class Session extends SessionObject<Env & AppEnv> {
  override furnish(env: Env & AppEnv): House {
    return house.furnish(env);
  }
}
