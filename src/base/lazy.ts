/** A value that is made when first asked for, and kept. For what an isolate's start should not pay for. */

/** Calls `create` at the first use, and gives the same value from then on. */
export function lazy<T>(create: () => T): () => T {
  let created: { readonly value: T } | undefined;
  return () => (created ??= { value: create() }).value;
}
