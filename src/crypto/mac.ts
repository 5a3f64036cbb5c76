/**
 * Signed text: `key id "." text "." base64url(HMAC-SHA-256)`, for values that are not secret but must not be made up.
 * RFC 2104. Equal text gives equal output under one key; the purpose picks the subkey. Says nothing about age or use.
 */

import { base64url, readBase64url, utf8 } from "../base/bytes.ts";
import type { KeyRing } from "./keyring.ts";

/** `text` with its proof. The text must not hold a "." that its reader does not expect. */
export async function sign(ring: KeyRing, purpose: string, text: string): Promise<string> {
  const body = `${ring.current}.${text}`;
  const key = ring.subkey(ring.current, purpose, "sign");
  if (key === undefined) throw new Error("The key ring lost its current key");
  return `${body}.${base64url(new Uint8Array(await crypto.subtle.sign("HMAC", await key, utf8(body))))}`;
}

/** The text of `signed`, or undefined when the ring did not sign it for `purpose`. */
export async function readSigned(ring: KeyRing, purpose: string, signed: string): Promise<string | undefined> {
  const last = signed.lastIndexOf(".");
  const body = signed.slice(0, Math.max(last, 0));
  const first = body.indexOf(".");
  const proof = readBase64url(signed.slice(last + 1));
  const key = ring.subkey(body.slice(0, Math.max(first, 0)), purpose, "sign");
  if (proof === undefined || key === undefined) return undefined;
  return (await crypto.subtle.verify("HMAC", await key, proof, utf8(body))) ? body.slice(first + 1) : undefined;
}
