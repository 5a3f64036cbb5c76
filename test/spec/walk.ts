/**
 * Walks one exchange against a server and gives a verdict, as spec/README.md says.
 * Needs nothing but a `fetch`: what else the host can do (evict, advance, speak for a caller) is handed in.
 * A fault of the server is a verdict; only a broken exchange file throws.
 */

import { head, listen, PARTS, take, until, whole, type Live, type View } from "./answer.ts";
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
  callers?: (name: string) => Promise<[name: string, value: string][]>;
  /** Another origin at which the same server answers. */
  elsewhere?: string;
  evict?: () => Promise<void>;
  /** Lets time pass; answers false when it cannot let so much pass. */
  advance?: (ms: number) => Promise<boolean>;
  /** What the server has of the world, as `tools/<name>` and so on; all of it when left out. */
  has?: ReadonlySet<string>;
};

export type Verdict = "pass" | "fail" | "setup" | "untested";

export type Finding = {
  step: number;
  proves: string[];
  verdict: "pass" | "fail" | "untested";
  why?: string;
};

/** A check that proves something, with what it saw, so that faults can be planted in that. */
export type Seen = { step: number; check: Check; view: View; kept: Kept };

export type Report = {
  verdict: Verdict;
  why?: string;
  findings: Finding[];
  seen: Seen[];
  kept: Kept;
};

export type Options = {
  host: Host;
  templates: Templates;
  revision: string;
  mode: Mode;
  person?: string;
};

/** Cookies by name. */
type Jar = Map<string, string>;
type Walk = Options & {
  kept: Kept;
  streams: Map<string, Live>;
  jars: Map<string, Jar>;
  report: Report;
};

const PATIENCE = 10_000;
const READ = 5_000;
const END = 500;
const AGAIN = 100;

/** Walks `exchange` once, in one revision and one mode. */
export async function walk(exchange: Exchange, options: Options): Promise<Report> {
  const steps = played(exchange.steps, options.templates);
  const kept: Kept = new Map(Object.entries(builtin(options)));
  const report: Report = { verdict: "pass", findings: [], seen: [], kept };
  const walking: Walk = { ...options, kept, streams: new Map(), jars: new Map(), report };
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
  await endAll([...walking.streams.values()]);
  const failed = report.findings.find((finding) => finding.verdict === "fail");
  if (failed !== undefined) report.verdict = "fail";
  const why =
    failed === undefined ? stop : `step ${failed.step}, ${failed.proves.join(", ")}: ${failed.why}`;
  return why === undefined ? report : { ...report, why };
}

