/**
 * Sealing of database rows: bytes that rest where others may read, move, change and cut them. AES-256-GCM (NIST SP
 * 800-38D) with a random 96-bit IV, under a key of its own from HKDF-SHA-256 (RFC 5869) with a random salt.
 *
 *   version 1 | length of all 4 | salt 16 | IV 12 | SHA-256 of the row's identity 32 | ciphertext and tag
 *
 * All before the ciphertext, and the key's id, are additional data. Each way to fail has a reason of its own.
 */

import { concatBytes, encodeUtf8 } from "../base/bytes.ts";
import { randomBytes } from "../base/time.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "./key-ring.ts";
import {
  BODY_OFFSET,
  FORMAT_VERSION,
  IDENTITY_OFFSET,
  IV_OFFSET,
  LENGTH_OFFSET,
  SALT_OFFSET,
  TAG_BYTES,
} from "./row-layout.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface SealedRow {
  /** Id of the ring key, kept beside the blob so that rows can be found by it. */
  readonly key: string;
  readonly blob: Bytes;
}

export type RowFault =
  /** The key is not in the ring. */
  | "key.missing"
  /** Another version of this format. */
  | "format.unknown"
  /** Less is there than was written. */
  | "truncated"
  /** It was written for another row, and is whole. */
  | "moved"
  /** Not what was written, or not by this key. */
  | "changed";

/** Seals `plaintext` for the row `identity`, under the ring's current key. */
export async function sealRow(
  ring: KeyRing,
  purpose: string,
  identity: string,
  plaintext: Bytes,
): Promise<SealedRow> {
  // 1. The header: how long all of it is, salt and IV of this sealing, and whose row it is.
  const header = new Uint8Array(BODY_OFFSET);
  new DataView(header.buffer).setUint32(LENGTH_OFFSET, BODY_OFFSET + plaintext.length + TAG_BYTES);
  header[0] = FORMAT_VERSION;
  header.set(randomBytes(IDENTITY_OFFSET - SALT_OFFSET), SALT_OFFSET);
  header.set(await sha256(identity), IDENTITY_OFFSET);
  // 2. A key for this sealing alone. 3. The rest.
  const key = await ring.saltedSubkey(
    ring.currentId,
    purpose,
    header.slice(SALT_OFFSET, IV_OFFSET),
  );
  if (key === undefined) throw new Error("The key ring lost its current key");
  const sealed = await crypto.subtle.encrypt(aesGcmParams(header, ring.currentId), key, plaintext);
  return { key: ring.currentId, blob: concatBytes(header, new Uint8Array(sealed)) };
}

/** What was sealed for `identity`, or the reason why it does not open. */
export async function openRow(
  ring: KeyRing,
  purpose: string,
  identity: string,
  { key: id, blob }: SealedRow,
): Promise<Result<Bytes, RowFault>> {
  // 1. All of it is there, in this format.
  if (blob.length > 0 && blob[0] !== FORMAT_VERSION) return err("format.unknown");
  if (blob.length < BODY_OFFSET + TAG_BYTES) return err("truncated");
  const length = new DataView(blob.buffer, blob.byteOffset).getUint32(LENGTH_OFFSET);
  if (length > blob.length) return err("truncated");
  // 2. Its key is in the ring.
  const header = blob.slice(0, BODY_OFFSET);
  const key = ring.saltedSubkey(id, purpose, header.slice(SALT_OFFSET, IV_OFFSET));
  if (key === undefined) return err("key.missing");
  // 3. It is what was written. 4. It was written for this row: a header that is authentic says for which.
  const plaintext = await decrypt(await key, aesGcmParams(header, id), blob.slice(BODY_OFFSET));
  if (plaintext === undefined) return err("changed");
  const identityDigest = await sha256(identity);
  return crypto.subtle.timingSafeEqual(header.slice(IDENTITY_OFFSET), identityDigest)
    ? ok(plaintext)
    : err("moved");
}

function aesGcmParams(header: Bytes, key: string) {
  return {
    name: "AES-GCM",
    iv: header.slice(IV_OFFSET, IDENTITY_OFFSET),
    additionalData: concatBytes(header, encodeUtf8(key)),
  };
}

async function decrypt(
  key: CryptoKey,
  algorithm: ReturnType<typeof aesGcmParams>,
  ciphertext: Bytes,
): Promise<Bytes | undefined> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, ciphertext));
  } catch {
    return undefined;
  }
}

async function sha256(identity: string): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encodeUtf8(identity)));
}
