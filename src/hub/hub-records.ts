/**
 * What a hub object remembers beside the rows of its sessions: which grants ended, which changes not everybody was told
 * yet, and which sessions could not be told of one.
 *
 *   kv "revoked 5c…"   1763700000000
 *   kv "pending {\"list\":\"tools\"}"   {"after":{"share":"…","id":"9f…"},"isRepeated":true}
 *   kv "unreached [\"…\",\"9f…\"]"   {"session":{"share":"…","id":"9f…"},"attempts":1,"missedCount":1,"nextAtMs":1763700005000}
 */

import type { Change } from "../protocol/change.ts";

/** The key of a row: the sessions of one share lie together, so that counting them reads no others. */
export interface SessionKey extends Record<string, SqlStorageValue> {
  /** Whose it is and counts against: `client.ts`, shareOf. */
  readonly share: string;
  readonly id: string;
}

/** How far a change was told. `isRepeated`: it came once more meanwhile. */
interface DeliveryProgress {
  readonly after: SessionKey;
  readonly isRepeated?: boolean;
}

/** A session that could not be told of a change. */
export interface Unreached {
  readonly session: SessionKey;
  /** How often it was tried. */
  readonly attempts: number;
  /** How many changes did not reach it: more than before, where one came while the session was told of others. */
  readonly missedCount: number;
  /** When to try again, in milliseconds since the epoch. */
  readonly nextAtMs: number;
}

export interface HubRecords {
  /** A change that not everybody was told yet, each in its turn. */
  pendingChange(): { readonly change: Change; readonly after: SessionKey } | undefined;
  /** Has a change that is being told told to all once more. False when it is not being told. */
  repeatPendingChange(change: Change): boolean;
  /** Notes the last session that was told; undefined when all were. */
  recordProgress(change: Change, after: SessionKey | undefined): void;
  /** Notes that `grant` ended. */
  markRevoked(grant: string, now: number): void;
  /** Forgets the grants that ended before `before`. */
  forgetRevoked(before: number): void;
  isRevoked(grant: string | undefined): boolean;
  /** Notes a session that could not be told of a change, in the place of what was noted of it. */
  putUnreached(unreached: Unreached): void;
  getUnreached(session: SessionKey): Unreached | undefined;
  /** The first to try again comes first. */
  unreached(): Unreached[];
  forgetUnreached(session: SessionKey): void;
}

/** Where the first page begins. */
export const BEFORE_FIRST_SESSION: SessionKey = { share: "", id: "" };

const PENDING_PREFIX = "pending ";
const UNREACHED_PREFIX = "unreached ";

const unreachedKey = ({ share, id }: SessionKey): string =>
  UNREACHED_PREFIX + JSON.stringify([share, id]);

/** As it is stored: an earlier version of this server wrote neither when to try again nor how many changes were missed. */
type UnreachedRecord = Pick<Unreached, "session" | "attempts"> & Partial<Unreached>;

function readUnreached(record: UnreachedRecord | undefined): Unreached | undefined {
  return record && { missedCount: 0, nextAtMs: 0, ...record };
}

/** Reads and writes the records of one hub object. */
export function createHubRecords(kv: SyncKvStorage): HubRecords {
  const progressKey = (change: Change): string => `${PENDING_PREFIX}${JSON.stringify(change)}`;
  const options = { prefix: PENDING_PREFIX, limit: 1 };
  /** The key of the change that had its turn last; being published is none. An eviction begins with the first. */
  let lastKey = PENDING_PREFIX;
  return {
    pendingChange() {
      for (const startAfter of [lastKey, PENDING_PREFIX])
        for (const [key, { after }] of kv.list<DeliveryProgress>({ ...options, startAfter }))
          return { change: JSON.parse(key.slice(PENDING_PREFIX.length)) as Change, after };
      return undefined;
    },
    repeatPendingChange(change) {
      const progress = kv.get<DeliveryProgress>(progressKey(change));
      if (progress === undefined) return false;
      kv.put(progressKey(change), { ...progress, isRepeated: true });
      return true;
    },
    recordProgress(change, after) {
      const progress = kv.get<DeliveryProgress>(progressKey(change));
      const isRepeated = progress?.isRepeated === true;
      if (progress !== undefined) lastKey = progressKey(change);
      if (after !== undefined) kv.put(progressKey(change), { after, isRepeated });
      else if (isRepeated) kv.put(progressKey(change), { after: BEFORE_FIRST_SESSION });
      else kv.delete(progressKey(change));
    },
    markRevoked: (grant, now) => kv.put(`revoked ${grant}`, now),
    forgetRevoked(before) {
      for (const [key, at] of kv.list<number>({ prefix: "revoked " }))
        if (at < before) kv.delete(key);
    },
    putUnreached: (unreached) => kv.put(unreachedKey(unreached.session), unreached),
    getUnreached: (session) => readUnreached(kv.get(unreachedKey(session))),
    unreached: () =>
      [...kv.list<UnreachedRecord>({ prefix: UNREACHED_PREFIX })]
        .map(([, record]) => readUnreached(record))
        .filter((unreached) => unreached !== undefined)
        .toSorted((one, other) => one.nextAtMs - other.nextAtMs),
    forgetUnreached(session) {
      kv.delete(unreachedKey(session));
    },
    isRevoked: (grant) => grant !== undefined && kv.get(`revoked ${grant}`) !== undefined,
  };
}
