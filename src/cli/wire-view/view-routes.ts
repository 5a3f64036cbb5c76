/** What is served under /wire, to this machine alone: the page, what changes, commands, replays, and the report. */

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../environment.mjs";
import { viewRefusal } from "./access.ts";
import type { RecordCollector } from "./collector.ts";
import { replay } from "./replay.ts";
import { REPORT, requirementUrl } from "./requirement-page.ts";
import { curlCommand } from "./shell-command.ts";

/** For how long a page waits for something to happen, before it asks again. */
const WAIT_MS = 20_000;
/** The most of what a page sends. */
const MAX_CHARACTERS = 65_536;
const PAGE = new URL("page.html", import.meta.url);

export interface ViewOptions {
  readonly collector: RecordCollector;
  readonly port: number;
  /** What a request for what was recorded must carry. */
  readonly key: string;
  /** Prints a bearer token, such as "make -s token". */
  readonly tokenCommand: string;
  /** Of the cited lines of the source, how many are watched. */
  readonly coverage: () => { readonly watched: number; readonly cited: number };
}

/** Answers a request whose path is /wire or below it. */
export async function answerView(request: Request, options: ViewOptions): Promise<Response> {
  const refusal = viewRefusal(request, options.key);
  if (refusal !== undefined) return answer(403, refusal);
  const { pathname, searchParams } = new URL(request.url);
  const route = `${request.method} ${pathname}`;
  if (route === "GET /wire") return page();
  if (route === "POST /wire/records") return records(await readMembers(request), options);
  if (route === "POST /wire/curl") return command(await readMembers(request), options);
  if (route === "GET /wire/requirement") return requirement(searchParams.get("id") ?? "");
  if (route === "GET /wire/report") return report();
  if (route === "POST /wire/replay") return replayed(await readMembers(request), options);
  return answer(404, `Nothing is served at ${request.method} ${pathname}: the view is at /wire`);
}

/** What the Worker is answered that sent a record. */
export function takenResponse(): Response {
  return new Response(null, { status: 204 });
}

function page(): Response {
  const nonce = randomBytes(16).toString("base64url");
  const html = readFileSync(PAGE, "utf8").replaceAll("{{nonce}}", nonce);
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return answer(200, html, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy.join("; "),
  });
}

async function records(asked: Members, options: ViewOptions): Promise<Response> {
  const { collector, coverage } = options;
  const run = String(asked["run"]);
  const changes = await collector.changesAfter(run, Number(asked["after"]), WAIT_MS);
  return json(200, { ...changes, coverage: coverage() });
}

function command(asked: Members, { collector, tokenCommand }: ViewOptions): Response {
  const entry = collector.exchange(Number(asked["n"]));
  return entry === undefined ? gone() : answer(200, curlCommand(entry, tokenCommand));
}

function requirement(id: string): Response {
  const location = requirementUrl(ROOT, id);
  return location === undefined
    ? answer(404, `No page of "${id}" is known: make spec writes the report`)
    : answer(302, "", { location });
}

/** The report has a script of its own, and needs no more than its text. */
function report(): Response {
  const path = join(ROOT, REPORT);
  if (!existsSync(path)) return answer(404, "There is no report yet: make spec writes it");
  return answer(200, readFileSync(path, "utf8"), {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'",
  });
}

/** `n`: the number of the exchange. `secrets`: those that were redacted, by their names. */
async function replayed(asked: Members, { collector, port }: ViewOptions): Promise<Response> {
  const entry = collector.exchange(Number(asked["n"]));
  const pairs = Object.entries(asked["secrets"] ?? {}).map(([name, value]) => [
    name,
    String(value),
  ]);
  const secrets = Object.fromEntries(pairs) as Record<string, string>;
  return entry === undefined ? gone() : json(200, await replay(entry, port, secrets));
}

type Members = Readonly<Record<string, unknown>>;

/** The members of what a page sent; none where it is no object, or longer than any page sends. */
async function readMembers(request: Request): Promise<Members> {
  try {
    const text = await request.text();
    const value = JSON.parse(text.length > MAX_CHARACTERS ? "{}" : text) as Members | null;
    return value ?? {};
  } catch {
    return {};
  }
}

function gone(): Response {
  return answer(404, "This exchange is no longer kept");
}

function json(status: number, value: unknown): Response {
  return answer(status, JSON.stringify(value), { "content-type": "application/json" });
}

function answer(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin",
      ...headers,
    },
  });
}
