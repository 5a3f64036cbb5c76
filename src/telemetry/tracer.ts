/**
 * Starts traces, decides which are recorded, and sends what was, after the answer. Off unless a collector is configured.
 * Sampling: whoever called decides, by the flag of their context; a trace that begins here is recorded by a share of its
 * ids (OpenTelemetry's TraceIdRatioBased). Requests of an isolate share a batch: the first to end sends it, a moment
 * later, for all. Telemetry never fails a request and never holds one up: what cannot be sent is dropped and counted.
 */

import { waitUntil } from "cloudflare:workers";
import { now, pause } from "../base/clock.ts";
import type { JsonObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import { fetchTrusted } from "../net/fetch.ts";
import { readTraceContext, type TraceContext } from "./context.ts";
import { writeOtlp } from "./otlp.ts";
import { passing, randomHex, recording, type Description, type Keep, type Span, type SpanRecord } from "./span.ts";

/** A collector, and what to tell it. */
export interface Collector {
  /** Base address: "/v1/traces" is put behind it. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
  readonly version: string;
  /** 0 to 1: how many of the traces that begin here are recorded. */
  readonly ratio: number;
}

export interface Tracer {
  /** A request from outside; its name and attributes are asked for only if it is recorded. */
  start(headers: Headers, describe: () => Description): Span;
  /** In an object: work that goes on for what the Worker said. */
  resume(context: TraceContext): Span;
  /** A request has ended: sends what it left, "soon" with what others leave in the next moment, or "now", without a timer. */
  settle(when: "soon" | "now"): void;
}

/** No record, anywhere. */
export const NO_TRACER: Tracer = {
  start: (headers) => passing(() => readTraceContext((name) => headers.get(name) ?? undefined)),
  resume: (context) => passing(() => context),
  settle: () => undefined,
};

/** Milliseconds for which ended requests wait for others, spans that wait at most, and spans that wait no longer. */
const LINGER_MS = 500;
const MOST_WAITING = 4_096;
const BATCH = 512;
/** Requests to the collector that one request makes for all: the platform counts them, and ends its work after 30 s. */
const MOST_BATCHES = 8;
const LIMITS = { accept: "*/*", maxBytes: 65_536, timeoutMs: 5_000 };
const COMPLAIN_MS = 60_000;

export function tracerFor(collector: Collector): Tracer {
  const sender = senderTo(collector);
  const keep = sender.add;
  return {
    start(headers, describe) {
      const context = readTraceContext((header) => headers.get(header) ?? undefined);
      const { parent, tracestate, baggage } = context;
      const traceId = parent?.traceId ?? randomHex(16);
      if (parent?.sampled ?? isSampled(traceId, collector.ratio)) {
        return recording(keep, describe(), "server", { traceId, parentId: parent?.spanId, tracestate, baggage });
      }
      // Whoever is called next does not record either.
      const unrecorded = parent ?? { traceId, spanId: randomHex(8), sampled: false };
      return passing(() => ({ ...context, parent: unrecorded }), keep);
    },
    resume(context) {
      const { parent, tracestate, baggage } = context;
      const { traceId, spanId: parentId } = parent ?? {};
      const place =
        parent?.sampled === true && traceId !== undefined ? { traceId, parentId, tracestate, baggage } : undefined;
      return passing(() => context, keep, place);
    },
    settle: sender.settle,
  };
}

/** By the last seven bytes, so that everybody with the same share records the same traces. */
export function isSampled(traceId: string, ratio: number): boolean {
  return parseInt(traceId.slice(18), 16) < ratio * 2 ** 56;
}

/** One request of the isolate sends at a time. What says so is a time, for the platform may have ended that request. */
function senderTo({ endpoint, headers, ...about }: Collector): Pick<Tracer, "settle"> & { readonly add: Keep } {
  const url = `${endpoint.replace(/\/$/, "")}/v1/traces`;
  const resource = { "service.name": about.service, "service.version": about.version };
  const sent = { ...LIMITS, method: "POST", headers: { ...headers, "content-type": "application/json" } } as const;
  const waiting: SpanRecord[] = [];
  let lingersUntil = 0;
  let sendsUntil = 0;
  let dropped = 0;
  let reason = "";
  let complained = 0;

  const lose = (count: number, why: string): void => {
    dropped += count;
    reason = why;
  };
  const complain = (): void => {
    if (dropped === 0 || now() - complained < COMPLAIN_MS) return;
    log("warn", "telemetry.failed", { reason, dropped });
    [complained, dropped] = [now(), 0];
  };
  const send = async (): Promise<void> => {
    for (let left = MOST_BATCHES; left > 0 && waiting.length > 0; left -= 1) {
      sendsUntil = now() + 2 * LIMITS.timeoutMs;
      const batch = waiting.splice(0, BATCH);
      const answer = await fetchTrusted(url, { ...sent, body: writeOtlp(batch, resource) });
      const failed = answer.ok ? answer.value.status >= 300 && `status.${answer.value.status}` : answer.error;
      if (failed !== false) lose(batch.length, failed);
      else if (answer.ok) lose(rejectedBy(answer.value.json), "rejected");
      complain();
      // What fails takes its time: the rest is for the next request, so that this one ends.
      if (failed !== false) break;
    }
    sendsUntil = 0;
  };
  const linger = async (): Promise<void> => {
    do {
      lingersUntil = now() + 2 * LINGER_MS;
      await pause(LINGER_MS);
    } while (now() < sendsUntil);
    lingersUntil = 0;
    await send();
  };
  return {
    add(record) {
      if (waiting.length < MOST_WAITING) waiting.push(record);
      else lose(1, "full");
    },
    settle(when) {
      const sending = now() < sendsUntil;
      if (waiting.length >= BATCH && !sending) return waitUntil(send());
      if (waiting.length === 0 || now() < lingersUntil) return;
      // Whoever sends may stop before these are gone: somebody stays for them.
      if (when === "soon") return waitUntil(linger());
      if (!sending) waitUntil(send());
    },
  };
}

/** Spans that a collector took no part in, of an answer that is a success otherwise. */
function rejectedBy(answer: JsonObject | undefined): number {
  const partial = answer?.["partialSuccess"] as JsonObject | null | undefined;
  return Number(partial?.["rejectedSpans"] ?? 0) || 0;
}
