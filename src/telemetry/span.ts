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
export type Kind = "internal" | "server" | "client";

export interface Span {
  /** Whether anything of it is kept: what only serves a record need not be made otherwise. */
  readonly recorded: boolean;
  /** A part of this work. */
  child(name: string, kind: Kind, attributes?: Attributes): Span;
  /** Work for a request inside another one. `meta` is its `_meta`: a context there is the parent, and wins. */
  serve(name: string, attributes: () => Attributes, meta: unknown): Span;
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
  attributes: Attributes;
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
    serve: (name, attributes, meta) => serve(keep, span, place, name, attributes, meta),
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
  name: string,
  kind: Kind,
  attributes: Attributes,
  { traceId, parentId, tracestate, baggage, link }: Place,
): Span {
  const record: SpanRecord = {
    ...{ traceId, spanId: randomHex(8), parentId, tracestate, link, name, kind },
    ...{ start: now(), end: 0, attributes, error: undefined },
  };
  const place = (): Place => ({ traceId, parentId: record.spanId, tracestate, baggage });
  const context = (): TraceContext => ({
    parent: { traceId, spanId: record.spanId, sampled: true },
    ...{ tracestate, baggage },
  });
  const span: Span = {
    recorded: true,
    child: (childName, childKind, more = {}) => recording(keep, childName, childKind, more, place()),
    serve: (childName, more, meta) => serve(keep, span, place(), childName, more, meta),
    set(more) {
      record.attributes = { ...record.attributes, ...more };
    },
    end(error) {
      if (record.end > 0) return;
      record.end = now();
      record.error = error;
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
  name: string,
  attributes: () => Attributes,
  meta: unknown,
): Span {
  const inner = contextIn(meta);
  if (inner?.parent === undefined) return keep && place ? recording(keep, name, "server", attributes(), place) : outer;
  if (keep === undefined || !inner.parent.sampled) return passing(() => inner);
  const { traceId, spanId } = inner.parent;
  const { tracestate, baggage } = inner;
  const link =
    place?.parentId === undefined ? undefined : { traceId: place.traceId, spanId: place.parentId, sampled: true };
  return recording(keep, name, "server", attributes(), { traceId, parentId: spanId, tracestate, baggage, link });
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
    part.end(error instanceof Error ? error.name : "Error");
    throw error;
  }
}

/** Headers for a request that is part of `span`. */
export function traceHeaders(span: Span): Record<string, string> {
  return writeTraceContext(span.context());
}

export function randomHex(bytes: number): string {
  let text = "";
  for (const byte of randomBytes(bytes)) text += byte.toString(16).padStart(2, "0");
  return text;
}
