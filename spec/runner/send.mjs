/**
 * One request of an exchange: built from its templates, sent to the server under test, and its answer read behind the walk.
 * It refuses to send anything to another server, whatever a form, a metadata document or a redirect names.
 */

import { newAnswer, receive } from "./answer.mjs";
import { fill, HOLE, patch, text } from "./match.mjs";
import { keepCookies, webOf } from "./web.mjs";

/** A request laid over the templates that it uses. */
export function overlay({ use, ...request }, templates) {
  if (use === undefined) return request;
  const base = overlay(templates[use], templates);
  const lower = Object.keys(request.headers ?? {}).map((name) => name.toLowerCase());
  const rest = Object.entries(base.headers ?? {}).filter(
    ([name]) => !lower.includes(name.toLowerCase()),
  );
  const merged = Object.fromEntries(
    ["body", "query", "form"]
      .filter((part) => request[part] !== undefined)
      .map((part) => [part, patch(base[part], request[part])]),
  );
  return {
    ...base,
    ...request,
    headers: { ...Object.fromEntries(rest), ...request.headers },
    ...merged,
  };
}

/** The name in `{{…}}` that the request needs and nobody kept, if there is one. */
export function missingIn(request, kept) {
  const asked = JSON.stringify(request) + (request.submit ? `{{${request.submit}}}` : "");
  const missing = [...asked.matchAll(HOLE)].find(
    ([, name]) => !name.startsWith("/") && !(name in kept),
  );
  return missing?.[0];
}

const pointer = (path) =>
  path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

/** Looks names up: pointers in the body, all others in what was kept. */
function lookUp(request, kept) {
  const body = fill(request.body, (name) => kept[name]);
  const look = (name) =>
    name.startsWith("/") ? pointer(name).reduce((at, part) => at?.[part], body) : kept[name];
  return { body, look };
}

function bytesOf(request, body, look, form) {
  if (request.bytes !== undefined) return Buffer.from(request.bytes, "base64");
  const whole = body === undefined ? "" : { text: JSON.stringify(body), times: 1 };
  const written = [request.raw ?? whole]
    .flat()
    .map((part) => part.text?.repeat(part.times) ?? text(fill(part, look)));
  return Buffer.from(form ?? written.join(""));
}

function headersOf(request, fields, look, jar) {
  const headers = new Headers(fields);
  if (request.jar && jar.size > 0) headers.set("Cookie", cookiesOf(jar));
  for (const [name, values] of Object.entries(request.headers ?? {})) {
    const filled = [values].flat().map((one) => fill(one, look) ?? undefined);
    for (const value of filled.filter((one) => one !== undefined))
      headers.append(name, text(value));
  }
  return headers;
}

const cookiesOf = (jar) => [...jar].map((pair) => pair.join("=")).join("; ");

function* piecesOf(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** @throws unless `target` is the server under test: its cookies and tokens, and our requests, are for nobody else. */
function requireServer(target, { server: { url, elsewhere }, steps }) {
  if (target.origin === url.origin) return;
  // Its other name counts in an exchange that is about the two names.
  if (target.origin === elsewhere && JSON.stringify(steps).includes("{{elsewhere}}")) return;
  throw new Error(`${url.origin} names another server, ${target.origin}: nothing was sent there`);
}

/**
 * Sends, and reads in the background. `token` goes with a request that names no authorization of its own.
 * @throws when the request cannot be made, or leads to another server.
 */
export function send(request, walking, token) {
  const { server, kept, mode, jars } = walking;
  const { body, look } = lookUp(request, kept);
  const web = webOf(request, kept, look);
  const target = new URL(web.address, server.url);
  requireServer(target, walking);
  const bytes = bytesOf(request, body, look, web.body);
  const piece = request.chunked ?? (mode === "bytes" ? Math.ceil(bytes.length / 64) : 0);
  jars[request.jar] ??= new Map();
  const jar = jars[request.jar];
  const headers = headersOf(request, web.headers, look, jar);
  if (token !== undefined && target.origin === server.url.origin && !headers.has("Authorization"))
    headers.set("Authorization", `Bearer ${token}`);
  const live = newAnswer(target);
  const { signal } = live.abort;
  const init = { method: web.method, headers, redirect: "manual", signal, duplex: "half" };
  if (bytes.length > 0) init.body = piece > 0 ? ReadableStream.from(piecesOf(bytes, piece)) : bytes;
  const answer = fetch(target, init).then((response) => {
    keepCookies(jar, response);
    return request.jar ? follow(response, target, jar, signal) : response;
  });
  void receive(live, answer).catch((reason) => {
    live.broken = String(reason.cause ?? reason);
  });
  return live;
}

/** A browser goes on by itself where a 303 leads to a page of the same origin. */
async function follow(response, from, jar, signal) {
  const location = response.headers.get("location") ?? "";
  const onward =
    response.status === 303 && URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (onward?.origin !== from.origin) return response;
  await response.body?.cancel();
  const headers = { Cookie: cookiesOf(jar) };
  const followed = await fetch(onward, { headers, redirect: "manual", signal });
  keepCookies(jar, followed);
  return followed;
}
