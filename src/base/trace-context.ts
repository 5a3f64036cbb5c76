/**
 * Trace context between programs: W3C Trace Context (level 1, sections 3.2 and 3.3) and W3C Baggage, in HTTP headers and,
 * under the same bare names, in `_meta` (MCP basic#_meta). What is malformed is as if it were not there.
 * Both are a stranger's words: bounded, passed on, never acted on but for the flag that asks for a record.
 */

/** What travels. Plain data: it crosses into objects. */
export interface TraceContext {
  readonly parent?: ParentSpan | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
}

export interface ParentSpan {
  /** 32 and 16 hexadecimal digits, not all zero. */
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** A key, or tenant@vendor, and a value of printable ASCII without comma and equals sign. */
const STATE_KEY =
  /^([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MAX_TRACESTATE_LENGTH = 512;
const MAX_TRACESTATE_MEMBERS = 32;
const MAX_BAGGAGE_LENGTH = 8_192;

/** `get` gives the value of a header or member of that name. */
// spec: meta.trace.format
export function readTraceContext(get: (name: string) => unknown): TraceContext {
  const parent = readTraceparent(get("traceparent"));
  const tracestate = parent === undefined ? undefined : readTracestate(get("tracestate"));
  return { parent, tracestate, baggage: readBaggage(get("baggage")) };
}

function readTraceparent(value: unknown): ParentSpan | undefined {
  if (typeof value !== "string") return undefined;
  const [, version, traceId = "", spanId = "", flags = "", trailing] =
    TRACEPARENT.exec(value) ?? [];
  // A later version may say more behind what this one says; this one may not.
  if (version === undefined || version === "ff" || (version === "00" && trailing !== undefined))
    return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (parseInt(flags, 16) & 1) === 1 };
}

function readTracestate(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > MAX_TRACESTATE_LENGTH) return undefined;
  const members = value.split(",").map((member) => member.trim());
  const nonEmpty = members.filter((member) => member !== "");
  const isValid =
    nonEmpty.length > 0 &&
    nonEmpty.length <= MAX_TRACESTATE_MEMBERS &&
    nonEmpty.every(isStateMember);
  return isValid ? nonEmpty.join(",") : undefined;
}

function isStateMember(member: string): boolean {
  const separator = member.indexOf("=");
  return (
    STATE_KEY.test(member.slice(0, separator)) && STATE_VALUE.test(member.slice(separator + 1))
  );
}

function readBaggage(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > MAX_BAGGAGE_LENGTH) return undefined;
  // Two tests: as one pattern, a value full of "=" would take time in the square of its length.
  return value.includes("=") && /^[\x20-\x7e\t]+$/.test(value) ? value : undefined;
}

/** Headers for a request that belongs to the same trace. */
export function writeTraceContext({
  parent,
  tracestate,
  baggage,
}: TraceContext): Record<string, string> {
  const id = parent && `00-${parent.traceId}-${parent.spanId}-${parent.sampled ? "01" : "00"}`;
  return {
    ...(id !== undefined && { traceparent: id }),
    ...(tracestate !== undefined && { tracestate }),
    ...(baggage !== undefined && { baggage }),
  };
}
