/** The Worker as it is deployed: the front door with this fork's app behind it, and the Durable Objects. */

import { entrance } from "./app/entrance.ts";
import { errorPage } from "./app/error-page.ts";
import { app } from "./app/server.ts";
import type { AppEnv } from "./app/settings.ts";
import { site } from "./app/site.ts";
import { bindingsOf } from "./bindings.ts";
import type { Env } from "./config.ts";
import { front, type Front } from "./front.ts";
import { hubDoor } from "./hub/door.ts";
import { HubObject, type Notified } from "./hub/hub.ts";
import { GrantObject } from "./oauth/grant.ts";
import { SessionObject } from "./session/object.ts";
import type { House } from "./session/room.ts";
import { stateDoor } from "./state/door.ts";
import { tracerFor } from "./telemetry/tracer.ts";
import { rotateKeys } from "./vault/rotate.ts";
import { vaultIn } from "./vault/vault.ts";

export { Feed } from "./app/feed-object.ts";
export { Account } from "./oauth/account.ts";
export { StoreObject as Store } from "./state/object.ts";

const house: Front<Env & AppEnv> = front<Env & AppEnv>(app, entrance, {
  site,
  errorPage,
  state: stateDoor,
  vault: { open: vaultIn, rotate: rotateKeys },
  traces: tracerFor,
});
const worker: ExportedHandler<Env & AppEnv> = { fetch: house.fetch };
export default worker;

export class Hub extends HubObject<Env> {
  override sessions(env: Env): DurableObjectNamespace<Notified> {
    return bindingsOf(env).sessions;
  }
}

export class Grant extends GrantObject<Env> {
  override closeLive(env: Env, id: string): Promise<void> {
    return hubDoor(bindingsOf(env).hub).revoke(id);
  }
}

export class Session extends SessionObject<Env & AppEnv> {
  override furnish(env: Env & AppEnv): House {
    return house.furnish(env);
  }
}
