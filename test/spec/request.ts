/**
 * From a step's request to bytes: templates, JSON Merge Patch (RFC 7396), `{{…}}`.
 * Pure: what the names stand for is handed in.
 */

import { isObject, type Json, type JsonObject, type Req, type Templates } from "./format.ts";
import { define, fill } from "./match.ts";

/** A request ready to go. Same-named fields stand one after the other. */
export type Outgoing = {
  method: string;
  path: string;
  headers: [name: string, value: string][];
  body: Uint8Array | undefined;
  chunked: number | undefined;
};

/** Lays the step's own request over its templates. */
export function overlay(request: Req, templates: Templates): Req {
  if (request.use === undefined) return request;
  const template = templates[request.use];
  if (template === undefined || Array.isArray(template)) throw new Error(`No request template ${request.use}`);
  const { use: _use, ...own } = request;
  const { stream: _stream, ...base } = overlay(template, templates);
  const whole: Req = { ...base, ...own };
  if (own.body !== undefined) whole.body = patch(base.body, own.body);
  if (own.headers !== undefined) whole.headers = overlayHeaders(base.headers ?? {}, own.headers);
  return whole;
}

/** RFC 7396: null removes, objects merge, all else replaces. */
export function patch(target: Json | undefined, change: Json): Json {
  if (!isObject(change)) return change;
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else define(merged, name, patch(Object.hasOwn(merged, name) ? merged[name] : undefined, value));
  }
  return merged;
}

/** Fills in the names and makes bytes of the body. A header whose value is missing is left out. */
export function build(request: Req, lookup: (name: string) => Json | undefined): Outgoing {
  const body = request.body === undefined ? undefined : fill(request.body, lookup);
  const look = (name: string): Json | undefined => (name.startsWith("/") ? pointer(body, name) : lookup(name));
  const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one): [string, string][] => {
      const filled = one === null ? undefined : fill(one, look);
      if (filled === undefined) return [];
      return [[name, typeof filled === "string" ? filled : JSON.stringify(filled)]];
    }),
  );
  return {
    method: request.method ?? "GET",
    path: String(fill(request.path ?? "{{endpoint}}", look)),
    headers,
    body: bytes(request, body, look),
    chunked: request.chunked,
  };
}

/** Every `{{name}}` in the request that is no pointer. */
export function namesIn(request: Req): string[] {
  const found = JSON.stringify([request.path ?? "", request.headers ?? {}, request.body ?? null, request.raw ?? ""]);
  return [...found.matchAll(/\{\{([^{}/][^{}]*)\}\}/gu)].map((one) => one[1] ?? "");
}

function overlayHeaders(
  base: NonNullable<Req["headers"]>,
  own: NonNullable<Req["headers"]>,
): NonNullable<Req["headers"]> {
  const replaced = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const rest = Object.entries(base).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...Object.fromEntries(rest), ...own };
}

function bytes(request: Req, body: Json | undefined, look: (name: string) => Json | undefined): Uint8Array | undefined {
  if (request.bytes !== undefined) return Uint8Array.from(atob(request.bytes), (sign) => sign.charCodeAt(0));
  if (request.raw === undefined) return body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
  const parts = typeof request.raw === "string" ? [request.raw] : request.raw;
  const texts = parts.map((part) => (typeof part === "string" ? fillText(part, look) : part.text.repeat(part.times)));
  return new TextEncoder().encode(texts.join(""));
}

function fillText(part: string, look: (name: string) => Json | undefined): string {
  const filled = fill(part, look);
  return typeof filled === "string" ? filled : JSON.stringify(filled);
}

/** RFC 6901. */
function pointer(value: Json | undefined, path: string): Json | undefined {
  let here = value;
  for (const part of path.slice(1).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(here)) here = here[Number(name)];
    else here = isObject(here) && Object.hasOwn(here, name) ? here[name] : undefined;
  }
  return here;
}
