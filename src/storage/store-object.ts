/**
 * The store object: what handlers keep, behind a handle or by caller; one cached value; or one limiter.
 *
 * Storage: `store-rows.ts` lists it. Nothing is written before something is kept.
 * Life: storage with an end goes by its alarm; a caller's own stays. A cached value goes when it would not even be given
 * for an error, a limiter when its window is long over. Between two requests it may be evicted at any time.
 * Trade-off: who loads a cached value, and who waits, is known in memory only: an eviction costs one more load, no row.
 */

import { DurableObject } from "../base/platform.ts";
import { now } from "../base/time.ts";
import { err, ok, type Result } from "../base/result.ts";
import { emptyAtMs, consume } from "./sliding-window.ts";
import {
  storeRows,
  type CachedRow,
  type StoreEntry,
  type SqlRow,
  type StoreRows,
} from "./store-rows.ts";
import type { RateLimitResult, ListOptions } from "./types.ts";

/** Milliseconds that a load may take before another caller may try. */
export const CACHE_LEASE_MS = 30_000;
/** Milliseconds for which a failed load answers for the others who wait. */
export const CACHED_FAILURE_MS = 1_000;
/** Milliseconds for which everybody loads for themselves after a value that is not kept. */
const NOT_KEPT_MS = 10_000;
/** Milliseconds by which whoever waits for a load may be late with the next question. Who is later has left. */
const MAX_LATENESS_MS = 500;
/** Cached values and limiters are looked at for cleaning no more often than this: an alarm is a request and a row. */
const MIN_CLEANUP_MS = 3_600_000;

export type StoreNamespace = DurableObjectNamespace<StoreObject>;

/** What a load failed with, in words that cross to another request. */
export interface LoadFailure {
  readonly name: string;
  readonly message: string;
}

/**
 * What becomes of a question for the cached value. `staleRow` is one past its time. A later lease is a greater one.
 * `ticket`: the place among those who wait, to ask again with.
 */
export type CacheLookup =
  | { readonly kind: "cached"; readonly row: CachedRow }
  | {
      readonly kind: "leaseAcquired";
      readonly lease: number;
      readonly staleRow: CachedRow | undefined;
    }
  | {
      readonly kind: "loading";
      readonly lease: number;
      readonly ticket: number;
      readonly staleRow: CachedRow | undefined;
    }
  | {
      readonly kind: "failed";
      readonly failure: LoadFailure;
      readonly staleRow: CachedRow | undefined;
    };

export class StoreObject extends DurableObject {
  readonly #rows: StoreRows = storeRows(this.ctx.storage);
  #lease: { readonly id: number; readonly untilMs: number } | undefined;
  #lastLease = 0;
  /** When each of those who wait for a load will ask again, by ticket; in front whoever came first. */
  readonly #waiting = new Map<number, number>();
  /** Until then nobody waits for anybody's load: what is loaded is of no use to others. */
  #loadsAloneUntilMs = 0;
  #lastTicket = 0;
  #failure:
    | { readonly failure: LoadFailure; readonly lease: number; readonly untilMs: number }
    | undefined;

  read(key: string): string | undefined {
    return this.#rows.read(key);
  }

  /** `end` (seconds since the epoch): when all of the storage goes. */
  async write(key: string, text: string, end: number | undefined): Promise<void> {
    await this.#scheduleDeletion(end);
    this.#rows.write(key, text);
  }

  /** Writes if the value is still `before`. Gives what it is instead, when it is not. */
  async compareAndSwap(
    key: string,
    expected: string | undefined,
    text: string,
    end: number | undefined,
  ): Promise<{ readonly swapped: boolean; readonly current: string | undefined }> {
    await this.#scheduleDeletion(end);
    const current = this.#rows.read(key);
    if (current !== expected) return { swapped: false, current };
    this.#rows.write(key, text);
    return { swapped: true, current: text };
  }

  list(options: ListOptions): StoreEntry[] {
    return this.#rows.list(options);
  }

  remove(key: string): boolean {
    return this.#rows.remove(key);
  }

