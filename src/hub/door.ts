/**
 * The Worker's side of the hub: publish a change, attach a listener. The only place that knows there are shards.
 */

import { base64url, utf8 } from "../base/bytes.ts";
import { ANONYMOUS, callerKey, type Caller } from "../base/caller.ts";
import { randomBytes } from "../base/clock.ts";
import { settleAll } from "../base/retry.ts";
import { digest } from "../crypto/seal.ts";
import { addressOf, LOCAL } from "../wire/http.ts";
import type { Change, Filter } from "./change.ts";
import { LISTENER_HEADER, type Admission, type HubObject, type Listener } from "./hub.ts";

/** Listeners spread over this many objects; a change costs as many object requests. */
export const HUB_SHARDS = 4;

/** `session` is an object's id; `share`: {@link shareOf}. */
export interface HubDoor {
  publish(change: Change): Promise<void>;
  /**
   * One object request. The socket is not accepted yet, so nothing is delivered before the caller is ready. Undefined
   * when filter and caller are too large to be kept.
   */
  listen(filter: Filter, caller: Caller, share: string): Promise<WebSocket | undefined>;
  /** Registers a session. One object request and one row, or where there is no room one request more for each session asked to make some. */
  admit(session: string, share: string, grant: string | undefined): Promise<Admission>;
  /** The resources whose changes the session hears of. */
  watch(session: string, share: string, uris: readonly string[]): Promise<void>;
  /** From now on the session hears of lists that change. */
  hear(session: string, share: string): Promise<void>;
  /** Notes that another grant of the caller is used in the session; false when it ended, or too many others are. */
  join(session: string, share: string, grant: string): Promise<boolean>;
  forget(session: string, share: string): Promise<void>;
  /**
   * Ends every session that `grant` opened, and every stream and call of it in others and at the hub. Not reached is a
   * stateless call at work: no object knows of it.
   * @throws when something could not be reached: whoever asks again reaches what is left.
   */
  revoke(grant: string): Promise<void>;
}

type Hub = HubObject<unknown>;

export function hubDoor(namespace: DurableObjectNamespace<Hub>): HubDoor {
  const shard = (index: number): DurableObjectStub<Hub> => namespace.getByName(`shard-${index}`);
  const everyShard = async (act: (hub: DurableObjectStub<Hub>) => Promise<void>): Promise<void> => {
    await settleAll(Array.from({ length: HUB_SHARDS }, (_, index) => act(shard(index))));
  };
  /** All sessions of one share are on one shard, so that counting them is exact. */
  const shardOf = (share: string): DurableObjectStub<Hub> => {
    let sum = 0;
    for (let at = 0; at < share.length; at++) sum = (sum * 31 + share.charCodeAt(at)) >>> 0;
    return shard(sum % HUB_SHARDS);
  };
  return {
    publish: (change) => everyShard((hub) => hub.publish(change)),
    async listen(filter, caller, share) {
      const index = (randomBytes(1)[0] ?? 0) % HUB_SHARDS;
      const key = callerKey(caller);
      const isKnown = caller !== ANONYMOUS || share !== key;
      const listener: Listener = {
        filter,
        caller: key,
        grant: caller.grant,
        share: isKnown ? await digest(share) : undefined,
      };
      const headers = { upgrade: "websocket", [LISTENER_HEADER]: base64url(utf8(JSON.stringify(listener))) };
      const { status, webSocket } = await shard(index).fetch("https://hub/", { headers });
      if (webSocket === null && status !== 413) throw new Error("The hub did not upgrade");
      return webSocket ?? undefined;
    },
    admit: (id, share, grant) => shardOf(share).admit({ id, share }, grant),
    watch: (id, share, uris) => shardOf(share).watch({ id, share }, uris),
    hear: (id, share) => shardOf(share).hear({ id, share }),
    join: (id, share, grant) => shardOf(share).join({ id, share }, grant),
    forget: (id, share) => shardOf(share).forget({ id, share }),
    revoke: (grant) => everyShard((hub) => hub.revoke(grant)),
  };
}

/**
 * Whose share of the hub something counts against: its caller's, and of strangers that of their address, where the
 * platform tells it. Begins with the caller's key.
 */
export async function shareOf(caller: Caller, http: Request): Promise<string> {
  const key = callerKey(caller);
  const address = addressOf(http);
  return caller === ANONYMOUS && address !== LOCAL ? `${key} ${await digest(address)}` : key;
}
