/**
 * The `_meta` envelope of a stateless request: version, client, capabilities, progress token, log level.
 * MCP basic#_meta. Refuses a request that lacks a required field or holds one of the wrong shape.
 * Whether the version is served, and whether headers agree, is decided after this.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { isWithinIdLimit, MAX_ID_BYTES } from "../wire/jsonrpc.ts";

/** RFC 5424 severities, mildest first. */
export const LOG_LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

// spec: meta.key.format, meta.trace.format
export const META_KEYS = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
  serverInfo: "io.modelcontextprotocol/serverInfo",
} as const;

/** Settings of a capability; an empty object says "supported". */
type CapabilitySettings = Readonly<Record<string, unknown>>;

/** What a client can do. Unknown members pass: extensions declare themselves there. */
export interface ClientCapabilities {
  readonly elicitation?:
    | {
        readonly form?: CapabilitySettings | undefined;
        readonly url?: CapabilitySettings | undefined;
      }
    | undefined;
  readonly sampling?:
    | {
        readonly context?: CapabilitySettings | undefined;
        readonly tools?: CapabilitySettings | undefined;
      }
    | undefined;
  readonly roots?: CapabilitySettings | undefined;
  readonly extensions?: Readonly<Record<string, CapabilitySettings>> | undefined;
}

/** A client's or server's name for itself: for display, never for decisions. */
export interface Implementation {
  readonly name: string;
  readonly version: string;
  readonly title?: string | undefined;
}

export interface RequestMeta {
  readonly protocolVersion: string;
  readonly capabilities: ClientCapabilities;
  readonly clientInfo: Implementation | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly progressToken: string | number | undefined;
}

/**
 * Reads `params._meta`. A missing required field is a malformed request (HTTP 400); a bad log level only an invalid one.
 * Written by hand and not with zod: it runs for every request and when an isolate starts.
 */
export function readRequestMeta(params: JsonObject): Result<RequestMeta, ProtocolError> {
  // spec: meta.required.refuse, meta.reserved
  const meta = params["_meta"];
  if (!isObject(meta)) return malformedMeta("params._meta must be an object");
  const protocolVersion = meta[META_KEYS.protocolVersion];
  // spec: meta.version.required
  if (typeof protocolVersion !== "string")
    return malformedMeta(`params._meta["${META_KEYS.protocolVersion}"] must be a string`);
  // spec: meta.capabilities.required
  const capabilities = readCapabilities(meta[META_KEYS.clientCapabilities]);
  if (!capabilities.ok)
    return malformedMeta(`params._meta["${META_KEYS.clientCapabilities}"]${capabilities.error}`);
  const clientInfo =
    meta[META_KEYS.clientInfo] === undefined
      ? ok(undefined)
      : readImplementation(meta[META_KEYS.clientInfo]);
  if (!clientInfo.ok)
    return malformedMeta(`params._meta["${META_KEYS.clientInfo}"] ${clientInfo.error}`);
  const { progressToken } = meta;
  if (progressToken !== undefined && !isProgressToken(progressToken))
    return malformedMeta(INVALID_PROGRESS_TOKEN);
  const logLevel = meta[META_KEYS.logLevel];
  // spec: logging.level.invalid
  if (logLevel !== undefined && !isLogLevel(logLevel))
    return err(
      protocolError(
        "InvalidParams",
        `params._meta["${META_KEYS.logLevel}"] must be one of ${LOG_LEVELS.join(", ")}`,
      ),
    );
  return ok({
    protocolVersion,
    capabilities: capabilities.value,
    clientInfo: clientInfo.value,
    logLevel,
    progressToken,
  });
}

/** What is said of a progress token that is none. */
export const INVALID_PROGRESS_TOKEN: string = `params._meta.progressToken must be an integer or a string of at most ${MAX_ID_BYTES} bytes`;

function isProgressToken(value: JsonValue): value is string | number {
  return typeof value === "string" ? isWithinIdLimit(value) : Number.isInteger(value);
}

/** Whether `value` is one of {@link LOG_LEVELS}. */
export function isLogLevel(value: JsonValue | undefined): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}

/** Client capabilities, or the path of the first that is not an object. Unknown ones pass and change nothing. */
// spec: extension.fallback
export function readCapabilities(value: JsonValue | undefined): Result<ClientCapabilities, string> {
  if (!isObject(value)) return err(" must be an object");
  for (const [name, members] of KNOWN_CAPABILITIES) {
    const capability = value[name];
    if (capability === undefined) continue;
    if (!isObject(capability)) return err(`.${name} must be an object`);
    for (const member of members ?? Object.keys(capability))
      if (capability[member] !== undefined && !isObject(capability[member]))
        return err(`.${name}.${member} must be an object`);
  }
  return ok(value as ClientCapabilities);
}

/** The members of each capability that must be objects; undefined: all of them. */
const KNOWN_CAPABILITIES: readonly (readonly [name: string, members?: readonly string[]])[] = [
  ["elicitation", ["form", "url"]],
  ["sampling", ["context", "tools"]],
  ["roots", []],
  ["extensions"],
];

/** Name and version of a client as it states them; err says what is wrong. */
export function readImplementation(value: JsonValue | undefined): Result<Implementation, string> {
  const isImplementation =
    isObject(value) && typeof value["name"] === "string" && typeof value["version"] === "string";
  return isImplementation
    ? ok(value as unknown as Implementation)
    : err('must have "name" and "version", both strings');
}

function malformedMeta(message: string): Result<never, ProtocolError> {
  return err(protocolError("InvalidRequestMeta", message));
}
