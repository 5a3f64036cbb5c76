/**
 * The Worker's side of the hub: publish a change, attach a listener. The only place that knows there are shards.
 */

import { ANONYMOUS, callerKey, type Caller } from "../base/caller.ts";
import { randomBytes } from "../base/clock.ts";
import type { Change, Filter } from "./change.ts";
import { LISTENER_HEADER, type Hub } from "./hub.ts";

/** Listeners spread over this many objects; a change costs as many object requests. */
export const HUB_SHARDS = 4;

export interface HubDoor {
  publish(change: Change): Promise<void>;
  /** One object request. The socket is not accepted yet, so nothing is delivered before the caller is ready. */
  listen(filter: Filter, caller: string): Promise<WebSocket>;
  /** Registers a session; false when the caller has too many. One object request and one row. */
  admit(session: string, caller: Caller): Promise<boolean>;
  watch(session: string, caller: Caller, uris: readonly string[]): Promise<void>;
  forget(session: string, caller: string): Promise<void>;
}

export function hubDoor(namespace: DurableObjectNamespace<Hub>): HubDoor {
  const shard = (index: number): DurableObjectStub<Hub> => namespace.getByName(`shard-${index}`);
  /** All sessions of one caller are on one shard, so that counting them is exact. */
  const shardOf = (caller: string): DurableObjectStub<Hub> => {
    let sum = 0;
    for (let at = 0; at < caller.length; at++) sum = (sum * 31 + caller.charCodeAt(at)) >>> 0;
    return shard(sum % HUB_SHARDS);
  };
  return {
    async admit(session, caller) {
      return shardOf(callerKey(caller)).admit(session, callerKey(caller), caller === ANONYMOUS);
    },
    watch: (session, caller, uris) => shardOf(callerKey(caller)).watch(session, callerKey(caller), uris),
    forget: (session, caller) => shardOf(caller).forget(session, caller),
    async publish(change) {
      await Promise.all(Array.from({ length: HUB_SHARDS }, (_, index) => shard(index).publish(change)));
    },
    async listen(filter, caller) {
      const index = (randomBytes(1)[0] ?? 0) % HUB_SHARDS;
      const listener = encodeURIComponent(JSON.stringify({ filter, caller }));
      const headers = { upgrade: "websocket", [LISTENER_HEADER]: listener };
      const { webSocket } = await shard(index).fetch("https://hub/", { headers });
      if (webSocket === null) throw new Error("The hub did not upgrade");
      return webSocket;
    },
  };
}
