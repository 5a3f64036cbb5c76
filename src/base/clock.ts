/**
 * The one door to time and chance. Everything else is handed `now` or bytes, so that it can be tested.
 * Never import the timers from a Durable Object: a pending timer keeps an object awake.
 */

/** Milliseconds since the epoch. workerd freezes it between I/O, so it measures no CPU time. */
export function now(): number {
  return Date.now();
}

export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** Runs `action` once after `ms` milliseconds unless the returned function is called first. */
export function after(ms: number, action: () => void): () => void {
  const timer = setTimeout(action, ms);
  return () => clearTimeout(timer);
}

/** Resolves after `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void after(ms, resolve));
}

/** Runs `action` every `ms` milliseconds until the returned function is called. */
export function every(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms);
  return () => clearInterval(timer);
}