/** Ends what is still open, and waits for it: workerd may crash where its objects are deleted under streams that end. */
async function endAll(streams: Live[]): Promise<void> {
  for (const live of streams) live.abort.abort();
  await Promise.all(streams.map((live) => until(live, END, () => live.ended)));
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

/** All that an exchange needs, itself and in its checks. */
export function needsOf(exchange: Exchange, templates: Templates): string[] {
  const checks = played(exchange.steps, templates).flatMap((step) => step.expect ?? []);
  return [exchange, ...checks].flatMap(({ needs = [] }: { needs?: string[] }) => needs);
}

/** Judges one check against what was seen; says what is wrong, if anything. */
export function judge(check: Check, view: View, kept: Kept): string | undefined {
  for (const part of PARTS) {
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

function builtin({ host, revision, mode, person }: Options): { [name: string]: Json } {
  const nonce = crypto.randomUUID().slice(0, 8);
  const sse = mode === "sse" || mode === "all";
  return {
    accept: sse
      ? "application/json;q=0.5, text/event-stream"
      : "application/json, text/event-stream",
    revision,
    endpoint: host.url.pathname,
    origin: host.url.origin,
    ...(host.elsewhere === undefined ? {} : { elsewhere: host.elsewhere }),
    nonce,
    person: person ?? `person-${nonce}`,
  };
}

function unable(exchange: Exchange, steps: Step[], { host, mode }: Options): string | undefined {
  const lack = lackOf(exchange, host);
  if (lack !== undefined) return lack;
  const evicts = mode === "evicted" || mode === "all" || steps.some((step) => step.evict);
  if (evicts && host.evict === undefined) return "this runner cannot evict";
  if (host.advance === undefined && steps.some((step) => step.advance !== undefined))
    return "this runner cannot advance time";
  if (host.elsewhere === undefined && JSON.stringify(steps).includes("{{elsewhere}}"))
    return "this runner knows no other address of the server";
  const caller = steps
    .map((step) => (step.send ?? step.open)?.as)
    .find((name) => name !== undefined);
  return caller === undefined || host.callers !== undefined
    ? undefined
    : `this runner does not know ${caller}`;
}

/** What an exchange or a check needs and the server has not, in words, if it lacks anything. */
function lackOf({ needs = [] }: { needs?: string[] }, host: Host): string | undefined {
  const missing = needs.find((need) => host.has?.has(need) === false);
  return missing === undefined ? undefined : `the server has no ${missing}`;
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
  const found = await (step.until === undefined
    ? look(walking, step)
    : lookUntil(walking, step, step.until));
  if (typeof found === "string") return `step ${number}: ${found}`;
  return found === undefined ? undefined : check(walking, step, number, found);
}

/** Looks again and again, until the answer is as `until` says or the time is up: what was seen last. */
async function lookUntil(
  walking: Walk,
  step: Step,
  enough: Check,
): Promise<View | string | undefined> {
  const { kept } = walking;
  const missing = asked(enough as Json).find((name) => !kept.has(name));
  if (missing !== undefined) return `nobody kept {{${missing}}}`;
  const end = performance.now() + (step.within ?? PATIENCE);
  for (;;) {
    const found = await look(walking, step);
    if (found === undefined || typeof found === "string") return found;
    if (judge(enough, found, new Map(kept)) === undefined || performance.now() >= end) return found;
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

async function look(walking: Walk, step: Step): Promise<View | string | undefined> {
  const { host } = walking;
  const start = performance.now();
  const passed = (): number => performance.now() - start;
  const own = step.send ?? step.open;
  if (own !== undefined) {
    const request = overlay(own, walking.templates);
    const ready = prepare(walking, request);
    if (typeof ready === "string") return ready;
    const credentials = request.as === undefined ? [] : ((await host.callers?.(request.as)) ?? []);
    const url = new URL(ready.path, host.url);
    const live = dispatch(
      walking,
      request,
      { ...ready, headers: [...credentials, ...ready.headers] },
      url,
    );
    if (request.stream !== undefined) walking.streams.set(request.stream, live);
    if (step.open !== undefined && step.expect === undefined) {
      // Let the request leave before the next step begins.
      await new Promise((resolve) => setTimeout(resolve, 0));
      return undefined;
    }
    const enough = (): boolean =>
      live.ended || (step.open !== undefined && live.response !== undefined);
    if (!(await until(live, PATIENCE, enough))) {
      live.abort.abort();
      const so =
        live.response === undefined
          ? "no header"
          : `status ${live.response.status}, ${live.text.length} characters`;
      return `no end of the answer within ${PATIENCE} ms; so far ${so}`;
    }
    if (live.broken !== undefined) return `the connection broke: ${live.broken}`;
    return step.open === undefined ? whole(live, passed(), url) : head(live, passed());
  }
  if (step.read === undefined) return undefined;
  const { stream, count = 1, end, wait, within = READ } = step.read;
  const live = walking.streams.get(stream);
  if (live === undefined) return `no stream ${stream}`;
  const due = live.taken.messages + count;
  const all = end === true || wait !== undefined;
  await until(
    live,
    wait ?? within,
    () => (live.ended && wait === undefined) || (!all && live.messages.length >= due),
  );
  return take(live, all ? Number.POSITIVE_INFINITY : count, passed());
}

function prepare(walking: Walk, request: Req): Outgoing | string {
  const missing = namesIn(request).find((name) => !walking.kept.has(name));
  if (missing !== undefined) return `nobody kept {{${missing}}}`;
  return build(request, (name) => walking.kept.get(name));
}

/** Each piece crosses into the server alone: a tenth of a millisecond each, which a byte at a time makes a minute of a whole run. */
const MOST_PIECES = 64;

function dispatch({ host, mode, jars }: Walk, request: Req, ready: Outgoing, url: URL): Live {
  const headers = new Headers(ready.headers);
  const jar: Jar = jars.get(request.jar ?? "") ?? new Map<string, string>();
  if (request.jar !== undefined) jars.set(request.jar, jar);
  if (request.jar !== undefined && jar.size > 0) headers.append("Cookie", cookiesOf(jar));
  const { body, method } = ready;
  const piece = ready.chunked ?? (body === undefined ? undefined : pieceOf(mode, body.length));
  const init: RequestInit & { duplex?: "half" } = { method, headers, redirect: "manual" };
  if (body !== undefined && piece === undefined) init.body = body;
  if (body !== undefined && piece !== undefined) {
    init.body = pieces(body, piece);
    init.duplex = "half";
  }
  return listen(async (signal) => {
    const response = await host.fetch(url, { ...init, signal });
    for (const line of response.headers.getSetCookie()) keepCookie(jar, line);
    const onward =
      request.jar === undefined || response.status !== 303 ? undefined : siblingOf(response, url);
    if (onward === undefined) return response;
    const followed = await host.fetch(onward, {
      headers: { Cookie: cookiesOf(jar) },
      redirect: "manual",
      signal,
    });
    for (const line of followed.headers.getSetCookie()) keepCookie(jar, line);
    return followed;
  });
}

/** Where a browser goes on to by itself: a page of the same origin. */
function siblingOf(response: Response, url: URL): URL | undefined {
  const location = response.headers.get("location") ?? "";
  const onward = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  return onward?.origin === url.origin ? onward : undefined;
}

function cookiesOf(jar: Jar): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
}

/** A browser's memory, as far as exchanges need one: names, values, and the end of a cookie. */
function keepCookie(jar: Jar, line: string): void {
  const [, name = "", value = ""] = /^\s*([^=;]*)=([^;]*)/u.exec(line) ?? [];
  if (/;\s*max-age=(?:0|-)/iu.test(line)) jar.delete(name);
  else jar.set(name, value);
}

/** How many bytes of a body of this length go into one piece, if it is cut. */
function pieceOf(mode: Mode, length: number): number | undefined {
  const smallest = { bytes: 1, all: 7, plain: undefined, sse: undefined, evicted: undefined }[mode];
  return smallest && Math.max(smallest, Math.ceil(length / MOST_PIECES));
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
  const { host, kept, report } = walking;
  let stop: string | undefined;
  for (const one of step.expect ?? []) {
    const lack = lackOf(one, host);
    if (lack !== undefined) {
      if (one.proves !== undefined)
        report.findings.push({ step: number, proves: one.proves, verdict: "untested", why: lack });
      continue;
    }
    const missing = asked(one as Json).find((name) => !kept.has(name));
    const before: Kept = new Map(kept);
    const why = missing === undefined ? judge(one, view, kept) : undefined;
    if (missing !== undefined) stop ??= `step ${number}: nobody kept {{${missing}}}`;
    else if (one.proves === undefined) {
      if (why !== undefined) stop ??= `step ${number}: ${why}`;
    } else if (why === undefined) {
      report.findings.push({ step: number, proves: one.proves, verdict: "pass" });
      report.seen.push({ step: number, check: one, view, kept: before });
    } else
      report.findings.push({
        step: number,
        proves: one.proves,
        verdict: "fail",
        why: `${why}${error(view)}`,
      });
  }
  return stop;
}

/** A refusal says why: show it beside a failure. */
function error(view: View): string {
  const reply = view.reply;
  return isObject(reply) && reply["error"] !== undefined
    ? ` (error ${JSON.stringify(reply["error"])})`
    : "";
}
