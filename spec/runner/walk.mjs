/**
 * Walks one exchange against the server under test and gives the verdict that spec/README.md names. Whatever the server
 * answers is a verdict and never throws; what this runner cannot do (evict, let time pass) is untested.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { forget, view } from "./answer.mjs";
import { formOf } from "./html.mjs";
import { difference, fill, inTime, matches, shown } from "./match.mjs";
import { missingIn, overlay, send } from "./send.mjs";
import { world } from "./spec-files.mjs";
import { locationOf } from "./web.mjs";

const ANSWER_MS = 10_000;
const READ_MS = 5_000;
const POLL_MS = 4;
const AGAIN_MS = 100;
const TIME_IS_UP = "the time was up";
const LIMITED = "the server limits requests (429): raise its limit, or come later";
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

/** The steps with every `play` replaced. */
export const played = (steps, templates) =>
  steps.flatMap((step) => (step.play ? played(templates[step.play], templates) : [step]));

/** The callers that steps name, in order. */
export const callersOf = (steps) => [
  ...new Set(steps.map((step) => (step.send ?? step.open)?.as).filter(Boolean)),
];

/**
 * Walks `exchange`, once. `server` says what it is walked against (server.mjs). Resolves to the verdict, the reason, what was
 * found of each check that proves something, and what was kept.
 */
export async function walk(exchange, { server, mode = "plain", person }) {
  const steps = played(exchange.steps, server.templates);
  const kept = namesFor(server, mode, person);
  const walking = { server, exchange, mode, kept, steps, streams: {}, jars: {}, lives: [] };
  const result = { findings: [], kept };
  let stop = unable(exchange, steps, server);
  if (stop) result.untested = true;
  for (const [index, step] of steps.entries()) {
    kept.step = index + 1;
    if (!stop && performance.now() >= server.deadline) {
      stop = TIME_IS_UP;
      result.untested = true;
    }
    const seen = stop ? stop : await tryStep(walking, step);
    if (typeof seen === "string") {
      if (seen === TIME_IS_UP || seen === LIMITED) result.untested = true;
      stop ??= `step ${kept.step}: ${seen}`;
      leaveUntested(result, step, kept.step, stop);
    } else if (seen) stop = judge(walking, result, step, seen);
  }
  for (const live of walking.lives) live.abort.abort();
  return { ...result, ...verdictOf(result, stop) };
}

function verdictOf({ findings, untested }, stop) {
  const failure = findings.find(({ verdict }) => verdict === "fail");
  if (failure) return { verdict: "fail", why: `step ${failure.step}, ${failure.proves.join()}` };
  if (untested) return { verdict: "untested", why: stop };
  return stop ? { verdict: "setup", why: stop } : { verdict: "pass" };
}

function namesFor({ url, revision, elsewhere }, mode, person) {
  const nonce = Math.random().toString(36).slice(2);
  const json = mode === "sse" ? "application/json;q=0.5" : "application/json";
  return {
    accept: `${json}, text/event-stream`,
    revision,
    endpoint: url.pathname,
    origin: url.origin,
    ...(elsewhere && { elsewhere }),
    nonce,
    person: person ?? `person-${nonce}`,
  };
}

