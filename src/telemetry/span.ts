/**
 * Spans: what one piece of work was, how long it took, how it ended, and what it belongs to. OpenTelemetry's conventions
 * for HTTP and MCP name the attributes. Never in one: arguments, results, tokens, handles, who somebody is.
 * Where nothing is recorded, a span only passes on the context that came in, and costs next to nothing.
 * Times are the platform's clock, which stands still between I/O: work that waits for nothing takes no time.
 */

import { now, randomBytes } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { readTraceContext, writeTraceContext, type ParentSpan, type TraceContext } from "./context.ts";

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
/** The name of a span, and its attributes. */
export type Description = readonly [name: string, attributes: Attributes];
export type Kind = "internal" | "server" | "client";

export interface Span {
  /** Whether anything of it is kept: what only serves a record need not be made otherwise. */
  readonly recorded: boolean;
  /** A part of this work. */
  child(name: string, kind: Kind, attributes?: Attributes): Span;
  /** Work for a request inside another one. `meta` is its `_meta`: a context there is the parent, and wins. */
  serve(describe: () => Description, meta: unknown): Span;
  set(attributes: Attributes): void;
  /** `error`: what kind of failure it was, in few different words. What ended stays ended. */
  end(error?: string): void;
  /** What whoever is called next must know. */
  context(): TraceContext;
}

/** A span that has ended. Times are milliseconds since the epoch. */
export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly tracestate: string | undefined;
  readonly link: ParentSpan | undefined;
  readonly name: string;
  readonly kind: Kind;
  readonly start: number;
  end: number;
  /** As they were told, one after the other: to make one object of them costs more than to keep both. */
  readonly attributes: Attributes[];
  error: string | undefined;
}

/**
 * Work that leaves no record of its own. `read` is asked at most once, and only when somebody is called. With `keep`, a
 * request inside it may still be recorded: because its own client wants that, or as a part of `place`.
 */
export function passing(read: () => TraceContext, keep?: Keep, place?: Place): Span {
  let known: TraceContext | undefined;
  const span: Span = {
    recorded: false,
    child: () => span,
    serve: (describe, meta) => serve(keep, span, place, describe, meta),
    set: () => undefined,
    end: () => undefined,
    context: () => (known ??= read()),
  };
  return span;
}

/** Where records go when they end. */
export type Keep = (record: SpanRecord) => void;

/** Work in a trace that is recorded. `parent` is where it hangs; `link` something else that it belongs to. */
export function recording(
  keep: Keep,
  [name, attributes]: Description,
  kind: Kind,
  { traceId, parentId, tracestate, baggage, link }: Place,
): Span {
  const spanId = randomHex(8);
  const [start, end, error] = [now(), 0, undefined];
  const all = [attributes];
  const record: SpanRecord = {
    traceId,
    spanId,
    parentId,
    tracestate,
    link,
    name,
    kind,
    start,
    end,
    attributes: all,
    error,
  };
  const place = (): Place => ({ traceId, parentId: spanId, tracestate, baggage });
  const context = (): TraceContext => ({ parent: { traceId, spanId, sampled: true }, tracestate, baggage });
  const span: Span = {
    recorded: true,
    child: (childName, childKind, more = {}) => recording(keep, [childName, more], childKind, place()),
    serve: (describe, meta) => serve(keep, span, place(), describe, meta),
    set: (more) => void all.push(more),
    end(failed) {
      if (record.end > 0) return;
      record.end = now();
      record.error = failed;
      keep(record);
    },
    context,
  };
  return span;
}

export interface Place {
  readonly traceId: string;
  readonly parentId?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
  readonly link?: ParentSpan | undefined;
}

/** The client's own span is the parent where `_meta` names one, and the request that carried it is linked. */
function serve(
  keep: Keep | undefined,
  outer: Span,
  place: Place | undefined,
  describe: () => Description,
  meta: unknown,
): Span {
  const inner = contextIn(meta);
  if (inner === undefined) return keep && place ? recording(keep, describe(), "server", place) : outer;
  const { parent, tracestate } = inner;
  // Baggage is a context of its own, and comes from either.
  const baggage = (): string | undefined => inner.baggage ?? outer.context().baggage;
  const hangs = parent === undefined ? place : parent.sampled ? under(parent, tracestate, place) : undefined;
  if (keep !== undefined && hangs !== undefined)
    return recording(keep, describe(), "server", { ...hangs, baggage: baggage() });
  const trace = (): TraceContext => (parent === undefined ? outer.context() : { parent, tracestate });
  return passing(() => ({ ...trace(), baggage: baggage() }));
}

function under({ traceId, spanId: parentId }: ParentSpan, tracestate: string | undefined, place?: Place): Place {
  const { traceId: outside, parentId: spanId } = place ?? {};
  const linked = outside !== undefined && spanId !== undefined;
  return { traceId, parentId, tracestate, link: linked ? { traceId: outside, spanId, sampled: true } : undefined };
}

function contextIn(meta: unknown): TraceContext | undefined {
  if (typeof meta !== "object" || meta === null) return undefined;
  const named = meta as JsonObject;
  if (named["traceparent"] === undefined && named["baggage"] === undefined) return undefined;
  return readTraceContext((name) => named[name]);
}

/** Does `work` as a part of `span`; the part ends with it, by the name of what was thrown if that is how. */
export async function during<T>(
  span: Span,
  [name, kind, attributes]: readonly [string, Kind, Attributes?],
  work: (part: Span) => Promise<T>,
): Promise<T> {
  const part = span.child(name, kind, attributes);
  try {
    const value = await work(part);
    part.end();
    return value;
  } catch (error) {
    part.end(kindOf(error));
    throw error;
  }
}

/** What was thrown, in a word. */
export function kindOf(error: unknown): string {
  return error instanceof Error ? String(error.name).slice(0, 64) : "Error";
}

/** Headers for a request that is part of `span`. */
export function traceHeaders(span: Span): Record<string, string> {
  return writeTraceContext(span.context());
}

/** The trace that `span` belongs to, or a fresh id where there is none: something to find a log line by. */
export function traceIdOf(span: Span): string {
  return span.context().parent?.traceId ?? randomHex(16);
}

/** Digits not used yet. Made many at a time: asking for eight bytes costs more than all else about a span. */
let digits = "";
const POOL_BYTES = 1_024;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function randomHex(bytes: number): string {
  if (digits.length < bytes * 2) for (const byte of randomBytes(POOL_BYTES)) digits += HEX[byte];
  const text = digits.slice(0, bytes * 2);
  digits = digits.slice(bytes * 2);
  return text;
}
