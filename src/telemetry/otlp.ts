/**
 * Records as OTLP/HTTP JSON: opentelemetry-proto, docs/specification.md#json-protobuf-encoding and trace.proto.
 * Ids are hexadecimal, 64-bit numbers are text, enums are numbers, and times nanoseconds. Pure.
 */

import type { JsonObject } from "../base/json.ts";
import type { Attributes, SpanKind } from "../base/span.ts";
import type { SpanRecord } from "./span.ts";

const STATUS_ERROR = 2;
const KIND: Record<SpanKind, number> = { internal: 1, server: 2, client: 3 };

/** The body of an export request: `resource` says which service it was. */
export function writeOtlp(records: readonly SpanRecord[], resource: Attributes): string {
  const scopeSpans = [{ scope: { name: "barewire" }, spans: records.map(writeSpan) }];
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: writeAttributes([resource]) }, scopeSpans }],
  });
}

/** Member by member: rest, spread and `flatMap` would make this three times as slow, and it is most of a span's cost. */
function writeSpan(record: SpanRecord): object {
  const { parentId, tracestate, link, error } = record;
  const attributeSets =
    error === undefined ? record.attributes : [...record.attributes, { "error.type": error }];
  return {
    traceId: record.traceId,
    spanId: record.spanId,
    parentSpanId: parentId,
    traceState: tracestate,
    name: record.name.toWellFormed(),
    kind: KIND[record.kind],
    startTimeUnixNano: `${record.startMs}000000`,
    endTimeUnixNano: `${record.endMs}000000`,
    attributes: writeAttributes(attributeSets),
    links: link && [{ traceId: link.traceId, spanId: link.spanId }],
    status: error === undefined ? {} : { code: STATUS_ERROR },
  };
}

function writeAttributes(attributeSets: readonly Attributes[]): JsonObject[] {
  const entries: JsonObject[] = [];
  for (const attributes of attributeSets)
    for (const key in attributes) {
      const value = attributes[key];
      if (value !== undefined) entries.push({ key, value: writeValue(value) });
    }
  return entries;
}

function writeValue(value: string | number | boolean): JsonObject {
  // A lone surrogate, which a peer may send, is no UTF-8: a collector would refuse the spans of others with it.
  if (typeof value === "string") return { stringValue: value.toWellFormed() };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
