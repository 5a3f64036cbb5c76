/**
 * Spans that are recorded: what a piece of work was, how long it took, how it ended, and what it belongs to.
 * Times are the platform's clock, which stands still between I/O: work that waits for nothing takes no time.
 */

import {
  contextFromMeta,
  nonRecordingSpan,
  randomHex,
  spanFromMeta,
  type Attributes,
  type Span,
  type SpanDescription,
  type SpanKind,
} from "../base/span.ts";
import { now } from "../base/time.ts";
import type { ParentSpan, TraceContext } from "../base/trace-context.ts";

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
  const context = (): TraceContext => ({
    parent: { traceId, spanId, sampled: true },
    tracestate,
    baggage,
  });
  const span: Span = {
    isRecording: true,
    startChild: (childName, childKind, childAttributes = {}) =>
      recordingSpan(onEnd, [childName, childAttributes], childKind, spanParent()),
    startServerSpan: (describe, meta) => startServerSpan(onEnd, span, spanParent(), describe, meta),
    set: (added) => {
      attributeSets.push(added);
    },
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

/**
 * Work in a trace that is not recorded. A request inside it may still be: because its own client wants that, or as a
 * part of `spanParent`.
 */
export function unsampledSpan(
  readContext: () => TraceContext,
  onEnd: OnSpanEnd,
  spanParent?: SpanParent,
): Span {
  return nonRecordingSpan(readContext, (outer, describe, meta) =>
    startServerSpan(onEnd, outer, spanParent, describe, meta),
  );
}

/** The client's own span is the parent where `_meta` names one, and the request that carried it is linked. */
function startServerSpan(
  onEnd: OnSpanEnd,
  outer: Span,
  spanParent: SpanParent | undefined,
  describe: () => SpanDescription,
  meta: unknown,
): Span {
  const metaContext = contextFromMeta(meta);
  if (metaContext === undefined)
    return spanParent === undefined
      ? outer
      : recordingSpan(onEnd, describe(), "server", spanParent);
  const { parent, tracestate, baggage = outer.context().baggage } = metaContext;
  const sampledParent =
    parent?.sampled === true ? linkedParent(parent, tracestate, spanParent) : undefined;
  const effectiveParent = parent === undefined ? spanParent : sampledParent;
  return effectiveParent === undefined
    ? spanFromMeta(metaContext, outer)
    : recordingSpan(onEnd, describe(), "server", { ...effectiveParent, baggage });
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
