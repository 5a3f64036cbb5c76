/**
 * Reading a request body under a cap. The cap holds on the stream itself: Content-Length is trusted only where
 * the HTTP layer below enforces it, which is always when present; chunked bodies are counted by hand.
 */

import { decodeUtf8, readStream } from "../base/bytes.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";

/** Body text of at most `maxBytes`. Refuses larger bodies (413), bytes that are not UTF-8, and what ends before its end. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Result<string, ProtocolError>> {
  const contentLength = request.headers.get("content-length");
  let bytes: Uint8Array | undefined;
  try {
    if (contentLength === null) bytes = await readStream(request.body, maxBytes);
    else if (Number(contentLength) <= maxBytes) bytes = new Uint8Array(await request.arrayBuffer());
  } catch {
    // Its sender has left: nobody reads this, but it counts as a message that was sent.
    return err(protocolError("ParseError", "Body ends too early"));
  }
  if (bytes === undefined)
    return err(protocolError("BodyTooLarge", `Body is larger than ${maxBytes} bytes`));
  const text = decodeUtf8(bytes);
  // spec: http.utf8
  return text === undefined
    ? err(protocolError("ParseError", "Body is not valid UTF-8"))
    : ok(text);
}
