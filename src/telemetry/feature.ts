/**
 * Telemetry as a part of the Worker: spans of requests, sent to a collector after the answer. Its settings bear
 * OpenTelemetry's names; of those, these four are known. Without a collector nothing is recorded.
 */

import type { Settings } from "../base/settings.ts";
import type { Feature } from "../server/feature.ts";
import { createTracer, type OtlpSettings } from "./tracer.ts";

/** Its settings. */
export interface TelemetryEnv {
  /** Base address of a collector that takes OTLP/HTTP JSON. Empty: nothing is recorded. */
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string;
  /** Header fields for it: "name=value", comma separated, percent-encoded. A secret. */
  readonly OTEL_EXPORTER_OTLP_HEADERS?: string;
  /** What this server is called there; its own name when empty. */
  readonly OTEL_SERVICE_NAME?: string;
  /** 0 to 1: the share of traces that begin here and are recorded; all when empty. */
  readonly OTEL_TRACES_SAMPLER_ARG?: string;
}

/** Records spans, where the settings name a collector. */
export function telemetry(): Feature {
  return {
    start({ server: { info }, settings }) {
      const collector = readCollector(settings);
      if (typeof collector === "string") settings.reject(collector);
      if (collector === undefined || typeof collector === "string") return {};
      const service = settings.text("OTEL_SERVICE_NAME") || info.name;
      return { tracer: createTracer({ ...collector, service, version: info.version }) };
    },
  };
}

/** What the settings say of the collector. */
export type Collector = Pick<OtlpSettings, "endpoint" | "headers" | "sampleRatio">;

/** Where traces go, or what is wrong with that; undefined: nowhere. */
export function readCollector(settings: Settings): Collector | string | undefined {
  const endpoint = settings.text("OTEL_EXPORTER_OTLP_ENDPOINT");
  const headerList = settings.text("OTEL_EXPORTER_OTLP_HEADERS");
  const ratioText = settings.text("OTEL_TRACES_SAMPLER_ARG");
  if (endpoint === "") return undefined;
  if (!URL.canParse(endpoint) || !/^https?:\/\/[^@?#\s]+$/.test(endpoint))
    return "OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL without user, query and fragment";
  const ratio = ratioText === "" ? 1 : Number(ratioText);
  if (ratioText.trim() !== ratioText || !(ratio >= 0 && ratio <= 1))
    return "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1";
  const headers: Record<string, string> = {};
  for (const field of headerList.split(",").filter((entry) => entry.trim() !== "")) {
    // Of what is encoded only visible ASCII and the space can stand in a field: a line break would begin another.
    const [, name, value] =
      /^\s*([\w-]+)\s*=\s*((?:[!-$&-~]|%[2-6][0-9A-Fa-f]|%7[0-9A-Ea-e])+)\s*$/.exec(field) ?? [];
    if (name === undefined || value === undefined)
      return "OTEL_EXPORTER_OTLP_HEADERS must be name=value, comma separated and percent-encoded";
    headers[name.toLowerCase()] = decodeURIComponent(value);
  }
  return { endpoint, headers, sampleRatio: ratio };
}
