/**
 * Handles: signed names of storage, made by this server and passed through models as ordinary tool arguments.
 *
 *   the owner's   k1.rA9xQ2mN0b7KpLsT.t5x2k0.<mac>           key, random name, end (base 36, seconds), proof
 *   shared        k1.rA9xQ2mN0b7KpLsT.t5x2k0.t5p9c0.<mac>    with an end of its own
 * The owner is signed and not shown, so that another caller's handle fails here and wakes nothing. A shared one opens
 * for whoever holds it. The storage's own end is part of its name: every handle to it agrees on when it goes.
 */

import { base64url } from "../base/bytes.ts";
import { randomBytes } from "../base/clock.ts";
import { err, ok, type Result } from "../base/result.ts";
import { readSigned, sign } from "../crypto/mac.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { HandleFault } from "./store.ts";

/** Times are seconds since the epoch. */
export interface Handle {
  /** Of the object: its random part, and its end. */
  readonly name: string;
  readonly end: number;
  readonly access: "owner" | "shared";
  /** When this handle opens nothing any more: never after the end. */
  readonly expires: number;
}

const PURPOSE = "handle";

/** A handle to storage that does not exist yet: 96 random bits name it. */
export function mintHandle(ring: KeyRing, owner: string, end: number): Promise<string> {
  return sign(ring, PURPOSE, `${base64url(randomBytes(12))}.${end.toString(36)}`, owner);
}

export function shareHandle(ring: KeyRing, { name }: Handle, expires: number): Promise<string> {
  return sign(ring, PURPOSE, `${name}.${expires.toString(36)}`);
}

/** What a handle opens for `owner` at `now` (seconds). "forged" is also another caller's: nothing in it says whose it is. */
export async function readHandle(
  ring: KeyRing,
  handle: string,
  owner: string,
  now: number,
): Promise<Result<Handle, HandleFault>> {
  const shared = handle.split(".").length === 5;
  const text = await readSigned(ring, PURPOSE, handle, shared ? "" : owner);
  if (text === undefined) return err("forged");
  const [random, end = "", own = end] = text.split(".");
  const expires = parseInt(own, 36);
  if (now >= expires) return err("expired");
  return ok({ name: `${random}.${end}`, end: parseInt(end, 36), access: shared ? "shared" : "owner", expires });
}