const SESSIONS = "choices/sessions";
const KEEPS_SESSION = /"Mcp-Session-Id":\{"\$save"/iu;

/** Why an exchange cannot be walked here, if it cannot. */
function unable(exchange, steps, server) {
  const lacks = lackOf(exchange, server);
  if (lacks) return lacks;
  if (steps.some((step) => step.evict || step.advance > ANSWER_MS))
    return "this runner cannot evict, nor let much time pass";
  if (!server.elsewhere && JSON.stringify(steps).includes("{{elsewhere}}"))
    return "this runner knows no other address of the server";
  if (KEEPS_SESSION.test(JSON.stringify(steps)) && lackOf({ needs: [SESSIONS] }, server))
    return "the server opens no sessions, which it may choose";
  return server.cannotSpeakFor?.(exchange, steps);
}

/** Which of its needs an exchange or a check would not find, in words, if there is one. */
function lackOf({ needs = [] }, { has }) {
  const lack = needs.find((need) => has?.has(need) === false);
  const [kind, name] = lack?.split(/\/(.*)/su) ?? [];
  if (kind === "capabilities") return `the server does not declare ${name}`;
  if (kind === "choices")
    return `the text leaves it open, and spec/world.json chose: ${world.choices[name]?.does}`;
  return lack && `the server has no ${lack}`;
}

function leaveUntested(result, step, number, why) {
  for (const { proves } of step.expect ?? [])
    if (proves) result.findings.push({ step: number, proves, verdict: "untested", why });
}

async function until(server, ms, enough) {
  const end = Math.min(performance.now() + ms, server.deadline);
  while (!enough() && performance.now() < end) await sleep(POLL_MS);
  return enough();
}

/** One step, whatever it throws: what a check sees, nothing, or a text that says why the walk must stop. */
async function tryStep(walking, step) {
  const start = performance.now();
  try {
    if (step.advance) await sleep(step.advance);
    if (step.close) walking.streams[step.close]?.abort.abort();
    if (step.read) return await readOn(walking, step.read, start);
    if (step.until) return await askUntil(walking, step, start);
    return step.send || step.open ? await askAgain(walking, step, start) : undefined;
  } catch (error) {
    return error.message;
  }
}

async function readOn({ server, streams }, { stream, count = 1, end, wait, within }, start) {
  const live = streams[stream];
  if (live === undefined) return `no stream ${stream}`;
  const isThere = () =>
    live.ended || live.broken !== undefined || (!end && live.messages.length >= live.taken + count);
  await until(server, wait ?? within ?? READ_MS, () => !wait && isThere());
  return view(live, end || wait ? Number.POSITIVE_INFINITY : count, start);
}

/** Asks again and again, until the answer is as `until` says or the time is up: what was seen last. */
async function askUntil(walking, step, start) {
  const end = start + (step.within ?? ANSWER_MS);
  for (;;) {
    const seen = await ask(walking, step, start);
    const isEnough = typeof seen === "string" || !wrongOf(step.until, seen, { ...walking.kept });
    if (isEnough || performance.now() >= end) return seen;
    if (performance.now() + AGAIN_MS >= walking.server.deadline) return TIME_IS_UP;
    await sleep(AGAIN_MS);
  }
}

/** Asks, and once more after the wait that a server wants which limits requests: its refusal is no answer to the step. */
async function askAgain(walking, step, start) {
  const seen = await ask(walking, step, start);
  if (seen?.status !== 429) return seen;
  // A date, or nothing: a minute, which is what limits count by.
  const waitMs =
    (/^\d+$/u.test(seen.headers["retry-after"]) ? Number(seen.headers["retry-after"]) : 60) * 1_000;
  if (!(performance.now() + waitMs < walking.server.deadline)) return limited(walking.server);
  await sleep(waitMs);
  const again = await ask(walking, step, performance.now());
  return again?.status === 429 ? limited(walking.server) : again;
}

/** What was left untested for want of requests is not green. */
function limited(server) {
  server.wasLimited = true;
  return LIMITED;
}

async function ask(walking, step, start) {
  const { server, kept, streams, lives } = walking;
  const request = overlay(step.send ?? step.open, server.templates);
  const missing = missingIn(request, kept);
  if (missing) return `nobody kept ${missing}`;
  const token = await server.tokenFor?.(walking, request.as);
  const live = send(request, walking, token);
  lives.push(live);
  if (step.open) streams[step.open.stream] = live;
  if (step.open && !step.expect) return await sleep(0);
  const isThere = () => live.broken || live.ended || (step.open && live.response);
  const isDone = await until(server, ANSWER_MS, isThere);
  if (live.broken || !isDone) {
    live.abort.abort();
    return `no answer: ${live.broken ?? "it does not end"}`;
  }
  if (step.open) {
    const { heard, told } = live;
    const seen = view(live, 0, start);
    Object.assign(live, { heard, told });
    return { ...seen, events: [], comments: 0 };
  }
  const seen = view(live, Number.POSITIVE_INFINITY, start);
  const isPage = /^text\/html\b/iu.test(seen.headers["content-type"]);
  const location = seen.headers.location && locationOf(seen.headers.location, live.target);
  const form = isPage ? formOf(live.text, live.target) : undefined;
  const whole = { ...seen, body: live.text, json: live.json, form, location };
  forget(live);
  return whole;
}

/** Tries all checks of a step. Says why the walk must stop, if it must: after the others of the step were tried. */
function judge({ server, kept }, result, step, seen) {
  let stop;
  for (const check of step.expect ?? []) {
    const { proves, about = step.about } = check;
    const lacks = lackOf(check, server);
    const wrong = lacks ? undefined : wrongOf(check, seen, kept);
    const found = { step: kept.step, about, proves };
    if (!proves && wrong)
      stop ??= `step ${kept.step}: ${wrong.seen}, where ${wrong.expected} was expected`;
    else if (proves && lacks) result.findings.push({ ...found, verdict: "untested", why: lacks });
    else if (proves) result.findings.push({ ...found, verdict: wrong ? "fail" : "pass", ...wrong });
  }
  return stop;
}

/** What of a check does not hold, as `{ expected, seen }`. */
function wrongOf(check, seen, kept) {
  const parts = PARTS.filter((part) => part in check).map((part) => [
    part,
    check[part],
    seen[part],
  ]);
  const fields = Object.entries(check.headers ?? {}).map(([name, rule]) => [
    `header ${name}`,
    rule,
    seen.headers[name.toLowerCase()],
  ]);
  for (const [name, rule, actual] of [...parts, ...fields]) {
    const before = { ...kept };
    try {
      if (inTime(() => matches(rule, actual, kept))) continue;
      const { path, expected, actual: found } = inTime(() => difference(rule, actual, before));
      return {
        expected: `${name}${path} ${shown(fill(expected, (one) => before[one]))}`,
        seen: `${name}${path} ${shown(found)}`,
      };
    } catch (error) {
      // What is nested too deep for this runner, or takes it too long, is not what was expected.
      return { expected: `${name} ${shown(rule)}`, seen: `${name} ${error.message}` };
    }
  }
  return undefined;
}
