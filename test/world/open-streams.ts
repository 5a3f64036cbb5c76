/**
 * Streams that tests read. The server makes the connections of one anew when its object is reset: what empties the storage
 * would wait for that for ever.
 */

/** Test files share a workerd, so this outlives each of them. */
const shared = globalThis as { barewireStreams?: Set<() => Promise<void>> };
shared.barewireStreams ??= new Set();
const openStreams = shared.barewireStreams;

/** `cancel` ends a stream; one that is over may be ended again. */
export function noteStream(cancel: () => Promise<void>): void {
  openStreams.add(cancel);
}

/** Ends every stream that is still read. */
export async function endStreams(): Promise<void> {
  const cancels = [...openStreams];
  openStreams.clear();
  await Promise.allSettled(cancels.map((cancel) => cancel()));
}
