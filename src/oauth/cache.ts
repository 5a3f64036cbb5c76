/**
 * What one isolate keeps for a while: values and never promises, at most so many, none beyond its time.
 * What changes in another isolate is not seen here: that is what `expires` bounds.
 */

export interface Cache<T> {
  /** The value kept under `key`, unless its time is over. Times are milliseconds since the epoch. */
  get(key: string, now: number): T | undefined;
  /** Keeps `value`; the oldest goes to make room. The key must hold all that the value depends on. */
  put(key: string, value: T, expires: number): void;
}

export function cache<T>(most: number = 1_000): Cache<T> {
  const kept = new Map<string, { readonly value: T; readonly expires: number }>();
  return {
    get(key, now) {
      const entry = kept.get(key);
      if (entry === undefined || now < entry.expires) return entry?.value;
      kept.delete(key);
      return undefined;
    },
    put(key, value, expires) {
      kept.delete(key);
      const [oldest] = kept.size >= most ? kept.keys() : [];
      if (oldest !== undefined) kept.delete(oldest);
      kept.set(key, { value, expires });
    },
  };
}
