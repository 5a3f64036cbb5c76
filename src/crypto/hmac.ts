/**
 * Signed text: `key id "." text "." base64url(HMAC-SHA-256)`, for values that are not secret but must not be made up.
 * RFC 2104. Equal text gives equal output under one key; the purpose picks the subkey, and the context, which is signed
 * and not shown, must be given again to read it. Says nothing about age or use.
 */

import { encodeBase64url, decodeBase64url, encodeUtf8 } from "../base/bytes.ts";
import type { KeyRing } from "./key-ring.ts";

/** `text` with its proof. The text must not hold a "." that its reader does not expect. */
export async function signText(
  ring: KeyRing,
  purpose: string,
  text: string,
  context: string = "",
): Promise<string> {
  const body = `${ring.currentId}.${text}`;
  const key = ring.subkey(ring.currentId, purpose, "sign");
  if (key === undefined) throw new Error("The key ring lost its current key");
  const tag = await crypto.subtle.sign("HMAC", await key, macInput(body, context));
  return `${body}.${encodeBase64url(new Uint8Array(tag))}`;
}

/** The text of `value`, or undefined when the ring did not sign it for `purpose` and `context`. */
export async function verifyText(
  ring: KeyRing,
  purpose: string,
  value: string,
  context: string = "",
): Promise<string | undefined> {
  const lastDot = value.lastIndexOf(".");
  const body = value.slice(0, Math.max(lastDot, 0));
  const firstDot = body.indexOf(".");
  const tag = decodeBase64url(value.slice(lastDot + 1));
  const key = ring.subkey(body.slice(0, Math.max(firstDot, 0)), purpose, "sign");
  if (tag === undefined || key === undefined) return undefined;
  const isAuthentic = await crypto.subtle.verify("HMAC", await key, tag, macInput(body, context));
  return isAuthentic ? body.slice(firstDot + 1) : undefined;
}

/** No two pairs give the same bytes: no body begins with a bracket, since no key id does. */
function macInput(body: string, context: string): Uint8Array<ArrayBuffer> {
  return encodeUtf8(context === "" ? body : JSON.stringify([body, context]));
}
