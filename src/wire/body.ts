/**
 * Reading a request body under a cap. The cap holds on the stream itself: Content-Length is trusted only where
 * the HTTP layer below enforces it, which is always when present; chunked bodies are counted by hand.
 */

import { readUtf8, readWithin } from "../base/bytes.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";

/** Body text of at most `cap` bytes. Refuses larger bodies (413) and bytes that are not UTF-8. */
export async function readBody(request: Request, cap: number): Promise<Result<string, Refusal>> {
  const declared = request.headers.get("content-length");
  let bytes: Uint8Array | undefined;
  if (declared === null) bytes = await readWithin(request.body, cap);
  else if (Number(declared) <= cap) bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes === undefined) return err(refusal("BodyTooLarge", `Body is larger than ${cap} bytes`));
  const text = readUtf8(bytes);
  // spec: http.utf8
  return text === undefined ? err(refusal("ParseError", "Body is not valid UTF-8")) : ok(text);
}
