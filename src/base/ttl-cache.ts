/**
 * What one isolate keeps for a while: values and never promises, at most so many, none beyond its time.
 * What changes in another isolate is not seen here: that is what `expires` bounds.
 */

export interface TtlCache<T> {
  /** The value kept under `key`, unless its time is over. Times are milliseconds since the epoch. */
  get(key: string, now: number): T | undefined;
  /** Keeps `value`; the oldest goes to make room. The key must hold all that the value depends on. */
  put(key: string, value: T, expiresAt: number): void;
}

/** A cache in memory of at most `maxEntries` values, each until its own time. */
export function createTtlCache<T>(maxEntries: number = 1_000): TtlCache<T> {
  const entries = new Map<string, { readonly value: T; readonly expires: number }>();
  return {
    get(key, now) {
      const entry = entries.get(key);
      if (entry === undefined || now < entry.expires) return entry?.value;
      entries.delete(key);
      return undefined;
    },
    put(key, value, expiresAt) {
      entries.delete(key);
      const [oldest] = entries.size >= maxEntries ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
      entries.set(key, { value, expires: expiresAt });
    },
  };
}
