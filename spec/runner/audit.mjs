/**
 * The second runner of spec/: plain JavaScript over fetch, against any URL. It shares no line with the one in test/spec,
 * so that spec/README.md is all that the two have in common. It cannot evict. A server that answers a stranger with 401
 * is taken for the guarded world, any other for the open one; each is tried with its own exchanges only.
 *   node spec/runner/audit.mjs URL [--revision R] [--mode plain|sse|bytes] [--only id-prefix] [--out file]
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { fill, HOLE, isObject, json, matches, patch, text } from "./match.mjs";
import { formOf, keepCookies, locationOf, webOf } from "./web.mjs";

const spec = new URL("../", import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, spec), "utf8"));
const names = ["revision", "mode", "only", "out"].map((name) => [name, { type: "string" }]);
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(names),
});
const [address = ""] = positionals;
const EXAMPLE = "make audit URL=https://mcp.example.com/mcp";
if (address === "") stop(`Which server? Name it: ${EXAMPLE}`);
if (!URL.canParse(address)) stop(`"${address}" is no address: ${EXAMPLE}`);
const url = new URL(address);
const revision = flags.revision ?? read("revisions.json").revisions.at(-1);
const templates = { ...read("templates/every.json"), ...read(`templates/${revision}.json`) };
/** The same server under its other name, where it runs on this machine. */
const other = { "127.0.0.1": "localhost", localhost: "127.0.0.1" }[url.hostname];
const elsewhere = other && url.origin.replace(url.hostname, other);

/** Ends the program: there is nothing to audit. */
function stop(why) {
  console.error(why);
  process.exit(1);
}

function overlay({ use, ...request }) {
  if (use === undefined) return request;
  const base = overlay(templates[use]);
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

/** Sends, and reads in the background. */
function send(request, kept, mode, jars) {
  const body = fill(request.body, (name) => kept[name]);
  const pointer = (path) =>
    path
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const look = (name) =>
    name.startsWith("/") ? pointer(name).reduce((at, part) => at?.[part], body) : kept[name];
  const parts = [
    request.raw ?? (body === undefined ? "" : { text: JSON.stringify(body), times: 1 }),
  ].flat();
  const written = parts
    .map((part) => part.text?.repeat(part.times) ?? text(fill(part, look)))
    .join("");
  const web = webOf(request, kept, look);
  const bytes =
    request.bytes === undefined
      ? Buffer.from(web.body ?? written)
      : Buffer.from(request.bytes, "base64");
  const piece = request.chunked ?? (mode === "bytes" ? Math.ceil(bytes.length / 64) : 0);
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  };
  const headers = new Headers(web.headers);
  jars[request.jar] ??= new Map();
  const jar = jars[request.jar];
  if (request.jar && jar.size > 0)
    headers.set("Cookie", [...jar].map((pair) => pair.join("=")).join("; "));
  for (const [name, values] of Object.entries(request.headers ?? {})) {
    const filled = [values].flat().map((one) => fill(one, look) ?? undefined);
    for (const value of filled.filter((one) => one !== undefined))
      headers.append(name, text(value));
  }
  for (const [name, value] of request.credentials ?? [])
    if (!headers.has(name)) headers.set(name, value);
  const abort = new AbortController();
  const live = { text: "", taken: 0, heard: 0, comments: 0, ended: false, abort };
  const init = {
    method: web.method,
    headers,
    redirect: "manual",
    signal: abort.signal,
    duplex: "half",
  };
  if (bytes.length > 0) init.body = piece > 0 ? ReadableStream.from(pieces()) : bytes;
  live.target = new URL(web.address, url);
  const answer = fetch(live.target, init).then((response) => {
    keepCookies(jar, response);
    return request.jar ? follow(response, live.target, jar, abort.signal) : response;
  });
  void receive(live, answer).catch((reason) =>
    Object.assign(live, { broken: String(reason.cause ?? reason) }),
  );
  return live;
}

