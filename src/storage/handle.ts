/**
 * Handles: signed names of storage, made by this server and passed through models as ordinary tool arguments.
 *
 *   the owner's   k1.rA9xQ2mN0b7KpLsT.t5x2k0.<mac>           key, random name, end (base 36, seconds), proof
 *   shared        k1.rA9xQ2mN0b7KpLsT.t5x2k0.t5p9c0.<mac>    with an end of its own
 * The owner is signed and not shown, so that another caller's handle fails here and wakes nothing. A shared one opens
 * for whoever holds it. The storage's own end is part of its name: every handle to it agrees on when it goes.
 */

import { encodeBase64url } from "../base/bytes.ts";
import { randomBytes } from "../base/time.ts";
import { err, ok, type Result } from "../base/result.ts";
import { verifyText, signText } from "../crypto/hmac.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import type { HandleFault } from "./types.ts";

/** Times are seconds since the epoch. */
export interface StorageHandle {
  /** Of the object: its random part, and its end. */
  readonly name: string;
  readonly storageEndsAtSeconds: number;
  readonly access: "owner" | "shared";
  /** When this handle opens nothing any more: never after the end. */
  readonly expiresAtSeconds: number;
}

const HANDLE_PURPOSE = "handle";

/** A handle to storage that does not exist yet: 96 random bits name it. */
export function createHandle(ring: KeyRing, owner: string, end: number): Promise<string> {
  return signText(
    ring,
    HANDLE_PURPOSE,
    `${encodeBase64url(randomBytes(12))}.${end.toString(36)}`,
    owner,
  );
}

/** A handle to the same storage that any caller may use until `expires` (seconds since the epoch). */
export function shareHandle(
  ring: KeyRing,
  { name }: StorageHandle,
  expires: number,
): Promise<string> {
  return signText(ring, HANDLE_PURPOSE, `${name}.${expires.toString(36)}`);
}

/** What a handle opens for `owner` at `now` (seconds). "forged" is also another caller's: nothing in it says whose it is. */
export async function verifyHandle(
  ring: KeyRing,
  handle: string,
  owner: string,
  nowSeconds: number,
): Promise<Result<StorageHandle, HandleFault>> {
  const isShared = handle.split(".").length === 5;
  const text = await verifyText(ring, HANDLE_PURPOSE, handle, isShared ? "" : owner);
  if (text === undefined) return err("forged");
  const [random, end = "", ownEnd = end] = text.split(".");
  const expiresAtSeconds = parseInt(ownEnd, 36);
  if (nowSeconds >= expiresAtSeconds) return err("expired");
  return ok({
    name: `${random}.${end}`,
    storageEndsAtSeconds: parseInt(end, 36),
    access: isShared ? "shared" : "owner",
    expiresAtSeconds,
  });
}
