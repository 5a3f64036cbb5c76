/**
 * The Worker's side of the hub: publish a change, attach a listener. The only place that knows there are shards.
 */

import { encodeBase64url, encodeUtf8 } from "../base/bytes.ts";
import { ANONYMOUS, callerKey, type Caller } from "../base/caller.ts";
import { logError } from "../base/log.ts";
import { ACCESS_REVOKED, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { randomBytes } from "../base/time.ts";
import { retried, settleAll } from "../base/retry.ts";
import { sha256Base64url } from "../crypto/seal.ts";
import { clientAddress, UNKNOWN_ADDRESS } from "../wire/response.ts";
import { FILTER_TOO_LARGE, type Change, type SubscriptionFilter } from "../protocol/change.ts";
import type { HubObject, RegistrationResult } from "./hub-object.ts";
import { LISTENER_HEADER, type Listener } from "./listener.ts";

/** Listeners spread over this many objects; a change costs as many object requests. */
export const HUB_SHARDS = 4;

/** `session` is an object's id; `share`: {@link shareOf}. */
export interface HubClient {
  publish(change: Change): Promise<void>;
  /**
   * One object request. The socket is not accepted yet, so nothing is delivered before the caller is ready. Refused when
   * filter and caller are too large to be kept, and when the caller's grant has ended.
   */
  openListener(
    filter: SubscriptionFilter,
    caller: Caller,
    share: string,
  ): Promise<Result<WebSocket, ProtocolError>>;
  /** Registers a session. One object request and one row, or where there is no room one request more for each session asked to make some. */
  registerSession(
    session: string,
    share: string,
    grant: string | undefined,
  ): Promise<RegistrationResult>;
  /** The resources whose changes the session hears of. */
  setSubscriptions(session: string, share: string, uris: readonly string[]): Promise<void>;
  /** From now on the session hears of lists that change. */
  /** True where a list is known to have changed since the session began. */
  enableListChanges(session: string, share: string): Promise<boolean>;
  /** Notes that another grant of the caller is used in the session; false when it ended, or too many others are. */
  addGrant(session: string, share: string, grant: string): Promise<boolean>;
  unregisterSession(session: string, share: string): Promise<void>;
  /**
   * Ends every session that `grant` opened, and every stream and call of it in others and at the hub. Not reached is a
   * stateless call at work: no object knows of it.
   * @throws when something could not be reached: whoever asks again reaches what is left.
   */
  revoke(grant: string): Promise<void>;
  /** Whether `grant` ended within the last day. */
  isRevoked(grant: string): Promise<boolean>;
}

type Hub = HubObject<unknown>;

/** What the hub cannot be handed is logged, for nobody else knows of it. */
async function publishTo(hub: () => DurableObjectStub<Hub>, change: Change): Promise<void> {
  try {
    await retried(() => hub().publish(change));
  } catch (error) {
    logError("change.lost", error);
    throw error;
  }
}

/** The Worker's side of the hub: knows which of its objects to ask. */
export function createHubClient(namespace: DurableObjectNamespace<Hub>): HubClient {
  const shard = (index: number): DurableObjectStub<Hub> => namespace.getByName(`shard-${index}`);
  const everyShard = async (
    action: (hub: () => DurableObjectStub<Hub>) => Promise<void>,
  ): Promise<void> => {
    await settleAll(Array.from({ length: HUB_SHARDS }, (_, index) => action(() => shard(index))));
  };
  /** All sessions of one share are on one shard, so that counting them is exact. */
  const shardOf = (share: string): DurableObjectStub<Hub> => {
    let hash = 0;
    for (let index = 0; index < share.length; index++)
      hash = (hash * 31 + share.charCodeAt(index)) >>> 0;
    return shard(hash % HUB_SHARDS);
  };
  return {
    publish: (change) => everyShard((hub) => publishTo(hub, change)),
    async openListener(filter, caller, share) {
      const index = (randomBytes(1)[0] ?? 0) % HUB_SHARDS;
      const key = callerKey(caller);
      const hasShare = caller !== ANONYMOUS || share !== key;
      const listener: Listener = {
        filter,
        caller: key,
        grant: caller.grant,
        share: hasShare ? await sha256Base64url(share) : undefined,
      };
      const headers = {
        upgrade: "websocket",
        [LISTENER_HEADER]: encodeBase64url(encodeUtf8(JSON.stringify(listener))),
      };
      const { status, webSocket } = await retried(() =>
        shard(index).fetch("https://hub/", { headers }),
      );
      if (webSocket !== null) return ok(webSocket);
      if (status === 401) return err(ACCESS_REVOKED);
      if (status === 413) return err(FILTER_TOO_LARGE);
      throw new Error("The hub did not upgrade");
    },
    registerSession: (id, share, grant) =>
      retried(() => shardOf(share).registerSession({ id, share }, grant)),
    setSubscriptions: (id, share, uris) =>
      retried(() => shardOf(share).setSubscriptions({ id, share }, uris)),
    // Clients that are refused a stream by a 500 never open it again.
    enableListChanges: (id, share) =>
      retried(() => shardOf(share).enableListChanges({ id, share })),
    addGrant: (id, share, grant) => retried(() => shardOf(share).addGrant({ id, share }, grant)),
    unregisterSession: (id, share) => shardOf(share).unregisterSession({ id, share }),
    revoke: (grant) => everyShard((hub) => hub().revoke(grant)),
    isRevoked: (grant) => retried(() => shardOf(grant).isRevoked(grant)),
  };
}

/**
 * Whose share of the hub something counts against: its caller's, and of strangers that of their address, where the
 * platform tells it. Begins with the caller's key.
 */
export async function shareOf(caller: Caller, http: Request): Promise<string> {
  const key = callerKey(caller);
  const address = clientAddress(http);
  return caller === ANONYMOUS && address !== UNKNOWN_ADDRESS
    ? `${key} ${await sha256Base64url(address)}`
    : key;
}
