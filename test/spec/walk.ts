/**
 * Walks one exchange against a server and gives a verdict, as spec/README.md says.
 * Needs nothing but a `fetch`: what else the host can do (evict, advance, speak for a caller) is handed in.
 * A fault of the server is a verdict; only a broken exchange file throws.
 */

import { head, listen, take, until, whole, type Live, type View } from "./answer.ts";
import {
  isObject,
  type Check,
  type Exchange,
  type Json,
  type Mode,
  type Req,
  type Step,
  type Templates,
} from "./format.ts";
import { asked, isPlace, mismatch, type Kept } from "./match.ts";
import { build, namesIn, overlay, type Outgoing } from "./request.ts";

export type Host = {
  /** The MCP endpoint. */
  url: URL;
  fetch: (url: URL, init: RequestInit) => Promise<Response>;
  /** Header fields that make a request come from this caller. */
  callers?: { [name: string]: [name: string, value: string][] };
  evict?: () => Promise<void>;
  /** Lets time pass; answers false when it cannot let so much pass. */
  advance?: (ms: number) => Promise<boolean>;
  /** What the server has of the world, as `tools/<name>` and so on; all of it when left out. */
  has?: ReadonlySet<string>;
};

export type Verdict = "pass" | "fail" | "setup" | "untested";

export type Finding = { step: number; proves: string[]; verdict: "pass" | "fail" | "untested"; why?: string };

/** A check that proves something, with what it saw, so that faults can be planted in that. */
export type Seen = { step: number; check: Check; view: View; kept: Kept };

export type Report = { verdict: Verdict; why?: string; findings: Finding[]; seen: Seen[]; kept: Kept };

export type Options = { host: Host; templates: Templates; revision: string; mode: Mode };

type Walk = Options & { kept: Kept; streams: Map<string, Live>; report: Report };

const PATIENCE = 10_000;
const READ = 5_000;

/** Walks `exchange` once, in one revision and one mode. */
export async function walk(exchange: Exchange, options: Options): Promise<Report> {
  const steps = played(exchange.steps, options.templates);
  const kept: Kept = new Map(Object.entries(builtin(options)));
  const report: Report = { verdict: "pass", findings: [], seen: [], kept };
  const walking: Walk = { ...options, kept, streams: new Map(), report };
  const cannot = unable(exchange, steps, options);
  let stop = cannot;
  if (cannot !== undefined) report.verdict = "untested";
  for (const [index, step] of steps.entries()) {
    const number = index + 1;
    if (stop === undefined) {
      stop = await tryStep(walking, step, number);
      if (stop !== undefined && report.verdict !== "untested") report.verdict = "setup";
    } else {
      for (const check of step.expect ?? []) {
        if (check.proves !== undefined)
          report.findings.push({ step: number, proves: check.proves, verdict: "untested" });
      }
    }
  }
  for (const live of walking.streams.values()) live.abort.abort();
  const failed = report.findings.find((finding) => finding.verdict === "fail");
  if (failed !== undefined) report.verdict = "fail";
  const why = failed === undefined ? stop : `step ${failed.step}, ${failed.proves.join(", ")}: ${failed.why}`;
  return why === undefined ? report : { ...report, why };
}

/** The steps with every `play` replaced. */
export function played(steps: Step[], templates: Templates): Step[] {
  return steps.flatMap((step) => {
    if (step.play === undefined) return [step];
    const template = templates[step.play];
    if (!Array.isArray(template)) throw new Error(`No steps template ${step.play}`);
    return played(template, templates);
  });
}

/** Judges one check against what was seen; says what is wrong, if anything. */
export function judge(check: Check, view: View, kept: Kept): string | undefined {
  for (const part of ["status", "body", "json", "reply", "messages", "events", "comments", "ended", "took"] as const) {
    const expected = check[part];
    if (expected === undefined) continue;
    const problem = mismatch(expected, view[part], kept);
    if (problem !== undefined) return `${part}${isPlace(problem) ? "" : " "}${problem}`;
  }
  for (const [name, expected] of Object.entries(check.headers ?? {})) {
    const problem = mismatch(expected, view.headers[name.toLowerCase()], kept);
    if (problem !== undefined) return `header ${name} ${problem}`;
  }
  return undefined;
}

function builtin({ host, revision, mode }: Options): { [name: string]: Json } {
  const sse = mode === "sse" || mode === "all";
  return {
    accept: sse ? "application/json;q=0.5, text/event-stream" : "application/json, text/event-stream",
    revision,
    endpoint: host.url.pathname,
    origin: host.url.origin,
    nonce: crypto.randomUUID().slice(0, 8),
  };
}

function unable(exchange: Exchange, steps: Step[], { host, mode }: Options): string | undefined {
  const missing = (exchange.needs ?? []).find((need) => host.has?.has(need) === false);
  if (missing !== undefined) return `the server has no ${missing}`;
  const evicts = mode === "evicted" || mode === "all" || steps.some((step) => step.evict);
  if (evicts && host.evict === undefined) return "this runner cannot evict";
  if (host.advance === undefined && steps.some((step) => step.advance !== undefined))
    return "this runner cannot advance time";
  const callers = steps.map((step) => (step.send ?? step.open)?.as).filter((name) => name !== undefined);
  const unknown = callers.find((name) => host.callers?.[name] === undefined);
  return unknown === undefined ? undefined : `this runner does not know ${unknown}`;
}

