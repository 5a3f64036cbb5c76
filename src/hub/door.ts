/**
 * The Worker's side of the hub: publish a change, attach a listener. The only place that knows there are shards.
 */

import { ANONYMOUS, callerKey, type Caller } from "../base/caller.ts";
import { randomBytes } from "../base/clock.ts";
import type { Change, Filter } from "./change.ts";
import { LISTENER_HEADER, type HubObject, type Listener } from "./hub.ts";

/** Listeners spread over this many objects; a change costs as many object requests. */
export const HUB_SHARDS = 4;

/** `session` is an object's id; `caller`, where it is text, the key of whose session it is. */
export interface HubDoor {
  publish(change: Change): Promise<void>;
  /** One object request. The socket is not accepted yet, so nothing is delivered before the caller is ready. */
  listen(filter: Filter, caller: Caller): Promise<WebSocket>;
  /** Registers a session; false when the caller has too many. One object request and one row. */
  admit(session: string, caller: Caller): Promise<boolean>;
  watch(session: string, caller: string, uris: readonly string[]): Promise<void>;
  /** Notes that another grant of the caller is used in the session; false when it ended. */
  join(session: string, caller: string, grant: string): Promise<boolean>;
  forget(session: string, caller: string): Promise<void>;
  /**
   * Ends every session that `grant` opened, and every stream and call of it in others and at the hub. Not reached is a
   * stateless call at work: no object knows of it.
   */
  revoke(grant: string): Promise<void>;
}

type Hub = HubObject<unknown>;

export function hubDoor(namespace: DurableObjectNamespace<Hub>): HubDoor {
  const shard = (index: number): DurableObjectStub<Hub> => namespace.getByName(`shard-${index}`);
  const everyShard = async (act: (hub: DurableObjectStub<Hub>) => Promise<void>): Promise<void> => {
    await Promise.all(Array.from({ length: HUB_SHARDS }, (_, index) => act(shard(index))));
  };
  /** All sessions of one caller are on one shard, so that counting them is exact. */
  const shardOf = (caller: string): DurableObjectStub<Hub> => {
    let sum = 0;
    for (let at = 0; at < caller.length; at++) sum = (sum * 31 + caller.charCodeAt(at)) >>> 0;
    return shard(sum % HUB_SHARDS);
  };
  return {
    publish: (change) => everyShard((hub) => hub.publish(change)),
    async listen(filter, caller) {
      const index = (randomBytes(1)[0] ?? 0) % HUB_SHARDS;
      const listener: Listener = { filter, caller: callerKey(caller), grant: caller.grant };
      const headers = { upgrade: "websocket", [LISTENER_HEADER]: encodeURIComponent(JSON.stringify(listener)) };
      const { webSocket } = await shard(index).fetch("https://hub/", { headers });
      if (webSocket === null) throw new Error("The hub did not upgrade");
      return webSocket;
    },
    async admit(id, caller) {
      const key = callerKey(caller);
      return shardOf(key).admit({ id, caller: key }, caller === ANONYMOUS, caller.grant);
    },
    watch: (id, caller, uris) => shardOf(caller).watch({ id, caller }, uris),
    join: (id, caller, grant) => shardOf(caller).join({ id, caller }, grant),
    forget: (id, caller) => shardOf(caller).forget({ id, caller }),
    revoke: (grant) => everyShard((hub) => hub.revoke(grant)),
  };
}
