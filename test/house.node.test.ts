/**
 * The house rules, as programs. A rule is a pure function over { path: text } that lists what breaks it.
 * Each is run twice: on this repository, where it must find nothing, and on a planted fault, which it must find.
 * The linter's rules, function length among them, are in lint.node.test.ts; what is installed in supplies.node.test.ts.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";

type Files = Readonly<Record<string, string>>;
type Rule = (files: Files) => string[];

// ---- Floors: imports go down, or stay in the room -------------------------------------------------------------------

const FLOORS: Readonly<Record<string, number>> = {
  ...{ "worker.ts": 6, "front.ts": 6, "hall.ts": 6, "bindings.ts": 6, "config.ts": 6 },
  ...{ session: 5, stateless: 5, tasks: 5, skills: 5 },
  app: 4,
  ...{ server: 3, oauth: 3 },
  ...{ revision: 2, vault: 2, state: 2, hub: 2, telemetry: 2 },
  ...{ wire: 1, crypto: 1, net: 1 },
  base: 0,
};
const PACKAGES = new Set(["zod", "zod/mini", "zod/v4/locales/en.js", "cloudflare:workers"]);
const floors: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) => {
    const room = roomOf(path);
    if (FLOORS[room] === undefined) return [`${path}: room "${room}" is on no floor`];
    return importsOf(text).flatMap((name) => {
      if (!name.startsWith(".")) return PACKAGES.has(name) ? [] : [`${path}: may not import "${name}"`];
      const target = roomOf(normalize(join(dirname(path), name)));
      const frontDoor = FLOORS[room] === 6 && FLOORS[target] === 6;
      return target === room || frontDoor || (FLOORS[target] ?? 9) < (FLOORS[room] ?? 0)
        ? []
        : [`${path}: ${room} may not know ${target}`];
    });
  });

/** The house itself uses the smaller half of zod; an app may use either. Any other spelling keeps every language zod speaks. */
const zodSpelling: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) => {
    const half = path.startsWith("src/app/")
      ? /^import (type )?\* as z from "zod(\/mini)?"/
      : /^import (type )?\* as z from "zod\/mini"/;
    const spelled = text.split("\n").filter((line) => /from "zod(\/mini)?"/.test(line));
    return spelled.some((line) => !half.test(line)) ? [`${path}: import * as z from "zod/mini"`] : [];
  });

// ---- One door per power ---------------------------------------------------------------------------------------------

const DOORS: readonly { power: RegExp; door: RegExp }[] = [
  { power: /\bcrypto\.subtle\b/, door: /^src\/crypto\// },
  { power: /\bgetRandomValues\b|\brandomUUID\b|\bMath\.random\b/, door: /^src\/base\/clock\.ts$/ },
  { power: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, door: /^src\/base\/clock\.ts$/ },
  {
    power: /\bset(Timeout|Interval|Immediate)\b|\bscheduler\.wait\b|\bAbortSignal\.timeout\b/,
    door: /^src\/base\/clock\.ts$/,
  },
  { power: /(?<![.\w])(globalThis\.)?fetch\(/, door: /^src\/net\// },
  { power: /\bsql\.exec\b|\.prepare\(|\.sql(<[^(]*>)?\(\s*["'`]/, door: /[/-]rows\.ts$/ },
  // A log line is a promise to operators, and a place where secrets end up.
  { power: /\bconsole\b/, door: /^src\/base\/log\.ts$/ },
];

// A method named fetch is how the platform calls in; only a call outwards is a power.
const METHOD = /^\s*(override |async )*fetch\([^)]*\)(: [^;]*)? ?\{$|^\s*fetch\(\w+: .*;$/gm;
const powers: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) => {
    const code = withoutComments(text).replace(METHOD, "");
    return DOORS.filter(({ power, door }) => power.test(code) && !door.test(path)).map(
      ({ power }) => `${path}: ${power.exec(code)?.[0]} has another door`,
    );
  });

const timersAndObjects: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) =>
    // A pending timer keeps a Durable Object awake, and an awake object is billed.
    /extends DurableObject\b/.test(text) && /import \{[^}]*\b(after|every)\b[^}]*\} from "[^"]*clock\.ts"/.test(text)
      ? [`${path}: a Durable Object may not hold a timer`]
      : [],
  );

// ---- Ceilings and headers -------------------------------------------------------------------------------------------

const TABLES = new Set(["src/revision/revisions.ts"]);
const fileCeiling: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) => {
    const most = TABLES.has(path) ? 300 : 250;
    return linesOf(text) > most ? [`${path}: ${linesOf(text)} lines, at most ${most}`] : [];
  });

