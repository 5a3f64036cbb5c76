/**
 * Signed text: `key id "." text "." base64url(HMAC-SHA-256)`, for values that are not secret but must not be made up.
 * RFC 2104. Equal text gives equal output under one key; the purpose picks the subkey, and the context, which is signed
 * and not shown, must be given again to read it. Says nothing about age or use.
 */

import { base64url, readBase64url, utf8 } from "../base/bytes.ts";
import type { KeyRing } from "./keyring.ts";

/** `text` with its proof. The text must not hold a "." that its reader does not expect. */
export async function sign(ring: KeyRing, purpose: string, text: string, context: string = ""): Promise<string> {
  const body = `${ring.current}.${text}`;
  const key = ring.subkey(ring.current, purpose, "sign");
  if (key === undefined) throw new Error("The key ring lost its current key");
  const proof = await crypto.subtle.sign("HMAC", await key, signed(body, context));
  return `${body}.${base64url(new Uint8Array(proof))}`;
}

/** The text of `value`, or undefined when the ring did not sign it for `purpose` and `context`. */
export async function readSigned(
  ring: KeyRing,
  purpose: string,
  value: string,
  context: string = "",
): Promise<string | undefined> {
  const last = value.lastIndexOf(".");
  const body = value.slice(0, Math.max(last, 0));
  const first = body.indexOf(".");
  const proof = readBase64url(value.slice(last + 1));
  const key = ring.subkey(body.slice(0, Math.max(first, 0)), purpose, "sign");
  if (proof === undefined || key === undefined) return undefined;
  const authentic = await crypto.subtle.verify("HMAC", await key, proof, signed(body, context));
  return authentic ? body.slice(first + 1) : undefined;
}

/** No two pairs give the same bytes: no body begins with a bracket, since no key id does. */
function signed(body: string, context: string): Uint8Array<ArrayBuffer> {
  return utf8(context === "" ? body : JSON.stringify([body, context]));
}
