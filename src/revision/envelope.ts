/**
 * The `_meta` envelope of a stateless request: version, client, capabilities, progress token, log level.
 * MCP basic#_meta. Refuses a request that lacks a required field or holds one of the wrong shape.
 * Whether the version is served, and whether headers agree, is decided after this.
 */

import * as z from "zod";
import type { JsonObject } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";

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

const settings = z.record(z.string(), z.unknown());
export const clientCapabilities: z.ZodType<ClientCapabilities> = z.looseObject({
  elicitation: z.looseObject({ form: settings.optional(), url: settings.optional() }).optional(),
  sampling: z.looseObject({ context: settings.optional(), tools: settings.optional() }).optional(),
  roots: settings.optional(),
  // spec: extension.fallback
  extensions: z.record(z.string(), settings).optional(),
});
export const implementation: z.ZodType<Implementation> = z.looseObject({
  name: z.string(),
  version: z.string(),
  title: z.string().optional(),
});

// spec: meta.reserved
const envelope = z.looseObject({
  [META.protocolVersion]: z.string(),
  [META.clientCapabilities]: clientCapabilities,
  [META.clientInfo]: implementation.optional(),
  [META.logLevel]: z.enum(LOG_LEVELS).optional(),
  progressToken: z.union([z.string(), z.int()]).optional(),
});

export interface Envelope {
  readonly version: string;
  readonly capabilities: ClientCapabilities;
  readonly clientInfo: Implementation | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly progressToken: string | number | undefined;
}

/** Reads `params._meta`. A missing required field is a malformed request (HTTP 400); a bad log level only an invalid one. */
export function readEnvelope(params: JsonObject): Result<Envelope, Refusal> {
  // spec: meta.version.required, meta.capabilities.required, meta.required.refuse
  const parsed = envelope.safeParse(params["_meta"]);
  if (!parsed.success) return err(explain(parsed.error));
  const meta = parsed.data;
  return ok({
    version: meta[META.protocolVersion],
    capabilities: meta[META.clientCapabilities],
    clientInfo: meta[META.clientInfo],
    logLevel: meta[META.logLevel],
    progressToken: meta.progressToken,
  });
}

/** The first thing wrong with the envelope, by name. */
function explain(error: z.ZodError): Refusal {
  const issue = error.issues[0];
  const field = issue?.path[0] ?? "_meta";
  const where =
    issue === undefined || issue.path.length === 0 ? "params._meta" : `params._meta["${issue.path.join(".")}"]`;
  const reason = `${where}: ${issue?.message ?? "is not valid"}`;
  // spec: logging.level.invalid
  return refusal(field === META.logLevel ? "InvalidParams" : "MalformedEnvelope", reason);
}
