/**
 * JSON-RPC 2.0 messages: reading them from a body, and writing answers as single-line JSON.
 * https://www.jsonrpc.org/specification, narrowed by MCP basic#messages (ids are strings or integers, never null).
 * An optional member that is null counts as absent, for every reader: {@link parseJsonBody} drops it.
 * Whether a revision has batches is `protocol/era.ts`'s business.
 */

import { isWithinBytes } from "../base/bytes.ts";
import {
  checkJson,
  isObject,
  mayParse,
  MAX_JSON_DEPTH,
  MAX_JSON_VALUES,
  type JsonObject,
  type JsonValue,
} from "../base/json.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { ERRORS } from "./errors.ts";

export type RequestId = string | number;

/** Bytes of the largest message that is sent. A row of a session's storage holds little more. */
export const MAX_MESSAGE_BYTES = 1_900_000;
/** Bytes of a request id or a progress token: both are kept, and sent back with every event. */
export const MAX_ID_BYTES = 1_024;

export interface RpcRequest {
  readonly kind: "request";
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
}

export interface RpcNotification {
  readonly kind: "notification";
  readonly method: string;
  readonly params: JsonObject;
}

export interface RpcResponse {
  readonly kind: "response";
  /** Absent only beside an error: the client could not read the id of what it answers. */
  readonly id: RequestId | undefined;
  readonly result?: JsonObject;
  readonly error?: JsonObject;
}

export type Message = RpcRequest | RpcNotification | RpcResponse;

/** At least one. */
export type Messages = readonly [Message, ...Message[]];

/** A body, read once: its messages, or why there are none, and what an error about it carries. */
export interface ParsedBody {
  readonly messages: Result<Messages, ProtocolError>;
  readonly isBatch: boolean;
  /** Of a body that is one request; undefined of a batch, and where it cannot be read. */
  readonly id: RequestId | undefined;
}

/** The text of a body, or why it could not be read, to its messages. */
export function parseBody(text: Result<string, ProtocolError>): ParsedBody {
  const json = text.ok ? parseJsonBody(text.value) : text;
  if (!json.ok) return { messages: json, isBatch: false, id: undefined };
  return {
    messages: readMessages(json.value),
    isBatch: Array.isArray(json.value),
    id: requestIdOf(json.value),
  };
}

/** Body text to JSON without null members. Refuses text that is not JSON, and what nests or holds too much. */
export function parseJsonBody(text: string): Result<JsonValue, ProtocolError> {
  const tooMuch = `Body nests deeper than ${MAX_JSON_DEPTH} levels or holds more than ${MAX_JSON_VALUES} values`;
  if (!mayParse(text)) return invalidRequest(tooMuch);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // spec: jsonrpc.parse
    return err(protocolError("ParseError", "Body is not valid JSON"));
  }
  return checkJson(value, "") ? ok(value) : invalidRequest(tooMuch);
}

/** One JSON value to one message. Members beyond those of JSON-RPC are ignored. */
export function readMessage(value: JsonValue): Result<Message, ProtocolError> {
  // spec: jsonrpc.invalid
  if (!isObject(value)) return invalidRequest("A message must be a JSON object");
  const { method, error } = value;
  // Nobody answers a notification, nor an error about a message whose id could not be read: null is no id there.
  const needsId =
    typeof method === "string" ? !method.startsWith("notifications/") : !isObject(error);
  const id = value["id"] === null && !needsId ? undefined : value["id"];
  // spec: jsonrpc.id.echo, jsonrpc.id.null
  if (id !== undefined && !isRequestId(id))
    return invalidRequest(`"id" must be an integer or a string of at most ${MAX_ID_BYTES} bytes`);
  // spec: jsonrpc.version
  if (value["jsonrpc"] !== "2.0") return invalidRequest('"jsonrpc" must be "2.0"');
  return "method" in value ? readRequestOrNotification(value, id) : readResponse(value, id);
}

/** Most messages in one batch. */
export const MAX_BATCH_MESSAGES = 50;