/** A browser goes on by itself where a 303 leads to a page of the same origin. */
async function follow(response, from, jar, signal) {
  const location = response.headers.get("location") ?? "";
  const onward =
    response.status === 303 && URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (onward?.origin !== from.origin) return response;
  const headers = { Cookie: [...jar].map((pair) => pair.join("=")).join("; ") };
  const followed = await fetch(onward, { headers, redirect: "manual", signal });
  keepCookies(jar, followed);
  return followed;
}

async function receive(live, answer) {
  live.response = await answer;
  const decoder = new TextDecoder();
  for await (const chunk of live.response.body ?? [])
    live.text += decoder.decode(chunk, { stream: true });
  live.ended = true;
}

/** All that came so far: SSE is parsed anew each time, which is slow and plain. */
function parsed(live) {
  const type = (live.response?.headers.get("content-type") ?? "")
    .split(";")[0]
    .trim()
    .toLowerCase();
  const found = { events: [], messages: [], marks: [], comments: 0 };
  if (type === "application/json" && live.ended) found.messages = [json(live.text) ?? []].flat();
  if (type !== "text/event-stream") return found;
  for (const block of live.text
    .replaceAll(/\r\n?/gu, "\n")
    .split(/(?<=^|\n)\n/u)
    .slice(0, -1)) {
    const event = {};
    // A line ends at CR, LF or both. The flag m and the dot know more ends than these: U+2028 is data.
    for (const line of block.split("\n")) {
      const [, name, value] = /^([^:]*):? ?([^]*)$/u.exec(line);
      if (name === "data")
        event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      else if (name === "retry") event.retry = Number(value);
      else if (name === "event" || name === "id") event[name] = value;
    }
    found.comments += block.match(/(?<=^|\n):/gu)?.length ?? 0;
    if (Object.keys(event).length === 0) continue;
    const message = json(event.data);
    if (found.events.push(event) && message !== undefined)
      found.marks[found.messages.push(message) - 1] = found.events.length;
  }
  return found;
}

/** What a check sees: at most `count` messages that were not taken before, and what came with them. */
function view(live, count, start) {
  const all = parsed(live);
  const messages = all.messages.slice(live.taken, live.taken + count);
  const last = live.taken + messages.length;
  const heard = last < all.messages.length ? (all.marks[last - 1] ?? 0) : all.events.length;
  const replies = messages.filter((one) => !Object.hasOwn(Object(one), "method"));
  const events = all.events.slice(live.heard, heard);
  const seen = {
    messages,
    events,
    comments: all.comments - live.comments,
    reply: replies.length === 1 ? replies[0] : undefined,
  };
  Object.assign(live, { taken: last, heard, comments: all.comments });
  const { status, headers } = live.response ?? { headers: [] };
  return {
    ...seen,
    status,
    headers: Object.fromEntries(headers),
    ended: live.ended,
    took: performance.now() - start,
  };
}

async function until(ms, enough) {
  for (const end = performance.now() + ms; !enough() && performance.now() < end;) await sleep(4);
  return enough();
}

