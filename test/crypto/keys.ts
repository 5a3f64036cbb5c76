/** Key rings for tests: each id has its own fixed key, so that a failure can be repeated. */

import { encodeBase64 } from "../../src/base/bytes.ts";
import { readKeyRing, type KeyRing } from "../../src/crypto/key-ring.ts";

/** 32 bytes that count up from `start`, as a ring spells them. `keyText("test", 0)` is the key of the vectors. */
export function keyText(id: string, start: number = 0, length: number = 32): string {
  return `${id}:${encodeBase64(Uint8Array.from({ length }, (_, index) => (start + index) % 256))}`;
}

/** A ring of the keys "a" to "z" named by `ids`; the first seals. */
export function ringOf(...ids: string[]): KeyRing {
  const ring = readKeyRing(ids.map((id) => keyText(id, id.charCodeAt(0))).join(","));
  if (!ring.ok) throw new Error(ring.error);
  return ring.value;
}