const headers: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) => {
    const header = /^\/\*\*?\s*\n([\s\S]*?)\n\s*\*\//.exec(text)?.[1] ?? /^\/\*\*.*\*\/|^(\/\/.*\n)+/.exec(text)?.[0];
    if (header === undefined) return [`${path}: no header`];
    return linesOf(header) > 8 ? [`${path}: header of ${linesOf(header)} lines, at most 8`] : [];
  });

// ---- Words ----------------------------------------------------------------------------------------------------------

const revisionDates: Rule = (files) =>
  each(files, /^src\/(?!revision\/).*\.ts$/, (path, text) =>
    found(path, text, /20(24-11-05|25-03-26|25-06-18|25-11-25|26-07-28)/),
  );

const defaultExports: Rule = (files) =>
  each(files, /^src\/(?!worker\.ts$).*\.ts$/, (path, text) => found(path, text, /^export default\b/m));

const skippedTests: Rule = (files) =>
  each(files, /^test\/.*\.m?[jt]s$/, (path, text) =>
    found(path, text, /\b(it|test|describe)\.(skip|skipIf|todo|only|fails)\b/),
  );

const UNFINISHED = new RegExp(
  ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "W" + "IP"].map((w) => `\\b${w}\\b`).join("|"),
);
const unfinished: Rule = (files) => each(files, /./, (path, text) => found(path, text, UNFINISHED));

const ROOTS = ["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers", "tm" + "p"].join("|");
const PLACES = new RegExp(`(?<![\\w.:/])/(${ROOTS})/\\w|registry\\.[n]pmjs\\.org`);
const machinePaths: Rule = (files) =>
  // An exchange may well carry a path: it is what a client would send.
  each(files, /^(?!spec\/exchanges\/)/, (path, text) => found(path, text, PLACES));

const TOP =
  /^(src|test|spec|\.ci|wrangler\.toml|package(-lock)?\.json|tsconfig\.json|Makefile|README\.md|SECURITY\.md|LICENSE|\.[\w.-]+)$/;
const topLevel: Rule = (files) =>
  [...new Set(Object.keys(files).map((path) => path.split("/")[0] ?? ""))].filter((name) => !TOP.test(name));

// ---- The ledger and the source cite each other ----------------------------------------------------------------------

interface Entry {
  readonly id: string;
  readonly level: string;
  readonly excluded?: unknown;
}

const citations: Rule = (files) => {
  const entries = Object.keys(files)
    .filter((path) => /^spec\/requirements\/.*\.json$/.test(path))
    .flatMap((path) => JSON.parse(files[path] ?? "[]") as Entry[]);
  const known = new Set(entries.map((entry) => entry.id));
  const cited = new Map<string, string>();
  for (const [path, text] of Object.entries(files)) {
    if (!/^src\/.*\.ts$/.test(path)) continue;
    for (const [, ids] of text.matchAll(/spec: ([a-z][\w.-]*(?:, [a-z][\w.-]*)*)/g))
      for (const id of ids?.split(", ") ?? []) cited.set(id, path);
  }
  const musts = entries.filter((entry) => entry.level.startsWith("MUST") && entry.excluded === undefined);
  return [
    ...[...cited]
      .filter(([id]) => !known.has(id))
      .map(([id, path]) => `${path}: cites ${id}, which is not in the ledger`),
    ...musts.filter((entry) => !cited.has(entry.id)).map((entry) => `${entry.id}: no line of src cites it`),
  ];
};