/** One step: what a check sees, nothing, or a text that says why the walk must stop. */
async function take(step, kept, streams, mode, jars) {
  const start = performance.now();
  if (step.advance) await sleep(step.advance);
  if (step.close) streams[step.close]?.abort.abort();
  if (step.read) {
    const { stream, count = 1, end, wait, within = 5000 } = step.read;
    const live = streams[stream];
    if (live === undefined) return `no stream ${stream}`;
    const there = () =>
      live.ended || live.broken || (!end && parsed(live).messages.length >= live.taken + count);
    await until(wait ?? within, () => !wait && there());
    return view(live, end || wait ? Number.POSITIVE_INFINITY : count, start);
  }
  if (!step.send && !step.open) return undefined;
  const request = overlay(step.send ?? step.open);
  const asked = JSON.stringify(request) + (request.submit ? `{{${request.submit}}}` : "");
  const missing = [...asked.matchAll(HOLE)].find(
    ([, name]) => !name.startsWith("/") && !(name in kept),
  );
  if (missing) return `nobody kept ${missing[0]}`;
  if (request.as) request.credentials = [["Authorization", `Bearer ${await tokenOf(request.as)}`]];
  const live = send(request, kept, mode, jars);
  if (step.open) streams[step.open.stream] = live;
  if (step.open && !step.expect) return await sleep(0);
  const done = await until(10_000, () => live.broken || live.ended || (step.open && live.response));
  if (live.broken || !done) return `no answer: ${live.broken ?? "it does not end"}`;
  if (step.open) {
    const untaken = { heard: live.heard, comments: live.comments };
    const seen = view(live, 0, start);
    Object.assign(live, untaken);
    return { ...seen, events: [], comments: 0 };
  }
  const seen = view(live, Number.POSITIVE_INFINITY, start);
  const page = /^text\/html\b/iu.test(seen.headers["content-type"])
    ? formOf(live.text, live.target)
    : undefined;
  const location = seen.headers.location && locationOf(seen.headers.location, live.target);
  return { ...seen, body: live.text, json: json(live.text), form: page, location };
}

const play = (steps) => steps.flatMap((step) => (step.play ? play(templates[step.play]) : [step]));
const PARTS = [
  "status",
  "body",
  "json",
  "form",
  "location",
  "reply",
  "messages",
  "events",
  "comments",
  "ended",
  "took",
];

async function walk(exchange, mode, known, name) {
  const accept =
    mode === "sse"
      ? "application/json;q=0.5, text/event-stream"
      : "application/json, text/event-stream";
  const nonce = Math.random().toString(36).slice(2);
  const person = name ?? `person-${nonce}`;
  const kept = { accept, revision, endpoint: url.pathname, origin: url.origin, nonce, person };
  if (elsewhere) kept.elsewhere = elsewhere;
  const steps = play(exchange.steps);
  const lacks = (exchange.needs ?? []).find((need) => known?.has(need) === false);
  const cannot = steps.some((step) => step.evict || step.advance > 10_000);
  if (lacks || cannot)
    return { verdict: "untested", why: lacks ? `no ${lacks}` : "needs eviction or time" };
  if (!elsewhere && JSON.stringify(steps).includes("{{elsewhere}}"))
    return { verdict: "untested", why: "needs a second name of the server" };
  if (!guarded && steps.some((step) => (step.send ?? step.open)?.as))
    return { verdict: "untested", why: "needs callers" };
  const result = { failures: [], proven: [], kept };
  const streams = {};
  const jars = {};
  for (const [index, step] of steps.entries()) {
    kept.step = index + 1;
    const seen = await take(step, kept, streams, mode, jars);
    if (typeof seen === "string") result.setup = `step ${kept.step}: ${seen}`;
    for (const check of isObject(seen) ? (step.expect ?? []) : []) {
      const fields = Object.entries(check.headers ?? {}).map(([name, rule]) => [
        name,
        rule,
        seen.headers[name.toLowerCase()],
      ]);
      const parts = PARTS.filter((part) => part in check).map((part) => [
        part,
        check[part],
        seen[part],
      ]);
      const wrong = [...parts, ...fields].find(([, rule, actual]) => !matches(rule, actual, kept));
      const why =
        wrong &&
        `step ${kept.step}, ${check.proves ?? "setup"}: ${wrong[0]} is ${text(wrong[2]).slice(0, 300)}`;
      if (!why) result.proven.push(...(check.proves ?? []));
      else if (check.proves) result.failures.push(why);
      else result.setup ??= why;
    }
    if (result.setup) break;
  }
  for (const live of Object.values(streams)) live.abort.abort();
  if (result.failures.length > 0)
    return { ...result, verdict: "fail", why: result.failures.join("; ") };
  return { ...result, verdict: result.setup ? "setup" : "pass", why: result.setup };
}

