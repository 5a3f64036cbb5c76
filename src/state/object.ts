/**
 * The store object: what handlers keep, behind a handle or by caller; one cached value; or one limiter.
 *
 * Storage: `rows.ts` lists it. Nothing is written before something is kept.
 * Life: storage with an end goes by its alarm; a caller's own stays. A cached value goes when it would not even be given
 * for an error, a limiter when its window is long over. Between two requests it may be evicted at any time.
 * Trade-off: who loads a cached value is known in memory only: an eviction meanwhile costs one more load, no row.
 */

import { DurableObject } from "cloudflare:workers";
import { base64url } from "../base/bytes.ts";
import { now, randomBytes } from "../base/clock.ts";
import { err, ok, type Result } from "../base/result.ts";
import { emptyAt, use } from "./limit.ts";
import { storeRows, type CachedRow, type Entry, type SqlRow, type StoreRows } from "./rows.ts";
import type { Limited, ListOptions } from "./store.ts";

/** Milliseconds that a load may take before another caller may try. */
export const LEASE_MS = 30_000;
/** Milliseconds for which a failed load answers for the others who wait. */
export const FAILED_MS = 1_000;
/** Cached values and limiters are looked at for cleaning no more often than this: an alarm is a request and a row. */
const HOUR_MS = 3_600_000;

export type Stores = DurableObjectNamespace<StoreObject>;

/** What a load failed with, in words that cross to another request. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

/** What becomes of a question for the cached value. `old` is one past its time. */
export type Taken =
  | { readonly kind: "fresh"; readonly row: CachedRow }
  | { readonly kind: "load"; readonly lease: string; readonly old: CachedRow | undefined }
  | { readonly kind: "wait" }
  | { readonly kind: "failed"; readonly failure: Failure; readonly old: CachedRow | undefined };

export class StoreObject extends DurableObject {
  readonly #rows: StoreRows = storeRows(this.ctx.storage);
  #lease: { readonly id: string; readonly until: number } | undefined;
  #failed: { readonly failure: Failure; readonly until: number } | undefined;

  read(key: string): string | undefined {
    return this.#rows.read(key);
  }

  /** `end` (seconds since the epoch): when all of the storage goes. */
  async write(key: string, text: string, end: number | undefined): Promise<void> {
    await this.#liveUntil(end);
    this.#rows.write(key, text);
  }

  /** Writes if the value is still `before`. Gives what it is instead, when it is not. */
  async swap(
    key: string,
    before: string | undefined,
    text: string,
    end: number | undefined,
  ): Promise<{ readonly done: boolean; readonly is: string | undefined }> {
    await this.#liveUntil(end);
    const is = this.#rows.read(key);
    if (is !== before) return { done: false, is };
    this.#rows.write(key, text);
    return { done: true, is: text };
  }

  list(options: ListOptions): Entry[] {
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
    await this.#liveUntil(end);
    try {
      return ok(this.#rows.query(statement, bindings));
    } catch (error) {
      return err(String((error as Error).message));
    }
  }

  /** The cached value, or what to do about it. */
  take(): Taken {
    const at = now();
    const row = this.#rows.cached();
    if (row !== undefined && at < row.until) return { kind: "fresh", row };
    const old = row !== undefined && at < row.stale ? row : undefined;
    if (this.#failed !== undefined && at < this.#failed.until)
      return { kind: "failed", failure: this.#failed.failure, old };
    if (this.#lease !== undefined && at < this.#lease.until) return { kind: "wait" };
    this.#lease = { id: base64url(randomBytes(9)), until: at + LEASE_MS };
    return { kind: "load", lease: this.#lease.id, old };
  }

  /** A load succeeded. One that lost its lease meanwhile keeps nothing: a newer one is on its way, or there. */
  async keep(lease: string, row: CachedRow): Promise<void> {
    if (this.#lease !== undefined && this.#lease.id !== lease) return;
    this.#lease = undefined;
    this.#rows.putCached(row);
    await this.#cleanAt(Math.max(row.stale, now() + HOUR_MS));
  }

  /** A load failed, or what it gave is not kept (no failure). */
  release(lease: string, failure?: Failure): void {
    if (this.#lease?.id !== lease) return;
    this.#lease = undefined;
    if (failure !== undefined) this.#failed = { failure, until: now() + FAILED_MS };
  }

  /** One use of the limiter. A refused one writes nothing. */
  async use(max: number, windowMs: number): Promise<Limited> {
    const at = now();
    const { limited, after } = use(this.#rows.window(), at, max, windowMs);
    if (after === undefined) return limited;
    this.#rows.putWindow(after);
    await this.#cleanAt(Math.max(emptyAt(after), at + HOUR_MS));
    return limited;
  }

  override async alarm(): Promise<void> {
    const window = this.#rows.window();
    const needed = Math.max(this.#rows.cached()?.stale ?? 0, window === undefined ? 0 : emptyAt(window));
    if (now() < needed) await this.ctx.storage.setAlarm(Math.max(needed, now() + HOUR_MS));
    else await this.ctx.storage.deleteAll();
  }

  /** Sees to it that storage with an end has one. A write that comes after the end has nowhere to go. */
  async #liveUntil(end: number | undefined): Promise<void> {
    if (end === undefined) return;
    if (now() >= end * 1000) throw new Error("This storage has ended");
    await this.#cleanAt(end * 1000);
  }

  /** One alarm at a time: a row each. */
  async #cleanAt(at: number): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(at);
  }
}