/** One step. Says why the walk must stop, if it must. */
async function tryStep(walking: Walk, step: Step, number: number): Promise<string | undefined> {
  const { host, mode, kept, report } = walking;
  const evicts = step.evict === true || (number > 1 && (mode === "evicted" || mode === "all"));
  if (evicts) await host.evict?.();
  kept.set("step", number);
  if (step.advance !== undefined && (await host.advance?.(step.advance)) === false) {
    report.verdict = "untested";
    return `this runner cannot advance ${step.advance} ms`;
  }
  if (step.close !== undefined) {
    walking.streams.get(step.close)?.abort.abort();
    return undefined;
  }
  const found = await look(walking, step);
  if (typeof found === "string") return `step ${number}: ${found}`;
  return found === undefined ? undefined : check(walking, step, number, found);
}

async function look(walking: Walk, step: Step): Promise<View | string | undefined> {
  const start = performance.now();
  const passed = (): number => performance.now() - start;
  const request = step.send ?? step.open;
  if (request !== undefined) {
    const ready = prepare(walking, request);
    if (typeof ready === "string") return ready;
    const live = dispatch(walking, request, ready);
    if (request.stream !== undefined) walking.streams.set(request.stream, live);
    if (step.open !== undefined && step.expect === undefined) {
      // Let the request leave before the next step begins.
      await new Promise((resolve) => setTimeout(resolve, 0));
      return undefined;
    }
    const enough = (): boolean => live.ended || (step.open !== undefined && live.response !== undefined);
    if (!(await until(live, PATIENCE, enough))) {
      live.abort.abort();
      const so =
        live.response === undefined ? "no header" : `status ${live.response.status}, ${live.text.length} characters`;
      return `no end of the answer within ${PATIENCE} ms; so far ${so}`;
    }
    if (live.broken !== undefined) return `the connection broke: ${live.broken}`;
    return step.open === undefined ? whole(live, passed()) : head(live, passed());
  }
  if (step.read === undefined) return undefined;
  const { stream, count = 1, end, wait, within = READ } = step.read;
  const live = walking.streams.get(stream);
  if (live === undefined) return `no stream ${stream}`;
  const due = live.taken.messages + count;
  const all = end === true || wait !== undefined;
  await until(live, wait ?? within, () => (live.ended && wait === undefined) || (!all && live.messages.length >= due));
  return take(live, all ? Number.POSITIVE_INFINITY : count, passed());
}

function prepare(walking: Walk, request: Req): Outgoing | string {
  const full = overlay(request, walking.templates);
  const missing = namesIn(full).find((name) => !walking.kept.has(name));
  if (missing !== undefined) return `nobody kept {{${missing}}}`;
  return build(full, (name) => walking.kept.get(name));
}

function dispatch({ host, mode }: Walk, request: Req, ready: Outgoing): Live {
  const headers = new Headers();
  for (const [name, value] of host.callers?.[request.as ?? ""] ?? []) headers.append(name, value);
  for (const [name, value] of ready.headers) headers.append(name, value);
  const { body, method } = ready;
  const piece = ready.chunked ?? (body === undefined ? undefined : pieceOf(mode, body.length));
  const init: RequestInit & { duplex?: "half" } = { method, headers, redirect: "manual" };
  if (body !== undefined && piece === undefined) init.body = body;
  if (body !== undefined && piece !== undefined) {
    init.body = pieces(body, piece);
    init.duplex = "half";
  }
  return listen(async (signal) => await host.fetch(new URL(ready.path, host.url), { ...init, signal }));
}

/** How many bytes of a body of this length go into one piece, if it is cut. */
function pieceOf(mode: Mode, length: number): number | undefined {
  if (mode === "bytes") return Math.max(1, Math.ceil(length / 4096));
  return mode === "all" ? Math.max(7, Math.ceil(length / 4096)) : undefined;
}

function pieces(body: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= body.length) return controller.close();
      controller.enqueue(body.slice(at, at + size));
      at += size;
    },
  });
}

/** Tries all checks of a step; a scaffolding check that does not hold stops the walk, but only after the others. */
function check(walking: Walk, step: Step, number: number, view: View): string | undefined {
  const { kept, report } = walking;
  let stop: string | undefined;
  for (const one of step.expect ?? []) {
    const missing = asked(one as Json).find((name) => !kept.has(name));
    const before: Kept = new Map(kept);
    const why = missing === undefined ? judge(one, view, kept) : undefined;
    if (missing !== undefined) stop ??= `step ${number}: nobody kept {{${missing}}}`;
    else if (one.proves === undefined) {
      if (why !== undefined) stop ??= `step ${number}: ${why}`;
    } else if (why === undefined) {
      report.findings.push({ step: number, proves: one.proves, verdict: "pass" });
      report.seen.push({ step: number, check: one, view, kept: before });
    } else report.findings.push({ step: number, proves: one.proves, verdict: "fail", why: `${why}${error(view)}` });
  }
  return stop;
}

/** A refusal says why: show it beside a failure. */
function error(view: View): string {
  const reply = view.reply;
  return isObject(reply) && reply["error"] !== undefined ? ` (error ${JSON.stringify(reply["error"])})` : "";
}
