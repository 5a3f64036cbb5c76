/**
 * HTTP answers that carry JSON-RPC, and the checks every POST passes before its body is looked at.
 * MCP transports/streamable-http#sending-messages. Every refusal has a JSON body that says what would be accepted.
 */

import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { ERRORS, RETRY_AFTER_SECONDS } from "./errors.ts";
import { writeError, type RequestId } from "./jsonrpc.ts";
import { acceptsMediaType, isMediaType } from "./media-type.ts";

const JSON_FIELDS = { "content-type": "application/json", "cache-control": "no-store" };
const JSON_HEADERS: Headers = new Headers(JSON_FIELDS);
const JSON_AND_EVENT_STREAM = "application/json, text/event-stream";

/** The address of all strangers where the platform tells none. */
export const UNKNOWN_ADDRESS = "local";

/**
 * Who sent a request, as far as the platform says: for limits on strangers. Outside Cloudflare a proxy must set it.
 * Of an IPv6 address the first 64 bits: the others are its owner's to choose (RFC 4291 section 2.5.4).
 */
export function clientAddress(request: Request): string {
  const address = (request.headers.get("cf-connecting-ip") ?? UNKNOWN_ADDRESS).replace(
    /^::ffff:(?=[\d.]+$)/i,
    "",
  );
  if (!address.includes(":")) return address;
  const [head = [], tail = []] = address.split("::").map((part) => part.split(":"));
  const missing = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  const groups = head.concat(missing, tail).slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16) || 0).join(":");
}

/** Whether a document that is only read is asked for. */
export function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/** The value of a header without the blanks around it. A header without a value counts as absent. */
export function readHeader(headers: Headers, name: string): string | null {
  const value = headers.get(name)?.trim() ?? "";
  return value === "" ? null : value;
}

/** An answer with `text`, which is already JSON. */
export function jsonResponse(text: string, status: number = 200): Response {
  return new Response(text, { status, headers: JSON_HEADERS });
}

/** The answer to a JSON-RPC request: its text, and the error in it when it is one. */
export interface JsonRpcReply {
  readonly text: string;
  readonly error?: ProtocolError;
}

/** A JSON-RPC answer as a whole HTTP answer. An error has the status of its row in the error table. */
export function replyResponse(
  { text, error }: JsonRpcReply,
  headers: Record<string, string> = {},
): Response {
  if (error === undefined) return jsonResponse(text);
  const { status } = ERRORS[error.error];
  const retryAfter = status === 429 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : undefined;
  return new Response(text, { status, headers: { ...JSON_FIELDS, ...retryAfter, ...headers } });
}

/** A refusal as a whole HTTP answer. `headers`: what its kind demands besides, such as `Allow`. */
export function errorResponse(
  error: ProtocolError,
  id?: RequestId,
  headers?: Record<string, string>,
): Response {
  return replyResponse({ text: writeError(id, error), error }, headers);
}

/** 204: what was to be deleted is gone. */
export function deletedResponse(): Response {
  return new Response(null, { status: 204 });
}

/** 202: a notification or a response was taken; there is nothing to say. */
export function acceptedResponse(): Response {
  return new Response(null, { status: 202 });
}

/** Checks Content-Type and Accept of a POST. An absent Accept means "anything" (RFC 9110 section 12.5.1). */
export function checkMediaTypes(headers: Headers): Result<void, ProtocolError> {
  if (!isMediaType(headers.get("content-type"), "application/json")) {
    return err(protocolError("UnsupportedMediaType", "Content-Type must be application/json"));
  }
  const accept = readHeader(headers, "accept");
  if (accept === null || accept === JSON_AND_EVENT_STREAM) return ok(undefined);
  if (acceptsMediaType(accept, "application/json") && acceptsMediaType(accept, "text/event-stream"))
    return ok(undefined);
  return err(
    protocolError("NotAcceptable", "Accept must list application/json and text/event-stream"),
  );
}
