/**
 * What the second runner needs of a browser: forms, cookies, the parts of a Location header, and how OAuth clients encode
 * what they send. Once more and apart from test/spec.
 */

import { fill, text } from "./match.mjs";

const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const decode = (value) =>
  value
    .replace(/&#x([0-9a-f]+);/giu, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&#(\d+);/gu, (_, ten) => String.fromCodePoint(Number(ten)))
    .replace(/&(amp|lt|gt|quot|apos);/gu, (_, name) => named[name]);

const attributes = (tag) =>
  Object.fromEntries(
    [...tag.matchAll(/([a-z-]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?/giu)].map(
      ([, name, value = ""]) => [
        name.toLowerCase(),
        decode(value.replace(/^(["'])(.*)\1$/su, "$2")),
      ],
    ),
  );

/** The first form of a page, as `{ action, method, fields }`. */
export function formOf(html, base) {
  const [, open, inside] = /<form\b([^>]*)>(.*?)<\/form>/isu.exec(html) ?? [];
  if (open === undefined) return undefined;
  const { action = "", method = "get" } = attributes(open);
  const fields = {};
  for (const [, tag] of inside.matchAll(/<input\b([^>]*)>/gisu)) {
    const { name, type = "text", value = "", checked } = attributes(tag);
    const pressed = ["submit", "button", "image", "reset"].includes(type);
    const off = ["checkbox", "radio"].includes(type) && checked === undefined;
    if (name !== undefined && !pressed && !off) fields[name] = value;
  }
  return { action: new URL(action, base).href, method: method.toUpperCase(), fields };
}

/** A Location header as `{ url, query, fragment }`. */
export function locationOf(value, base) {
  const hash = value.indexOf("#");
  const whole = hash < 0 ? value : value.slice(0, hash);
  const [url, ...rest] = whole.split("?");
  const params = new URLSearchParams(rest.join("?"));
  const query = Object.fromEntries(
    [...params.keys()].map((name) => {
      const values = params.getAll(name);
      return [name, values.length === 1 ? values[0] : values];
    }),
  );
  const fragment = hash < 0 || hash === value.length - 1 ? {} : { fragment: value.slice(hash + 1) };
  return { url: url.startsWith("/") ? new URL(url, base).href : url, query, ...fragment };
}

/** Parameters as application/x-www-form-urlencoded; `null` and missing values are left out. */
export function encode(params, look) {
  const encoded = new URLSearchParams();
  for (const [name, values] of Object.entries(params ?? {}))
    for (const value of [values].flat().map((one) => fill(one, look)))
      if (value !== undefined && value !== null) encoded.append(name, text(value));
  return encoded.toString();
}

/** RFC 6749 section 2.3.1. */
export const basicOf = (halves, look) =>
  `Basic ${btoa(halves.map((half) => encode({ x: half }, look).slice(2)).join(":"))}`;

/** What `{ query, form, submit, basic }` of a request add to it: its method, address, header fields and body. */
export function webOf(request, kept, look) {
  const page = kept[request.submit];
  const method = request.method ?? page?.method ?? "GET";
  const sends = (request.form || page) && request.raw === undefined && request.bytes === undefined;
  const untouched = Object.entries(page?.fields ?? {}).filter(
    ([name]) => !Object.hasOwn(request.form ?? {}, name),
  );
  const form = [new URLSearchParams(untouched).toString(), encode(request.form, look)]
    .filter(Boolean)
    .join("&");
  const query = [encode(request.query, look), sends && method === "GET" ? form : ""]
    .filter(Boolean)
    .join("&");
  const address = text(fill(request.path ?? page?.action ?? "{{endpoint}}", look));
  const headers = [];
  if (request.basic) headers.push(["Authorization", basicOf(request.basic, look)]);
  const body = sends && method !== "GET" ? form : undefined;
  const typed = Object.keys(request.headers ?? {}).some(
    (name) => name.toLowerCase() === "content-type",
  );
  if (body !== undefined && !typed)
    headers.push(["Content-Type", "application/x-www-form-urlencoded"]);
  return {
    method,
    address: query ? address + (address.includes("?") ? "&" : "?") + query : address,
    headers,
    body,
  };
}

/** Keeps what a server sets, and forgets what it takes back. */
export function keepCookies(jar, response) {
  for (const line of response.headers.getSetCookie()) {
    const [pair, ...rules] = line.split(";");
    const at = pair.indexOf("=");
    if (rules.some((rule) => /^\s*max-age=(?:0|-)/iu.test(rule)))
      jar.delete(pair.slice(0, at).trim());
    else jar.set(pair.slice(0, at).trim(), pair.slice(at + 1));
  }
}