/** A body that may be a batch. Refuses an empty one, a large one, and one with any part that is not a message. */
export function readMessages(value: JsonValue): Result<Messages, ProtocolError> {
  const values = Array.isArray(value) ? value : [value];
  // spec: session.batch.single
  if (values.length === 0 || values.length > MAX_BATCH_MESSAGES)
    return invalidRequest(`A batch holds 1 to ${MAX_BATCH_MESSAGES} messages`);
  const messages: Message[] = [];
  for (const item of values) {
    const message = readMessage(item);
    if (!message.ok) return message;
    messages.push(message.value);
  }
  return ok(messages as [Message, ...Message[]]);
}

function readRequestOrNotification(
  value: JsonObject,
  id: RequestId | undefined,
): Result<Message, ProtocolError> {
  const method = value["method"];
  if (typeof method !== "string") return invalidRequest('"method" must be a string');
  if ("result" in value || "error" in value)
    return invalidRequest('A message has "method" or "result", not both');
  const params = value["params"] ?? {};
  // spec: http.notification.refused, jsonrpc.params.structured
  if (!isObject(params)) return invalidRequest('"params" must be an object');
  return ok(
    id === undefined
      ? { kind: "notification", method, params }
      : { kind: "request", id, method, params },
  );
}

function readResponse(
  value: JsonObject,
  id: RequestId | undefined,
): Result<Message, ProtocolError> {
  const { result, error } = value as { result?: JsonValue; error?: JsonValue };
  if (isObject(error) && result === undefined) return ok({ kind: "response", id, error });
  if (id !== undefined && isObject(result) && error === undefined)
    return ok({ kind: "response", id, result });
  return invalidRequest('A message needs "method", or "id" with "result" or "error"');
}

/** The id of what may be a message, when it has one that can be answered. A batch has none. */
export function requestIdOf(value: JsonValue): RequestId | undefined {
  const id = isObject(value) ? value["id"] : undefined;
  return isRequestId(id) ? id : undefined;
}

function isRequestId(id: JsonValue | undefined): id is RequestId {
  return typeof id === "string" ? isWithinIdLimit(id) : Number.isSafeInteger(id);
}

/** Whether what may be a request id or a progress token is short enough to be one, and text that UTF-8 can say. */
export function isWithinIdLimit(value: JsonValue | undefined): boolean {
  return typeof value !== "string" || (isWithinBytes(value, MAX_ID_BYTES) && value.isWellFormed());
}

function invalidRequest(message: string): Result<never, ProtocolError> {
  return err(protocolError("InvalidRequest", message));
}

/** The answer to request `id`; `result` is already JSON text. An error where that is too large. */
export function writeResult(id: RequestId, result: string): string {
  // spec: result.present, jsonrpc.response.one, jsonrpc.response.both
  return withinMessageLimit(id, `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
}

/** Said in place of an answer that is larger than {@link MAX_MESSAGE_BYTES}. */
export const MESSAGE_TOO_LARGE: ProtocolError = protocolError(
  "InternalError",
  `The answer is larger than ${MAX_MESSAGE_BYTES} bytes`,
);

/**
 * `json` without halves of surrogate pairs, which JSON can write and UTF-8 cannot: many clients refuse such a text whole
 * (RFC 8259 section 8.2). JSON.stringify escapes them, and no whole pair.
 */
export function replaceHalfPairs(json: string): string {
  if (!json.includes("\\ud")) return json;
  // Every escape in turn: a backslash that was written by a handler is two.
  return json.replaceAll(/\\(?:ud[89a-f][\da-f]{2}|[^])/g, (escape) =>
    escape.startsWith("\\ud") ? "\\ufffd" : escape,
  );
}

function withinMessageLimit(id: RequestId | undefined, json: string): string {
  const text = replaceHalfPairs(json);
  return isWithinBytes(text, MAX_MESSAGE_BYTES) ? text : writeError(id, MESSAGE_TOO_LARGE);
}

/** An error answer. Without an id the member is left out, never null. */
export function writeError(id: RequestId | undefined, reason: ProtocolError): string {
  // spec: jsonrpc.error.shape
  const error = { code: ERRORS[reason.error].code, message: reason.message, data: reason.data };
  // spec: jsonrpc.error.id
  return withinMessageLimit(id, JSON.stringify({ jsonrpc: "2.0", id, error }));
}

/** A JSON-RPC notification as text. */
export function writeNotification(
  method: string,
  params: { readonly [key: string]: JsonValue | undefined },
): string {
  // spec: jsonrpc.notification.id
  return replaceHalfPairs(JSON.stringify({ jsonrpc: "2.0", method, params }));
}