// ---- Run: here, and on a fault --------------------------------------------------------------------------------------

const RULES: Readonly<Record<string, Rule>> = {
  ...{ floors, zodSpelling, powers, timersAndObjects, fileCeiling, headers, revisionDates },
  ...{ defaultExports, skippedTests, unfinished, machinePaths, topLevel, citations },
};

/** Rule | file | its text, with ¶ for a line break and ~ for nothing, so that this file keeps its own rules | verdict. */
const FAULTS = String.raw`
floors | src/wire/a.ts | import { x } from "../server/b.ts" | src/wire/a.ts: wire may not know server
floors | src/hub/a.ts | export * from "../state/b.ts" | src/hub/a.ts: hub may not know state
floors | src/attic/a.ts | ~ | src/attic/a.ts: room "attic" is on no floor
floors | src/app/a.ts | await import("hono") | src/app/a.ts: may not import "hono"
zodSpelling | src/app/a.ts | import { z } from "zod" | src/app/a.ts: import * as z from "zod/mini"
zodSpelling | src/server/a.ts | import * as z from "zod" | src/server/a.ts: import * as z from "zod/mini"
powers | src/hub/a.ts | crypto.subtle | src/hub/a.ts: crypto.subtle has another door
powers | src/hub/a.ts | crypto.randomUUID() | src/hub/a.ts: randomUUID has another door
powers | src/hub/a.ts | Date.now() | src/hub/a.ts: Date.now has another door
powers | src/wire/a.ts | setTimeout(f, 1) | src/wire/a.ts: setTimeout has another door
powers | src/app/a.ts | const r = await fetch(url); | src/app/a.ts: fetch( has another door
powers | src/app/b.ts | ¶fetch(url, {¶});¶ | src/app/b.ts: fetch( has another door
powers | src/hub/hub.ts | ctx.storage.sql.exec(q) | src/hub/hub.ts: sql.exec has another door
powers | src/oauth/grant.ts | const { sql } = storage;¶sql.exec(q) | src/oauth/grant.ts: sql.exec has another door
powers | src/app/a.ts | await store.sql("SELECT 1") | src/app/a.ts: .sql(" has another door
powers | src/hub/a.ts | console.log(1) | src/hub/a.ts: console has another door
timersAndObjects | src/hub/a.ts | import { after } from "../base/clock.ts"¶class A extends DurableObject {} | src/hub/a.ts: a Durable Object may not hold a timer
fileCeiling | src/wire/a.ts | ¶×251 | src/wire/a.ts: 251 lines, at most 250
fileCeiling | src/revision/revisions.ts | ¶×301 | src/revision/revisions.ts: 301 lines, at most 300
headers | src/wire/a.ts | export {} | src/wire/a.ts: no header
headers | src/wire/a.ts | /**¶ 1¶ 2¶ 3¶ 4¶ 5¶ 6¶ 7¶ 8¶ 9¶ */ | src/wire/a.ts: header of 9 lines, at most 8
revisionDates | src/wire/a.ts | ¶"2026-07-28" | src/wire/a.ts:2: 2026-07-28
defaultExports | src/app/a.ts | ¶export default 1 | src/app/a.ts:2: export default
skippedTests | test/a.test.ts | it.~skip(() => {}) | test/a.test.ts:1: it.~skip
unfinished | README.md | ¶- TO~DO later | README.md:2: TO~DO
machinePaths | Makefile | cd /ho~me/me | Makefile:1: /ho~me/m
topLevel | lib/a.ts | ~ | lib
citations | src/a.ts | // spec: no.such | src/a.ts: cites no.such, which is not in the ledger
citations | spec/requirements/a.json | [{"id":"a.b","level":"MUST NOT"}] | a.b: no line of src cites it
`;

const here = readTree();

