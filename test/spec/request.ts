/**
 * From a step's request to bytes: templates, JSON Merge Patch (RFC 7396), `{{…}}`.
 * Pure: what the names stand for is handed in.
 */

import {
  isObject,
  type Json,
  type JsonObject,
  type Params,
  type Req,
  type Templates,
} from "./format.ts";
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
  if (template === undefined || Array.isArray(template))
    throw new Error(`No request template ${request.use}`);
  const { use: _use, ...own } = request;
  const { stream: _stream, ...base } = overlay(template, templates);
  const whole: Req = { ...base, ...own };
  if (own.body !== undefined) whole.body = patch(base.body, own.body);
  if (own.query !== undefined) whole.query = patch(base.query, own.query) as Params;
  if (own.form !== undefined) whole.form = patch(base.form, own.form) as Params;
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
  const look = (name: string): Json | undefined =>
    name.startsWith("/") ? pointer(body, name) : lookup(name);
  const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one): [string, string][] => {
      const filled = one === null ? undefined : fill(one, look);
      if (filled === undefined) return [];
      return [[name, typeof filled === "string" ? filled : JSON.stringify(filled)]];
    }),
  );
  if (request.basic !== undefined) headers.push(["Authorization", basic(request.basic, look)]);
  const page = request.submit === undefined ? undefined : (lookup(request.submit) as Page);
  const method = request.method ?? page?.method ?? "GET";
  const fields = form(request, page, look);
  const inQuery = method === "GET" ? fields : undefined;
  const inBody =
    method === "GET" || fields === undefined ? undefined : new TextEncoder().encode(fields);
  const named = Object.keys(request.headers ?? {}).some(
    (name) => name.toLowerCase() === "content-type",
  );
  if (inBody !== undefined && !named)
    headers.push(["Content-Type", "application/x-www-form-urlencoded"]);
  const query = [
    request.query === undefined ? "" : encode(request.query, look),
    inQuery ?? "",
  ].filter((one) => one !== "");
  const path = String(fill(request.path ?? page?.action ?? "{{endpoint}}", look));
  return {
    method,
    path: query.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${query.join("&")}`,
    headers,
    body: inBody ?? bytes(request, body, look),
    chunked: request.chunked,
  };
}

/** A form as a check found and kept it. */
type Page = { action: string; method: string; fields: { [name: string]: string } };

/** What a form sends, urlencoded; undefined when the request is none, or is sent raw. */
function form(
  request: Req,
  page: Page | undefined,
  look: (name: string) => Json | undefined,
): string | undefined {
  if (request.raw !== undefined || request.bytes !== undefined) return undefined;
  if (request.form === undefined && page === undefined) return undefined;
  // What the page held is sent as it is; only what the exchange says is filled in.
  const own = Object.keys(request.form ?? {});
  const kept = Object.entries(page?.fields ?? {}).filter(([name]) => !own.includes(name));
  return [new URLSearchParams(kept).toString(), encode(request.form ?? {}, look)]
    .filter((one) => one !== "")
    .join("&");
}

/** RFC 6749 section 2.3.1: both halves are form-encoded first. */
function basic(halves: [string, string], look: (name: string) => Json | undefined): string {
  const encoded = halves.map((half) => encode({ "": half }, look).slice(1));
  return `Basic ${btoa(encoded.join(":"))}`;
}

function encode(params: Params, look: (name: string) => Json | undefined): string {
  const pairs = Object.entries(params).flatMap(([name, values]) =>
    [values].flat().flatMap((one): [string, string][] => {
      const value = one === null ? undefined : fill(one, look);
      return value === undefined
        ? []
        : [[name, typeof value === "string" ? value : JSON.stringify(value)]];
    }),
  );
  return new URLSearchParams(pairs).toString();
}

/** Every `{{name}}` in the request that is no pointer. */
export function namesIn(request: Req): string[] {
  const { path, headers, query, form: fields, body, raw, submit, basic: halves } = request;
  const page = submit === undefined ? "" : `{{${submit}}}`;
  const found = JSON.stringify([path, headers, query, fields, body, raw, page, halves]);
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

function bytes(
  request: Req,
  body: Json | undefined,
  look: (name: string) => Json | undefined,
): Uint8Array | undefined {
  if (request.bytes !== undefined)
    return Uint8Array.from(atob(request.bytes), (sign) => sign.charCodeAt(0));
  if (request.raw === undefined)
    return body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
  const parts = typeof request.raw === "string" ? [request.raw] : request.raw;
  const texts = parts.map((part) =>
    typeof part === "string" ? fillText(part, look) : part.text.repeat(part.times),
  );
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