/** Whether strangers are told to sign in. */
async function isGuarded() {
  const steps = [
    { send: { use: "@hello" }, expect: [{ proves: ["bearer.required"], status: 401 }] },
  ];
  return (await walk({ steps }, "plain")).verdict === "pass";
}

let guarded = false;
const tokens = {};
/** Logs `name` in, once a run. */
async function tokenOf(name) {
  tokens[name] ??= (
    await walk({ steps: [{ play: "@grant" }] }, "plain", undefined, name)
  ).kept?.token;
  if (tokens[name] === undefined)
    throw new Error(`${name} cannot log in: is this the guarded world?`);
  return tokens[name];
}

/** What the server has of the world: `tools/<name>` and so on. */
async function inventory() {
  const lists = ["tools tools name", "prompts prompts name", "resources resources uri"];
  const found = new Set();
  for (const line of [...lists, "resources/templates resourceTemplates uriTemplate"]) {
    const [kind, member, name] = line.split(" ");
    for (let cursor = null, page = 0; page === 0 || (cursor && page < 20); page += 1) {
      const result = {
        [member]: { $save: "items" },
        nextCursor: { $any: [{ $absent: true }, { $save: "next" }] },
      };
      const send = { use: "@request", body: { method: `${kind}/list`, params: { cursor } } };
      const session = templates["@session"] ? play([{ play: "@session" }]) : [];
      const steps = [...session, { send, expect: [{ reply: { result } }] }];
      if (guarded) for (const step of steps) step.send = { ...step.send, as: "auditor" };
      const { kept } = await walk({ steps }, "plain");
      for (const item of kept.items ?? [])
        found.add(`${kind === "resources/templates" ? "templates" : kind}/${item[name]}`);
      cursor = kept.next;
    }
  }
  // The people and the clients of the guarded world cannot be listed: who let the auditor in has them.
  if (guarded)
    for (const name of Object.keys(read("world.json").clients)) found.add(`clients/${name}`);
  return found;
}

const reason = await fetch(url, { method: "OPTIONS" }).then(
  () => undefined,
  (error) => error.cause?.code ?? error.cause?.message ?? error.message,
);
if (reason !== undefined) stop(`Nobody answers at ${url.href} (${reason}).`);
guarded = await isGuarded();
const known = await inventory();
const results = [];
for (const exchange of readdirSync(new URL("exchanges/", spec)).flatMap((file) =>
  read(`exchanges/${file}`),
)) {
  const applies = exchange.since <= revision && revision <= (exchange.until ?? revision);
  if (!applies || !exchange.id.startsWith(flags.only ?? "")) continue;
  if ((exchange.world === "guarded") !== guarded) continue;
  for (const mode of flags.mode ? [flags.mode] : ["plain", "sse", "bytes"]) {
    if (exchange.modes?.includes(mode) === false) continue;
    const { verdict, why, proven = [] } = await walk(exchange, mode, known);
    results.push({ id: exchange.id, mode, verdict, why, proven });
    // The reason may quote the server, and a terminal obeys what it is sent.
    const said = why?.replaceAll(/\p{Cc}/gu, " ");
    if (verdict !== "pass") console.log(`${verdict.padEnd(8)} ${exchange.id} (${mode}): ${said}`);
  }
}
const count = (verdict) => results.filter((one) => one.verdict === verdict).length;
const entries = new Set(results.flatMap((one) => one.proven)).size;
const tally = ["pass", "fail", "setup", "untested"]
  .map((verdict) => `${count(verdict)} ${verdict}`)
  .join(", ");
if (flags.out)
  writeFileSync(flags.out, `${JSON.stringify({ url: url.href, revision, results }, null, 2)}\n`);
console.log(`${tally}; ${entries} ledger entries seen to hold at ${url.href} in ${revision}`);
process.exitCode = count("fail") + count("setup") > 0 ? 1 : 0;