  /** What SQLite says of a wrong statement is an answer: thrown, it would count as a failure of the object. */
  async query(
    statement: string,
    bindings: readonly SqlStorageValue[],
    end: number | undefined,
  ): Promise<Result<SqlRow[], string>> {
    await this.#scheduleDeletion(end);
    try {
      return ok(this.#rows.query(statement, bindings));
    } catch (error) {
      return err(String((error as Error).message));
    }
  }

  /**
   * The cached value, or what to do about it. A failure answers for a while, and whoever waited for its lease. A lease
   * that ended with neither goes to whoever waited longest: a client that leaves and comes again keeps nobody waiting.
   * After a value that is not kept, everybody is given a lease at once.
   * `againInMs`: when the caller asks again where it has to wait; undefined when it does not.
   */
  acquire(leaseWaitedFor: number = Infinity, heldTicket?: number, againInMs?: number): CacheLookup {
    const nowMs = now();
    const row = this.#rows.cached();
    if (row !== undefined && nowMs < row.freshUntilMs) return { kind: "cached", row };
    const staleRow = row !== undefined && nowMs < row.usableUntilMs ? row : undefined;
    const failed = this.#failure;
    if (failed !== undefined && (nowMs < failed.untilMs || failed.lease >= leaseWaitedFor))
      return { kind: "failed", failure: failed.failure, staleRow };
    const ticket = heldTicket ?? Math.max(nowMs, this.#lastTicket + 1);
    this.#lastTicket = Math.max(ticket, this.#lastTicket);
    const isLoading = this.#lease !== undefined && nowMs < this.#lease.untilMs;
    const loadsAlone = nowMs < this.#loadsAloneUntilMs;
    if (!loadsAlone && (isLoading || (this.#longestWaiting(nowMs) ?? ticket) !== ticket)) {
      if (againInMs === undefined) this.#waiting.delete(ticket);
      else this.#waiting.set(ticket, nowMs + againInMs);
      return { kind: "loading", lease: this.#lastLease, ticket, staleRow };
    }
    this.#waiting.delete(ticket);
    // Greater than any before, whatever the clock does.
    const lease = Math.max(nowMs, this.#lastLease + 1, (row?.lease ?? 0) + 1);
    this.#lastLease = lease;
    if (!loadsAlone) this.#lease = { id: lease, untilMs: nowMs + CACHE_LEASE_MS };
    return { kind: "leaseAcquired", lease, staleRow };
  }

  /**
   * A load succeeded. False when nothing is kept, as a newer value is there. One that is on its way is no reason: loads that
   * each take longer than a lease would never keep anything.
   */
  async storeLoaded(lease: number, row: CachedRow): Promise<boolean> {
    if (lease < (this.#rows.cached()?.lease ?? 0)) return false;
    if (this.#lease?.id === lease) this.#lease = undefined;
    this.#loadsAloneUntilMs = 0;
    this.#waiting.clear();
    this.#rows.putCached({ ...row, lease });
    await this.#setAlarmOnce(Math.max(row.usableUntilMs, now() + MIN_CLEANUP_MS));
    return true;
  }

  /** A load succeeded, and what it gave is not kept. */
  releaseUnkept(lease: number): void {
    this.#loadsAloneUntilMs = now() + NOT_KEPT_MS;
    this.releaseLease(lease);
  }

  /** A load failed, or its caller left (no failure). */
  releaseLease(lease: number, failure?: LoadFailure): void {
    if (this.#lease?.id !== lease) return;
    this.#lease = undefined;
    if (failure === undefined) return;
    this.#waiting.clear();
    this.#failure = { failure, lease, untilMs: now() + CACHED_FAILURE_MS };
  }

  /** The ticket of whoever waits and came first. Those before who have left are forgotten. */
  #longestWaiting(nowMs: number): number | undefined {
    for (const [ticket, nextQuestionMs] of this.#waiting) {
      // The clock may have gone back: no pause is longer than one may be late.
      if (Math.abs(nowMs - nextQuestionMs) <= MAX_LATENESS_MS) return ticket;
      this.#waiting.delete(ticket);
    }
    return undefined;
  }

  /** One use of the limiter. A refused one writes nothing. */
  async consume(max: number, windowMs: number): Promise<RateLimitResult> {
    const nowMs = now();
    const { result: limited, window: after } = consume(this.#rows.window(), nowMs, max, windowMs);
    if (after === undefined) return limited;
    this.#rows.putWindow(after);
    await this.#setAlarmOnce(Math.max(emptyAtMs(after), nowMs + MIN_CLEANUP_MS));
    return limited;
  }

  override async alarm(): Promise<void> {
    const window = this.#rows.window();
    const neededUntilMs = Math.max(
      this.#rows.cached()?.usableUntilMs ?? 0,
      window === undefined ? 0 : emptyAtMs(window),
    );
    if (now() < neededUntilMs)
      await this.ctx.storage.setAlarm(Math.max(neededUntilMs, now() + MIN_CLEANUP_MS));
    else await this.ctx.storage.deleteAll();
  }

  /** Sees to it that storage with an end has one. A write that comes after the end has nowhere to go. */
  async #scheduleDeletion(end: number | undefined): Promise<void> {
    if (end === undefined) return;
    if (now() >= end * 1000) throw new Error("This storage has ended");
    await this.#setAlarmOnce(end * 1000);
  }

  /** One alarm at a time: a row each. */
  async #setAlarmOnce(timeMs: number): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(timeMs);
  }
}
