/**
 * The bindings of wrangler.toml by what they are for: the one place of src/ that spells their names, the app's own aside.
 * Says where objects live, too: in a jurisdiction for good, or near a place when they are made.
 * https://developers.cloudflare.com/durable-objects/reference/data-location/
 */

import type { Env } from "./config.ts";
import type { HubObject } from "./hub/hub.ts";
import type { Account } from "./oauth/account.ts";
import type { GrantObject } from "./oauth/grant.ts";
import type { SessionObject } from "./session/object.ts";
import type { StoreObject } from "./state/object.ts";

export interface Bindings {
  readonly hub: DurableObjectNamespace<HubObject<unknown>>;
  readonly sessions: DurableObjectNamespace<SessionObject<unknown>>;
  readonly grants: DurableObjectNamespace<GrantObject<unknown>>;
  readonly accounts: DurableObjectNamespace<Account>;
  readonly stores: DurableObjectNamespace<StoreObject>;
  readonly vault: D1Database | undefined;
  /** Limits calls; undefined: they are not limited. */
  readonly limiter: RateLimit | undefined;
  /** Limits requests to the authorization server. */
  readonly authLimiter: RateLimit | undefined;
}

export function bindingsOf(env: Env): Bindings {
  return {
    hub: placed(env, env.HUB),
    sessions: placed(env, env.SESSION),
    grants: placed(env, env.GRANT),
    accounts: placed(env, env.ACCOUNT),
    stores: placed(env, env.STORE),
    vault: env.VAULT,
    limiter: env.LIMITER,
    authLimiter: env.AUTH_LIMITER,
  };
}

type Placement = Pick<Env, "JURISDICTION" | "LOCATION_HINT">;

/** The namespace whose objects live where the settings say. Ids of one jurisdiction do not exist in another. */
export function placed<T extends Rpc.DurableObjectBranded | undefined>(
  { JURISDICTION = "", LOCATION_HINT = "" }: Placement,
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  const there = JURISDICTION === "" ? namespace : namespace.jurisdiction(JURISDICTION as DurableObjectJurisdiction);
  if (LOCATION_HINT === "") return there;
  const near = { locationHint: LOCATION_HINT as DurableObjectLocationHint };
  return {
    newUniqueId: (options) => there.newUniqueId(options),
    idFromName: (name) => there.idFromName(name),
    idFromString: (id) => there.idFromString(id),
    get: (id, options) => there.get(id, { ...near, ...options }),
    getByName: (name, options) => there.getByName(name, { ...near, ...options }),
    jurisdiction: (name) => there.jurisdiction(name),
  };
}
