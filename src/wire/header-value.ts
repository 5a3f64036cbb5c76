/**
 * Values of Mcp-* header fields: plain ASCII, or UTF-8 behind the `=?base64?…?=` sentinel.
 * MCP transports/streamable-http#value-encoding. What a value must equal is `protocol/request-headers.ts`'s business.
 */

import { decodeBase64, decodeUtf8 } from "../base/bytes.ts";
import { err, ok, type Result } from "../base/result.ts";

const BASE64_PREFIX = "=?base64?";
const BASE64_SUFFIX = "?=";

/** The text a field value stands for. A value with only one of the two markers is literal text. */
export function decodeHeaderValue(raw: string): Result<string, string> {
  // spec: mirror.value.characters
  if (!/^[\t\x20-\x7E]*$/.test(raw)) return err("holds characters outside visible ASCII");
  // workerd strips leading white space only; both ends are outside the value (RFC 9110 section 5.5). No pattern here:
  // one that looks for blanks before the end takes time in the square of their number.
  const value = raw.trim();
  // spec: mirror.value.markers
  if (
    !value.startsWith(BASE64_PREFIX) ||
    !value.endsWith(BASE64_SUFFIX) ||
    value.length < BASE64_PREFIX.length + BASE64_SUFFIX.length
  ) {
    return ok(value);
  }
  // spec: mirror.value.decode
  const bytes = decodeBase64(value.slice(BASE64_PREFIX.length, -BASE64_SUFFIX.length));
  if (bytes === undefined) return err("is not valid base64");
  const text = decodeUtf8(bytes);
  return text === undefined ? err("does not decode to UTF-8") : ok(text);
}
