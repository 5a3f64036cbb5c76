/**
 * What the second runner needs of a browser: cookies, the parts of a Location header, and how OAuth clients encode what
 * they send. Once more and apart from test/spec.
 */

import { fill, text } from "./match.mjs";

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
  const isHere = url.startsWith("/") && URL.canParse(url, base);
  return { url: isHere ? new URL(url, base).href : url, query, ...fragment };
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

/**
 * What `{ query, form, submit, basic }` of a request add to it: its method, address, header fields and body.
 * @throws where the form to be sent leads nowhere.
 */
export function webOf(request, kept, look) {
  const page = kept[request.submit];
  if (page && page.action === undefined && request.path === undefined)
    throw new Error("the form's action is no address");
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
