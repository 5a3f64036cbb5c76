/**
 * Spans: what one piece of work was, how long it took, how it ended, and what it belongs to. OpenTelemetry's conventions
 * for HTTP and MCP name the attributes. Never in one: arguments, results, tokens, handles, who somebody is.
 * Where nothing is recorded, a span only passes on the context that came in, and costs next to nothing.
 * Times are the platform's clock, which stands still between I/O: work that waits for nothing takes no time.
 */

import { now, randomBytes } from "../base/time.ts";
import type { JsonObject } from "../base/json.ts";
import { readTraceContext, writeTraceContext, type ParentSpan, type TraceContext } from "../base/trace-context.ts";

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
/** The name of a span, and its attributes. */
export type SpanDescription = readonly [name: string, attributes: Attributes];
export type SpanKind = "internal" | "server" | "client";

export interface Span {
  /** Whether anything of it is kept: what only serves a record need not be made otherwise. */
  readonly isRecording: boolean;
  /** A part of this work. */
  startChild(name: string, kind: SpanKind, attributes?: Attributes): Span;
  /** Work for a request inside another one. `meta` is its `_meta`: a context there is the parent, and wins. */
  startServerSpan(describe: () => SpanDescription, meta: unknown): Span;
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
  readonly kind: SpanKind;
  readonly startMs: number;
  endMs: number;
  /** As they were told, one after the other: to make one object of them costs more than to keep both. */
  readonly attributes: Attributes[];
  error: string | undefined;
}

/**
 * Work that leaves no record of its own. `read` is asked at most once, and only when somebody is called. With `keep`, a
 * request inside it may still be recorded: because its own client wants that, or as a part of `place`.
 */
export function nonRecordingSpan(readContext: () => TraceContext, onEnd?: OnSpanEnd, spanParent?: SpanParent): Span {
  let context: TraceContext | undefined;
  const span: Span = {
    isRecording: false,
    startChild: () => span,
    startServerSpan: (describe, meta) => startServerSpan(onEnd, span, spanParent, describe, meta),
    set: () => undefined,
    end: () => undefined,
    context: () => (context ??= readContext()),
  };
  return span;
}

/** Where records go when they end. */
export type OnSpanEnd = (record: SpanRecord) => void;

/** Work in a trace that is recorded. `parent` is where it hangs; `link` something else that it belongs to. */
export function recordingSpan(
  onEnd: OnSpanEnd,
  [name, attributes]: SpanDescription,
  kind: SpanKind,
  { traceId, parentId, tracestate, baggage, link }: SpanParent,
): Span {
  const spanId = randomHex(8);
  const attributeSets = [attributes];
  const record: SpanRecord = {
    traceId,
    spanId,
    parentId,
    tracestate,
    link,
    name,
    kind,
    startMs: now(),
    endMs: 0,
    attributes: attributeSets,
    error: undefined,
  };
  const spanParent = (): SpanParent => ({ traceId, parentId: spanId, tracestate, baggage });
  const context = (): TraceContext => ({ parent: { traceId, spanId, sampled: true }, tracestate, baggage });
  const span: Span = {
    isRecording: true,
    startChild: (childName, childKind, childAttributes = {}) =>
      recordingSpan(onEnd, [childName, childAttributes], childKind, spanParent()),
    startServerSpan: (describe, meta) => startServerSpan(onEnd, span, spanParent(), describe, meta),
    set: (added) => void attributeSets.push(added),
    end(errorType) {
      if (record.endMs > 0) return;
      record.endMs = now();
      record.error = errorType;
      onEnd(record);
    },
    context,
  };
  return span;
}

export interface SpanParent {
  readonly traceId: string;
  readonly parentId?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly baggage?: string | undefined;
  readonly link?: ParentSpan | undefined;
}

/** The client's own span is the parent where `_meta` names one, and the request that carried it is linked. */
function startServerSpan(
  onEnd: OnSpanEnd | undefined,
  outer: Span,
  spanParent: SpanParent | undefined,
  describe: () => SpanDescription,
  meta: unknown,
): Span {
  const metaContext = contextFromMeta(meta);
  if (metaContext === undefined)
    return onEnd && spanParent ? recordingSpan(onEnd, describe(), "server", spanParent) : outer;
  const { parent, tracestate } = metaContext;
  // Baggage is a context of its own, and comes from either.
  const baggage = (): string | undefined => metaContext.baggage ?? outer.context().baggage;
  const sampledParent = parent?.sampled === true ? linkedParent(parent, tracestate, spanParent) : undefined;
  const effectiveParent = parent === undefined ? spanParent : sampledParent;
  if (onEnd !== undefined && effectiveParent !== undefined)
    return recordingSpan(onEnd, describe(), "server", { ...effectiveParent, baggage: baggage() });
  const parentContext = (): TraceContext => (parent === undefined ? outer.context() : { parent, tracestate });
  return nonRecordingSpan(() => ({ ...parentContext(), baggage: baggage() }));
}

function linkedParent(
  { traceId, spanId: parentId }: ParentSpan,
  tracestate: string | undefined,
  spanParent?: SpanParent,
): SpanParent {
  const { traceId: outerTraceId, parentId: spanId } = spanParent ?? {};
  const isLinked = outerTraceId !== undefined && spanId !== undefined;
  return {
    traceId,
    parentId,
    tracestate,
    link: isLinked ? { traceId: outerTraceId, spanId, sampled: true } : undefined,
  };
}

function contextFromMeta(meta: unknown): TraceContext | undefined {
  if (typeof meta !== "object" || meta === null) return undefined;
  const members = meta as JsonObject;
  if (members["traceparent"] === undefined && members["baggage"] === undefined) return undefined;
  return readTraceContext((name) => members[name]);
}

/** Does `work` as a part of `span`; the part ends with it, by the name of what was thrown if that is how. */
export async function withSpan<T>(
  span: Span,
  [name, kind, attributes]: readonly [string, SpanKind, Attributes?],
  work: (child: Span) => Promise<T>,
): Promise<T> {
  const child = span.startChild(name, kind, attributes);
  try {
    const value = await work(child);
    child.end();
    return value;
  } catch (error) {
    child.end(errorType(error));
    throw error;
  }
}

/** What was thrown, in a word. */
export function errorType(error: unknown): string {
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
let hexPool = "";
const POOL_BYTES = 1_024;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Random lower-case hexadecimal digits, two for each of `bytes`. */
export function randomHex(bytes: number): string {
  if (hexPool.length < bytes * 2) for (const byte of randomBytes(POOL_BYTES)) hexPool += HEX[byte];
  const text = hexPool.slice(0, bytes * 2);
  hexPool = hexPool.slice(bytes * 2);
  return text;
}