it.each(Object.keys(RULES))("%s: kept here", (name) => expect(RULES[name]?.(here)).toEqual([]));

it.each(FAULTS.trim().split("\n"))("%s", (line) => {
  const [name = "", path = "", text = "", says] = line.split(" | ").map((part) => part.replaceAll("~", ""));
  const planted = text.replace(/¶×(\d+)/, (_, count) => "\n".repeat(Number(count))).replaceAll("¶", "\n");
  expect(RULES[name]?.({ [path]: planted })).toEqual([says]);
});

it("has seen every rule red", () => {
  expect(Object.keys(RULES).filter((name) => !FAULTS.includes(`\n${name} | `))).toEqual([]);
});

// ---- What the ledger asks of the tree, and no wire can show ---------------------------------------------------------

it("make dev binds to loopback only", () => {
  // The tool passes the address, and both configurations have it too, for whoever starts wrangler by hand.
  const dev = here["test/tools/dev.mjs"] ?? "";
  expect(dev.match(/"--ip", "[^"]*"/g)).toEqual(['"--ip", "127.0.0.1"']);
  expect(here["Makefile"]).toMatch(/^dev:.*\n\t@node test\/tools\/dev\.mjs --port \S+ *[^\n]*$/m);
  for (const path of ["wrangler.toml", "test/world/wrangler.toml"])
    expect(here[path]?.match(/^\s*(?:ip|host) *=.*$/gm), path).toEqual(['ip = "127.0.0.1"']);
});

it("what a stranger's URL names is fetched as from the internet", () => {
  // Without the flag a host of the Worker's own zone is reached at its origin, past what guards it:
  // developers.cloudflare.com/workers/configuration/compatibility-flags/#global-fetch-strictly-public
  for (const path of ["wrangler.toml", "test/world/wrangler.toml"])
    expect(here[path], path).toMatch(/^compatibility_flags = \[.*"global_fetch_strictly_public".*\]$/m);
});

it("the README names the JSON Schema dialects", () => {
  const readme = here["README.md"] ?? "";
  expect(readme).toMatch(/JSON Schema (\d{4}-\d\d|draft-)/);
  // Whatever dialect a definition may be in is named there; the README says as much, no less and no more.
  const accepted = /DIALECT = .*/.exec(here["src/server/define.ts"] ?? "")?.[0] ?? "";
  const names = (text: string): string[] => [
    ...new Set(text.match(/\b20(?:19-09|20-12)\b|\bdraft-0[4-7]\b/g)?.toSorted() ?? []),
  ];
  expect(names(accepted)).toContain("2020-12");
  expect(names(readme)).toEqual(names(accepted));
});

// ---- Helpers --------------------------------------------------------------------------------------------------------

function each(files: Files, which: RegExp, look: (path: string, text: string) => string[]): string[] {
  return Object.entries(files).flatMap(([path, text]) => (which.test(path) ? look(path, text) : []));
}

function found(path: string, text: string, what: RegExp): string[] {
  const hit = what.exec(text);
  return hit === null ? [] : [`${path}:${text.slice(0, hit.index).split("\n").length}: ${hit[0]}`];
}

function roomOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function importsOf(text: string): string[] {
  return [
    ...text.matchAll(/^(?:import|export|\})[^"\n]*\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm),
  ].map((m) => m[1] ?? m[2] ?? m[3] ?? "");
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function linesOf(text: string): number {
  return text.replace(/\n$/, "").split("\n").length - (text === "" ? 1 : 0);
}

function readTree(): Files {
  const skip = /^(node_modules|\.git|\.wrangler|dist|\.dev\.vars.*|\.DS_Store)$/;
  const walk = (path: string): [string, string][] =>
    readdirSync(path).flatMap((name) => {
      if (skip.test(name)) return [];
      const full = join(path, name);
      return statSync(full).isDirectory() ? walk(full) : [[full, readFileSync(full, "utf8")]];
    });
  return Object.fromEntries(walk("."));
}
