/**
 * The one place for time and randomness. Everything else is handed `now` or bytes, so that it can be tested.
 * Never import the timers from a Durable Object: a pending timer keeps an object awake.
 */

/** Milliseconds since the epoch. workerd freezes it between I/O, so it measures no CPU time. */
export function now(): number {
  return Date.now();
}

/** Cryptographically random bytes. */
export function randomBytes(byteCount: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(byteCount));
}

/** Runs `action` once after `ms` milliseconds unless the returned function is called first. */
export function startTimer(ms: number, action: () => void): () => void {
  const timer = setTimeout(action, ms);
  return () => clearTimeout(timer);
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    startTimer(ms, resolve);
  });
}

/**
 * What comes of `work`, unless it takes longer than `ms` milliseconds.
 * @throws an Error then.
 */
export async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  let cancelTimeout = (): void => undefined;
  const timeout = new Promise<never>((_, reject) => {
    cancelTimeout = startTimer(ms, () => reject(new Error(`it said nothing for ${ms / 1000} s`)));
  });
  return Promise.race([work, timeout]).finally(cancelTimeout);
}

/** Runs `action` every `ms` milliseconds until the returned function is called. */
export function startInterval(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms);
  return () => clearInterval(timer);
}
