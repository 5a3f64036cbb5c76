/** The conformance world as a Worker: the same front door as in production, with the fixtures behind it. */

import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { Account as RealAccount } from "../../src/oauth/account.ts";
import { HubObject, type Notified } from "../../src/hub/hub.ts";
import { SessionObject } from "../../src/session/object.ts";
import type { House } from "../../src/session/room.ts";
import { StoreObject } from "../../src/state/object.ts";
import type { Registered } from "../../src/hub/rows.ts";
import { costs, countedNamespace, countedState } from "./counting.ts";
import { entrance } from "./entrance.ts";
import { closed, failHub } from "./faults.ts";
import { Grant as RealGrant } from "./grant.ts";
import { rooms } from "./rooms.ts";
import { world } from "./server.ts";

/** The real hub, with a switch to end every subscription, and others to fail: an object may be lost at any time. */
export class Hub extends HubObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override sessions({ SESSION }: Env): DurableObjectNamespace<Notified> {
    return SESSION;
  }

  override revoke(grant: string): Promise<void> {
    failHub("revoke");
    return super.revoke(grant);
  }

  override forget(one: Registered): void {
    failHub("forget");
    super.forget(one);
  }

  end(): void {
    for (const socket of this.ctx.getWebSockets()) socket.close(1001, "ended by a fixture");
  }
}

export class Grant extends RealGrant {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override closeLive(env: Env, id: string): Promise<void> {
    closed.push(id);
    return super.closeLive(env, id);
  }
}

export class Account extends RealAccount {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }
}

export class Store extends StoreObject {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }
}

const house: Front = front(world, () => entrance, rooms);
const guardedHouse: Front = front(world, () => entrance, rooms);

/**
 * Clients that the operator knows: one proves itself with the words "secret-of-the-machine", and acts for itself; the
 * other is the official suite, which comes with a callback on any port of loopback.
 */
const CLIENTS = JSON.stringify([
  { client_id: "suite", client_name: "The suite", redirect_uris: ["http://127.0.0.1/callback"] },
  {
    client_id: "machine",
    client_name: "A machine",
    redirect_uris: [],
    client_secret_sha256: "kLgX9pQ-AGrJcFXgtf-VnAq1dwGXoxnhOWdC2N8ZGWg",
    grant_types: ["client_credentials"],
  },
]);

/** The same bindings, with every use of an object counted. */
const counted = (env: Env): Env => ({
  ...env,
  CLIENTS,
  HUB: countedNamespace(env.HUB),
  SESSION: countedNamespace(env.SESSION),
  GRANT: countedNamespace(env.GRANT),
  ACCOUNT: countedNamespace(env.ACCOUNT),
  STORE: countedNamespace(env.STORE),
});
const worker: ExportedHandler<Env> = {
  fetch: (request, env) =>
    // For tests that watch a running Worker from outside.
    new URL(request.url).pathname === "/costs" ? Response.json(costs) : house.fetch(request, counted(env)),
};
export default worker;

/** The world behind its authorization server, whatever AUTH says of the open one: the same tools and objects. */
export const guarded: ExportedHandler<Env> = {
  fetch: (request, env) => guardedHouse.fetch(request, { ...counted(env), AUTH: "" }),
};

export class Session extends SessionObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override furnish(env: Env): House {
    return house.furnish(counted(env));
  }
}
