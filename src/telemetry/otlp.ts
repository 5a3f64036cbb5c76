/**
 * Records as OTLP/HTTP JSON: opentelemetry-proto, docs/specification.md#json-protobuf-encoding and trace.proto.
 * Ids are hexadecimal, 64-bit numbers are text, enums are numbers, and times nanoseconds. Pure.
 */

import type { JsonObject } from "../base/json.ts";
import type { Attributes, Kind, SpanRecord } from "./span.ts";

const KIND: Record<Kind, number> = { internal: 1, server: 2, client: 3 };
const STATUS_ERROR = 2;

/** The body of an export request: `resource` says which service it was. */
export function writeOtlp(records: readonly SpanRecord[], resource: Attributes): string {
  const scopeSpans = [{ scope: { name: "barewire" }, spans: records.map(writeSpan) }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: writeAttributes(resource) }, scopeSpans }] });
}

function writeSpan({ traceId, spanId, parentId, tracestate, link, name, kind, ...rest }: SpanRecord): object {
  const { start, end, attributes, error } = rest;
  return {
    ...{ traceId, spanId, parentSpanId: parentId, traceState: tracestate, name, kind: KIND[kind] },
    startTimeUnixNano: `${start}000000`,
    endTimeUnixNano: `${end}000000`,
    attributes: writeAttributes(error === undefined ? attributes : { ...attributes, "error.type": error }),
    links: link && [{ traceId: link.traceId, spanId: link.spanId }],
    status: error === undefined ? {} : { code: STATUS_ERROR },
  };
}

function writeAttributes(attributes: Attributes): JsonObject[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: writeValue(value) }],
  );
}

function writeValue(value: string | number | boolean): JsonObject {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
