/**
 * The `_meta` envelope of a stateless request: version, client, capabilities, progress token, log level.
 * MCP basic#_meta. Refuses a request that lacks a required field or holds one of the wrong shape.
 * Whether the version is served, and whether headers agree, is decided after this.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { isShort, MAX_ID_BYTES } from "../wire/jsonrpc.ts";

/** RFC 5424 severities, mildest first. */
export const LOG_LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

// spec: meta.key.format, meta.trace.format
export const META = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
  serverInfo: "io.modelcontextprotocol/serverInfo",
} as const;

/** Settings of a capability; an empty object says "supported". */
type Settings = Readonly<Record<string, unknown>>;

/** What a client can do. Unknown members pass: extensions declare themselves there. */
export interface ClientCapabilities {
  readonly elicitation?: { readonly form?: Settings | undefined; readonly url?: Settings | undefined } | undefined;
  readonly sampling?: { readonly context?: Settings | undefined; readonly tools?: Settings | undefined } | undefined;
  readonly roots?: Settings | undefined;
  readonly extensions?: Readonly<Record<string, Settings>> | undefined;
}

/** A client's or server's name for itself: for display, never for decisions. */
export interface Implementation {
  readonly name: string;
  readonly version: string;
  readonly title?: string | undefined;
}

export interface Envelope {
  readonly version: string;
  readonly capabilities: ClientCapabilities;
  readonly clientInfo: Implementation | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly progressToken: string | number | undefined;
}

/**
 * Reads `params._meta`. A missing required field is a malformed request (HTTP 400); a bad log level only an invalid one.
 * Written by hand and not with zod: it runs for every request and when an isolate starts.
 */
export function readEnvelope(params: JsonObject): Result<Envelope, Refusal> {
  // spec: meta.required.refuse, meta.reserved
  const meta = params["_meta"];
  if (!isObject(meta)) return malformed("params._meta must be an object");
  const version = meta[META.protocolVersion];
  // spec: meta.version.required
  if (typeof version !== "string") return malformed(`params._meta["${META.protocolVersion}"] must be a string`);
  // spec: meta.capabilities.required
  const capabilities = readCapabilities(meta[META.clientCapabilities]);
  if (!capabilities.ok) return malformed(`params._meta["${META.clientCapabilities}"]${capabilities.error}`);
  const clientInfo = meta[META.clientInfo] === undefined ? ok(undefined) : readImplementation(meta[META.clientInfo]);
  if (!clientInfo.ok) return malformed(`params._meta["${META.clientInfo}"] ${clientInfo.error}`);
  const { progressToken } = meta;
  if (progressToken !== undefined && !isToken(progressToken)) return malformed(TOKEN_FAULT);
  const logLevel = meta[META.logLevel];
  // spec: logging.level.invalid
  if (logLevel !== undefined && !isLogLevel(logLevel))
    return err(refusal("InvalidParams", `params._meta["${META.logLevel}"] must be one of ${LOG_LEVELS.join(", ")}`));
  return ok({ version, capabilities: capabilities.value, clientInfo: clientInfo.value, logLevel, progressToken });
}

/** What is said of a progress token that is none. */
export const TOKEN_FAULT: string = `params._meta.progressToken must be an integer or a string of at most ${MAX_ID_BYTES} bytes`;

function isToken(value: JsonValue): value is string | number {
  return typeof value === "string" ? isShort(value) : Number.isInteger(value);
}

export function isLogLevel(value: JsonValue | undefined): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}

/** Client capabilities, or the path of the first that is not an object. Unknown ones pass and change nothing. */
// spec: extension.fallback
export function readCapabilities(value: JsonValue | undefined): Result<ClientCapabilities, string> {
  if (!isObject(value)) return err(" must be an object");
  for (const [name, members] of Object.entries(KNOWN_CAPABILITIES)) {
    const capability = value[name];
    if (capability === undefined) continue;
    if (!isObject(capability)) return err(`.${name} must be an object`);
    const named = members === "any" ? Object.keys(capability) : members;
    const wrong = named.find((member) => capability[member] !== undefined && !isObject(capability[member]));
    if (wrong !== undefined) return err(`.${name}.${wrong} must be an object`);
  }
  return ok(value as ClientCapabilities);
}

/** The members of each capability that must be objects. */
const KNOWN_CAPABILITIES: Readonly<Record<string, readonly string[] | "any">> = {
  elicitation: ["form", "url"],
  sampling: ["context", "tools"],
  roots: [],
  extensions: "any",
};

export function readImplementation(value: JsonValue | undefined): Result<Implementation, string> {
  const named = isObject(value) && typeof value["name"] === "string" && typeof value["version"] === "string";
  return named ? ok(value as unknown as Implementation) : err('must have "name" and "version", both strings');
}

function malformed(message: string): Result<never, Refusal> {
  return err(refusal("MalformedEnvelope", message));
}
