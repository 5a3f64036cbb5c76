/**
 * Starts traces, decides which are recorded, and sends what was, after the answer. Off unless a collector is configured.
 * Sampling: whoever called decides, by the flag of their context; a trace that begins here is recorded by a share of its
 * ids (OpenTelemetry's TraceIdRatioBased). Requests of an isolate share a batch: the first to end sends it, a moment
 * later, for all. Telemetry never fails a request and never holds one up: what cannot be sent is dropped and counted.
 */

import { waitUntil } from "../base/platform.ts";
import { now, sleep } from "../base/time.ts";
import type { JsonObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import { fetchConfigured, JSON_LIMITS, type FetchResult } from "../net/fetch.ts";
import { randomHex, type Tracer } from "../base/span.ts";
import { readTraceContext } from "../base/trace-context.ts";
import { writeOtlp } from "./otlp.ts";
import { recordingSpan, unsampledSpan, type OnSpanEnd, type SpanRecord } from "./span.ts";
import type { Result } from "../base/result.ts";

/** A collector, and what to tell it. */
export interface OtlpSettings {
  /** Base address: "/v1/traces" is put behind it. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
  readonly version: string;
  /** 0 to 1: how many of the traces that begin here are recorded. */
  readonly sampleRatio: number;
}

/** Milliseconds for which ended requests wait for others, spans that wait at most, and spans that wait no longer. */
const FLUSH_DELAY_MS = 500;
const MAX_WAITING_SPANS = 4_096;
const BATCH_SPANS = 512;
/** Requests to the collector that one request makes for all: the platform counts them, and ends its work after 30 s. */
const MAX_BATCHES = 8;
const EXPORT_LIMITS = { ...JSON_LIMITS, accept: "*/*" };
const REPORT_INTERVAL_MS = 60_000;

/** Records spans and exports them in batches, after the responses. `settings` are OpenTelemetry's. */
export function createTracer(settings: OtlpSettings): Tracer {
  const exporter = batchExporter(settings);
  const onEnd = exporter.add;
  return {
    start(headers, describe) {
      const context = readTraceContext((header) => headers.get(header) ?? undefined);
      const { parent, tracestate, baggage } = context;
      const traceId = parent?.traceId ?? randomHex(16);
      if (parent?.sampled ?? isSampled(traceId, settings.sampleRatio)) {
        return recordingSpan(onEnd, describe(), "server", {
          traceId,
          parentId: parent?.spanId,
          tracestate,
          baggage,
        });
      }
      // Whoever is called next does not record either.
      const unrecorded = parent ?? { traceId, spanId: randomHex(8), sampled: false };
      return unsampledSpan(() => ({ ...context, parent: unrecorded }), onEnd);
    },
    continueTrace(context) {
      const { parent, tracestate, baggage } = context;
      const { traceId, spanId: parentId } = parent ?? {};
      const spanParent =
        parent?.sampled === true && traceId !== undefined
          ? { traceId, parentId, tracestate, baggage }
          : undefined;
      return unsampledSpan(() => context, onEnd, spanParent);
    },
    flush: exporter.flush,
  };
}

/** By the last seven bytes, so that everybody with the same share records the same traces. */
export function isSampled(traceId: string, ratio: number): boolean {
  return parseInt(traceId.slice(18), 16) < ratio * 2 ** 56;
}

interface BatchExporter extends Pick<Tracer, "flush"> {
  readonly add: OnSpanEnd;
}

/** One request of the isolate sends at a time. What says so is a time, for the platform may have ended that request. */
function batchExporter(settings: OtlpSettings): BatchExporter {
  const waitingSpans: SpanRecord[] = [];
  let delayUntilMs = 0;
  let sendingUntilMs = 0;
  let dropped = 0;
  let reason = "";
  let reportedAtMs = 0;

  const drop = (count: number, dropReason: string): void => {
    dropped += count;
    reason = dropReason;
  };
  const reportDropped = (): void => {
    if (dropped === 0 || now() - reportedAtMs < REPORT_INTERVAL_MS) return;
    log("warn", "telemetry.failed", { reason, dropped });
    reportedAtMs = now();
    dropped = 0;
  };
  const send = async (): Promise<void> => {
    for (let left = MAX_BATCHES; left > 0 && waitingSpans.length > 0; left -= 1) {
      sendingUntilMs = now() + 2 * EXPORT_LIMITS.timeoutMs;
      const batch = waitingSpans.splice(0, BATCH_SPANS);
      const response = await postSpans(settings, batch);
      const failure = response.ok
        ? response.value.status >= 300 && `status.${response.value.status}`
        : response.error;
      if (failure !== false) drop(batch.length, failure);
      else if (response.ok) drop(rejectedBy(response.value.json), "rejected");
      reportDropped();
      // What fails takes its time: the rest is for the next request, so that this one ends.
      if (failure !== false) break;
    }
    sendingUntilMs = 0;
  };
  const flushLater = async (): Promise<void> => {
    do {
      delayUntilMs = now() + 2 * FLUSH_DELAY_MS;
      await sleep(FLUSH_DELAY_MS);
    } while (now() < sendingUntilMs);
    delayUntilMs = 0;
    await send();
  };
  return {
    add(record) {
      if (waitingSpans.length < MAX_WAITING_SPANS) waitingSpans.push(record);
      else drop(1, "full");
    },
    flush(when) {
      const isSending = now() < sendingUntilMs;
      if (waitingSpans.length >= BATCH_SPANS && !isSending) return waitUntil(send());
      if (waitingSpans.length === 0 || now() < delayUntilMs) return;
      // Whoever sends may stop before these are gone: somebody stays for them.
      if (when === "soon") return waitUntil(flushLater());
      if (!isSending) waitUntil(send());
    },
  };
}

/** Sends a batch to the collector (OTLP/HTTP, JSON). */
function postSpans(
  { endpoint, headers, service, version }: OtlpSettings,
  batch: readonly SpanRecord[],
): Promise<Result<FetchResult, string>> {
  const resource = { "service.name": service, "service.version": version };
  return fetchConfigured(`${endpoint.replace(/\/$/, "")}/v1/traces`, {
    ...EXPORT_LIMITS,
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: writeOtlp(batch, resource),
  });
}

/** Spans that a collector took no part in, of an answer that is a success otherwise. */
function rejectedBy(answer: JsonObject | undefined): number {
  const partial = answer?.["partialSuccess"] as JsonObject | null | undefined;
  const count = Number(partial?.["rejectedSpans"]);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
