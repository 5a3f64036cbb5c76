/**
 * Spans as the code that is traced sees them: what one piece of work was, how it ended, and what it belongs to.
 * OpenTelemetry's conventions for HTTP and MCP name the attributes. Never in one: arguments, results, tokens, handles,
 * who somebody is. Without the telemetry feature nothing is recorded: a span only passes the trace context on.
 */

import type { JsonObject } from "./json.ts";
import { randomBytes } from "./time.ts";
import { readTraceContext, writeTraceContext, type TraceContext } from "./trace-context.ts";

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

/** Starts spans, and sends what was recorded. */
export interface Tracer {
  /** A request from outside; its name and attributes are asked for only if it is recorded. */
  start(headers: Headers, describe: () => SpanDescription): Span;
  /** In an object: work that goes on for what the Worker said. */
  continueTrace(context: TraceContext): Span;
  /** A request has ended: sends what it left, "soon" with what others leave in the next moment, or "now", without a timer. */
  flush(when: "soon" | "now"): void;
}

/** No record, anywhere. */
export const NO_TRACER: Tracer = {
  start: (headers) =>
    nonRecordingSpan(() => readTraceContext((name) => headers.get(name) ?? undefined)),
  continueTrace: (context) => nonRecordingSpan(() => context),
  flush: () => undefined,
};

type StartServerSpan = (outer: Span, describe: () => SpanDescription, meta: unknown) => Span;

/**
 * Work that leaves no record. `readContext` is called at most once, and only when somebody is called. `startServerSpan`
 * may start one that is recorded all the same, for a request inside this one.
 */
export function nonRecordingSpan(
  readContext: () => TraceContext,
  startServerSpan: StartServerSpan = continueFromMeta,
): Span {
  return new NonRecordingSpan(readContext, startServerSpan);
}

class NonRecordingSpan implements Span {
  readonly isRecording: boolean = false;
  readonly #readContext: () => TraceContext;
  readonly #startServerSpan: StartServerSpan;
  #context: TraceContext | undefined;

  constructor(readContext: () => TraceContext, startServerSpan: StartServerSpan) {
    this.#readContext = readContext;
    this.#startServerSpan = startServerSpan;
  }
  startChild(): Span {
    return this;
  }
  startServerSpan(describe: () => SpanDescription, meta: unknown): Span {
    return this.#startServerSpan(this, describe, meta);
  }
  set(): void {
    // Nothing is kept.
  }
  end(): void {
    // Nothing is kept.
  }
  context(): TraceContext {
    return (this.#context ??= this.#readContext());
  }
}

/** The trace context of `outer`, or the one that a request's own `_meta` carries. */
function continueFromMeta(outer: Span, _describe: () => SpanDescription, meta: unknown): Span {
  const metaContext = contextFromMeta(meta);
  return metaContext === undefined ? outer : spanFromMeta(metaContext, outer);
}

/** A span without a record in the trace of `metaContext`. Baggage is a context of its own, and comes from either. */
export function spanFromMeta({ parent, tracestate, baggage }: TraceContext, outer: Span): Span {
  const parentContext = (): TraceContext =>
    parent === undefined ? outer.context() : { parent, tracestate };
  return nonRecordingSpan(() => ({
    ...parentContext(),
    baggage: baggage ?? outer.context().baggage,
  }));
}

/** The trace context in `_meta`, where there is one. */
export function contextFromMeta(meta: unknown): TraceContext | undefined {
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

/** Random lower-case hexadecimal digits, two for each of `bytes`. */
export function randomHex(bytes: number): string {
  if (hexPool.length < bytes * 2) hexPool += randomBytes(POOL_BYTES).toHex();
  const text = hexPool.slice(0, bytes * 2);
  hexPool = hexPool.slice(bytes * 2);
  return text;
}
