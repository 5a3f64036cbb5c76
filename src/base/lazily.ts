/** A value that is made when first asked for, and kept. For what an isolate's start should not pay for. */

export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
