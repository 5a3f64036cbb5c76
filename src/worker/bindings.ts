/**
 * The bindings of wrangler.toml by what they are for: the one place of src/ that spells their names, the app's own aside.
 * Says where objects live, too: in a jurisdiction for good, or near a place when they are made.
 * https://developers.cloudflare.com/durable-objects/reference/data-location/
 */

import type { Env } from "./config.ts";
import type { HubObject } from "../hub/hub-object.ts";
import type { AccountObject } from "../oauth/authorization-server/account-object.ts";
import type { GrantObject } from "../oauth/authorization-server/grant-object.ts";
import type { SessionObject } from "../transport/session/session-object.ts";
import type { StoreObject } from "../storage/store-object.ts";

export interface Bindings {
  readonly hub: DurableObjectNamespace<HubObject<unknown>>;
  readonly sessions: DurableObjectNamespace<SessionObject<unknown>>;
  readonly grants: DurableObjectNamespace<GrantObject<unknown>>;
  readonly accounts: DurableObjectNamespace<AccountObject>;
  readonly stores: DurableObjectNamespace<StoreObject>;
  readonly vault: D1Database | undefined;
  /** Limits calls; undefined: they are not limited. */
  readonly limiter: RateLimit | undefined;
  /** Limits requests to the authorization server. */
  readonly authLimiter: RateLimit | undefined;
}

/** The bindings by their role, placed as JURISDICTION and LOCATION_HINT say. */
export function readBindings(env: Env): Bindings {
  return {
    hub: withPlacement(env, env.HUB),
    sessions: withPlacement(env, env.SESSION),
    grants: withPlacement(env, env.GRANT),
    accounts: withPlacement(env, env.ACCOUNT),
    stores: withPlacement(env, env.STORE),
    vault: env.VAULT,
    limiter: env.LIMITER,
    authLimiter: env.AUTH_LIMITER,
  };
}

type Placement = Pick<Env, "JURISDICTION" | "LOCATION_HINT">;

/** The namespace whose objects live where the settings say. Ids of one jurisdiction do not exist in another. */
export function withPlacement<T extends Rpc.DurableObjectBranded | undefined>(
  { JURISDICTION = "", LOCATION_HINT = "" }: Placement,
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  const inJurisdiction =
    JURISDICTION === "" ? namespace : namespace.jurisdiction(JURISDICTION as DurableObjectJurisdiction);
  if (LOCATION_HINT === "") return inJurisdiction;
  const locationOption = { locationHint: LOCATION_HINT as DurableObjectLocationHint };
  return {
    newUniqueId: (options) => inJurisdiction.newUniqueId(options),
    idFromName: (name) => inJurisdiction.idFromName(name),
    idFromString: (id) => inJurisdiction.idFromString(id),
    get: (id, options) => inJurisdiction.get(id, { ...locationOption, ...options }),
    getByName: (name, options) => inJurisdiction.getByName(name, { ...locationOption, ...options }),
    jurisdiction: (name) => inJurisdiction.jurisdiction(name),
  };
}
