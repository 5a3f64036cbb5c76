/**
 * The key ring: named 256-bit keys from configuration. The first seals, all of them open, so keys rotate without loss.
 * A subkey per purpose comes from HKDF-SHA-256 (RFC 5869): a value sealed for one purpose never opens for another.
 * Refuses short, malformed, repeated and visibly weak keys. Does not judge where the key came from.
 */

import { decodeBase64, decodeBase64url, encodeUtf8 } from "../base/bytes.ts";
import { err, ok, type Result } from "../base/result.ts";

/** What a subkey does. The two are derived apart, so that no key ever serves both. */
type KeyUse = "seal" | "sign";

export interface KeyRing {
  /** Id of the key that seals. */
  readonly currentId: string;
  /** The subkey of key `id` for `purpose` (AES-256-GCM, or HMAC-SHA-256), or undefined when the ring does not hold `id`. */
  subkey(id: string, purpose: string, use?: KeyUse): Promise<CryptoKey> | undefined;
  /** A subkey for one sealing alone, by its random salt; not remembered. */
  saltedSubkey(
    id: string,
    purpose: string,
    salt: Uint8Array<ArrayBuffer>,
  ): Promise<CryptoKey> | undefined;
}

/** Reads `id:base64key,id:base64key,…`: 32 bytes a key, ids of letters, digits, "-" and "_". The reason names the key, never its bytes. */
export function readKeyRing(text: string): Result<KeyRing, string> {
  const keys = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const entry of text.split(",").map((part) => part.trim())) {
    const [, id, encoded] = /^([\w-]{1,32}):(.+)$/.exec(entry) ?? [];
    if (id === undefined || encoded === undefined) return err('A key must be "id:base64"');
    const bytes = decodeBase64(encoded) ?? decodeBase64url(encoded);
    if (bytes?.length !== 32) return err(`Key "${id}" is not 32 bytes of base64`);
    if (new Set(bytes).size < 8) return err(`Key "${id}" is too regular`);
    if (keys.has(id)) return err(`Key id "${id}" appears twice`);
    keys.set(id, bytes);
  }
  const [currentId] = keys.keys();
  return currentId === undefined
    ? err("The key ring is empty")
    : ok(createKeyRing(currentId, keys));
}

function createKeyRing(
  currentId: string,
  keys: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): KeyRing {
  // A derived key is a pure function of (id, purpose); the map only saves deriving it on every request.
  const derivedKeys = new Map<string, Promise<CryptoKey>>();
  return {
    currentId,
    subkey(id, purpose, use = "seal") {
      const bytes = keys.get(id);
      if (bytes === undefined) return undefined;
      const name = `${id}/${use}/${purpose}`;
      const key = derivedKeys.get(name) ?? deriveKey(bytes, purpose, use);
      derivedKeys.set(name, key);
      return key;
    },
    saltedSubkey(id, purpose, salt) {
      const bytes = keys.get(id);
      return bytes && deriveKey(bytes, purpose, "seal", salt);
    },
  };
}

async function deriveKey(
  bytes: Uint8Array<ArrayBuffer>,
  purpose: string,
  use: KeyUse,
  salt: Uint8Array<ArrayBuffer> = new Uint8Array(0),
): Promise<CryptoKey> {
  const master = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
  const info = encodeUtf8(use === "seal" ? `barewire/${purpose}` : `barewire/sign/${purpose}`);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt, info };
  return use === "seal"
    ? crypto.subtle.deriveKey(hkdf, master, { name: "AES-GCM", length: 256 }, false, [
        "encrypt",
        "decrypt",
      ])
    : crypto.subtle.deriveKey(hkdf, master, { name: "HMAC", hash: "SHA-256", length: 256 }, false, [
        "sign",
        "verify",
      ]);
}
