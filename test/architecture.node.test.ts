/**
 * The rules of the architecture, as programs. A rule is a pure function over { path: text } that lists what breaks it, and what to do.
 * Each is run twice: on this repository, where it must find nothing, and on a planted fault, which it must find.
 * Rules that bind barewire alone end where package.json has another name. The linter's rules, function length among
 * them, are in lint.node.test.ts; what is installed in dependencies.node.test.ts.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";
import { commandsOf } from "../src/cli/targets.mjs";

type Files = Readonly<Record<string, string>>;
type Rule = (files: Files) => string[];

const OURS_ONLY = "this rule ends where package.json has another name than barewire";

// ---- Layers: imports go down, or stay in the folder -------------------------------------------------------------------

const LAYERS: Readonly<Record<string, number>> = {
  "index.ts": 8,
  cli: 8,
  worker: 7,
  app: 7,
  "api.ts": 6,
  "transport/session": 5,
  "transport/stateless": 5,
  oauth: 5,
  storage: 5,
  vault: 5,
  telemetry: 5,
  "extensions/apps": 5,
  "extensions/skills": 5,
  "extensions/server-card": 5,
  "extensions/tasks": 5,
  server: 4,
  hub: 4,
  protocol: 3,
  wire: 2,
  crypto: 2,
  net: 2,
  base: 1,
};
const PACKAGES = new Set(["zod", "zod/mini", "cloudflare:workers"]);
const OWN_FOLDER = "src/app/";
/** Programs that run on Node, beside the Worker. */
const CLI = "src/cli/";
/** vitest brings a parser, which the wire view needs. */
const CLI_PACKAGES = /^node:|^wrangler$|^vitest\/node$/;
const SOURCE = /^src\/.*\.(ts|mjs)$/;
const layers: Rule = (files) =>
  each(files, SOURCE, (path, text) => {
    const folder = folderOf(path);
    const layer = LAYERS[folder];
    if (layer === undefined)
      return [
        `${path}: folder "${folder}" is in no layer: put the file into another folder, or the folder into a layer of LAYERS`,
      ];
    return importsOf(text).flatMap((name) => {
      if (!name.startsWith("."))
        return PACKAGES.has(name) ||
          path.startsWith(OWN_FOLDER) ||
          (path.startsWith(CLI) && CLI_PACKAGES.test(name))
          ? []
          : [
              `${path}: may not import "${name}": import it in ${OWN_FOLDER}, and pass in what it gives`,
            ];
      const target = folderOf(normalize(join(dirname(path), name)));
      return target === folder || (LAYERS[target] ?? 9) < layer
        ? []
        : [
            `${path}: ${folder} may not import ${target}: move what both need to a lower layer, or pass it in`,
          ];
    });
  });

/** What an app may use is one list. */
const api: Rule = (files) =>
  each(files, /^src\/app\/.*\.ts$/, (path, text) =>
    importsOf(text)
      .filter((name) => name.startsWith("."))
      .map((name) => normalize(join(dirname(path), name)))
      .filter((target) => target !== "src/api.ts" && !target.startsWith(OWN_FOLDER))
      .map((target) => `${path}: imports ${target}: import it from src/api.ts, and add it there`),
  );

/** Types count: whoever reads one file of a circle must read them all. */
const cycles: Rule = (files) =>
  each(files, SOURCE, (path) =>
    reach(files, path).has(path)
      ? [`${path}: imports itself, by way of other files: move what both need to a file of its own`]
      : [],
  );

/** What runs on Node reaches nothing that only workerd has. */
const onNode: Rule = (files) =>
  each(files, /^src\/cli\//, (path) =>
    [path, ...reach(files, path)]
      .filter((file) => importsOf(files[file] ?? "").some((name) => name.startsWith("cloudflare:")))
      .map(
        (file) =>
          `${path}: reaches ${file}, which needs workerd: move what both need to a file that runs on Node`,
      ),
  );

/** Node 20 runs these before anything is installed: some need nothing more, the others bring it. */
const plainEntry: Rule = (files) =>
  each(files, /^src\/cli\/.*\.mjs$/, (path, text) =>
    importsOf(text)
      .filter((name) => !/^node:|^\..*\.mjs$/.test(name))
      .map(
        (name) =>
          `${path}: imports "${name}": Node 20 runs this file alone: import only Node and .mjs files`,
      ),
  );

/** Whoever judges a server shares nothing with it, so that one mistake cannot hide another. */
const judge: Rule = (files) =>
  each(files, /^spec\/.*\.m?[jt]s$/, (path, text) =>
    importsOf(text)
      .filter((name) => !name.startsWith("node:"))
      .filter(
        (name) =>
          !name.startsWith(".") || !normalize(join(dirname(path), name)).startsWith("spec/"),
      )
      .map((name) => `${path}: imports "${name}": the runner imports only from spec/ and Node`),
  );

/** One name for one thing: no identifier is exported twice, and no two files share their name and their folder's. */
const uniqueNames: Rule = (files) => {
  const sources = Object.keys(files).filter(
    (path) => SOURCE.test(path) && !/^src\/(api|index)\.ts$/.test(path),
  );
  const exported = sources.flatMap((path) =>
    [...(files[path] ?? "").matchAll(EXPORTED)].map(([, name = ""]) => ({ path, name })),
  );
  const named = sources.map((path) => ({ path, name: path.split("/").slice(-2).join("/") }));
  return [exported, named].flatMap((all) =>
    all.flatMap(({ path, name }, index) => {
      const first = all.findIndex((other) => other.name === name);
      return first === index
        ? []
        : [`${path}: "${name}" is in ${all[first]?.path} too: give one of them a name of its own`];
    }),
  );
};
const EXPORTED =
  /^export (?:abstract |async |declare )*(?:function\*?|const|let|class|interface|type) (\w+)/gm;

/** A fork chooses its packages; barewire has one. */
const packages: Rule = (files) =>
  each(files, /^src\/app\/.*\.ts$/, (path, text) =>
    importsOf(text)
      .filter((name) => !name.startsWith(".") && !PACKAGES.has(name))
      .map((name) => `${path}: imports "${name}": write what you need of it here; ${OURS_ONLY}`),
  );

/** zod is the app's choice: only the file that makes tools of it may need it. Any other spelling keeps every language zod speaks. */
const ZOD_FILE = "src/server/zod.ts";
const zodSpelling: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) => {
    const lines = text.split("\n").filter((line) => /from "zod[/\w.]*"/.test(line));
    if (lines.length > 0 && path !== ZOD_FILE && !path.startsWith(OWN_FOLDER))
      return [
        `${path}: may not import zod: read the value by hand, or pass in a schema that ${ZOD_FILE} made`,
      ];
    const half =
      path === ZOD_FILE
        ? /^import \* as z from "zod\/mini"/
        : /^import (type )?\* as z from "zod(\/mini)?"/;
    return lines.some((line) => !half.test(line))
      ? [
          `${path}: write import * as z from "zod/mini": any other form bundles every language zod speaks`,
        ]
      : [];
  });

// ---- One door per power ---------------------------------------------------------------------------------------------

const TIME = "base/time.ts";
const DOORS: readonly { power: RegExp; door: RegExp; instead: string }[] = [
  {
    power: /\bcrypto\.subtle\b/,
    door: /^src\/crypto\//,
    instead: "use seal, open or sha256Base64url of crypto/seal.ts, or signText of crypto/hmac.ts",
  },
  {
    power: /\bgetRandomValues\b|\brandomUUID\b|\bMath\.random\b/,
    door: /^src\/(base\/time\.ts$|cli\/)/,
    instead: `use randomBytes of ${TIME}`,
  },
  {
    power: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/,
    door: /^src\/(base\/time\.ts$|cli\/)/,
    instead: `use now of ${TIME}, or take the time as an argument`,
  },
  {
    power: /\bset(Timeout|Interval|Immediate)\b|\bscheduler\.wait\b|\bAbortSignal\.timeout\b/,
    door: /^src\/(base\/time\.ts$|cli\/)/,
    instead: `use startTimer, sleep or startInterval of ${TIME}; in a Durable Object, an alarm`,
  },
  {
    power: /(?<![.\w])(globalThis\.)?fetch\(/,
    door: /^src\/(net|cli)\//,
    instead:
      "use context.fetch in a handler, fetchConfigured or fetchUntrusted of net/fetch.ts elsewhere",
  },
  {
    power: /\bsql\.exec\b|\.prepare\(|\.sql(<[^(]*>)?\(\s*["'`]/,
    door: /[/-]rows\.ts$/,
    instead: "put the statement into a file named …-rows.ts beside it, and call that",
  },
  {
    // A log line is a promise to operators, and a place where secrets end up.
    power: /\bconsole\b/,
    door: /^src\/(base\/log\.ts$|cli\/)/,
    instead: "use log of base/log.ts",
  },
  {
    // The platform's types have it as `any`, so tsc says nothing.
    power: /(?<![.\w])process\.|\bNodeJS\./,
    door: /^src\/cli\//,
    instead: "that is Node's: read a setting from the Worker's environment",
  },
  {
    // What is looked up twice may be answered in two ways.
    power: /\b(tools|prompts|resources|templates)\.get\(/,
    door: /^src\/server\/request-target\.ts$/,
    instead: "read request.target, which was found when the messages were read",
  },
  {
    power: /\bfindTarget\(/,
    door: /^src\/(server\/request-target|worker\/mcp-endpoint|transport\/session\/calls|extensions\/tasks\/run-task)\.ts$/,
    instead: "read request.target, which was found when the messages were read",
  },
];

// A method named fetch is how the platform calls in; only a call outwards is a power.
const METHOD = /^\s*(override |async )*fetch\([^)]*\)(: [^;]*)? ?\{$|^\s*fetch\(\w+: .*;$/gm;
const powers: Rule = (files) =>
  each(files, SOURCE, (path, text) => {
    const code = withoutComments(text).replace(METHOD, "");
    return DOORS.filter(({ power, door }) => power.test(code) && !door.test(path)).map(
      ({ power, instead }) => `${path}: ${power.exec(code)?.[0]}: ${instead}`,
    );
  });

/** What each of these makes of a reason, or of what was found. An app makes its own pages. */
const RESPONSES: Readonly<Record<string, string>> = {
  "src/wire/response.ts": "JSON, and JSON-RPC with its errors",
  "src/wire/sse.ts": "streams",
  "src/wire/origin.ts": "preflights, and CORS headers on what others made",
  "src/oauth/errors.ts": "JSON of OAuth, with its errors",
  "src/oauth/resource-server/metadata.ts": "documents that caches may keep",
  "src/extensions/server-card/feature.ts":
    "documents that caches may keep, for scripts of any site",
  "src/oauth/authorization-server/browser-response.ts": "pages for people, and redirects",
  "src/cli/wire-view/view-routes.ts": "the page of make dev, served by no Worker that is deployed",
  "src/hub/hub-object.ts": "sockets, for the Worker alone",
  "src/transport/session/session-object.ts": "sockets, for the Worker alone",
  "src/extensions/tasks/task-object.ts": "sockets, for the Worker alone",
};
const responses: Rule = (files) =>
  each(files, /^src\/(?!app\/).*\.ts$/, (path, text) => {
    const made = /\bnew Response\(|\bResponse\.(json|error|redirect)\(/.exec(withoutComments(text));
    return made === null || path in RESPONSES
      ? []
      : [
          `${path}: ${made[0]}: return the reason, and let errorResponse, oauthErrorResponse or oauthErrorPage answer it`,
        ];
  });

const timersAndObjects: Rule = (files) =>
  each(files, /^src\/.*\.ts$/, (path, text) =>
    // A pending timer keeps a Durable Object awake, and an awake object is billed.
    /extends DurableObject\b/.test(text) &&
    /import \{[^}]*\b(startTimer|startInterval)\b[^}]*\} from "[^"]*time\.ts"/.test(text)
      ? [`${path}: a Durable Object may not hold a timer: set an alarm with storage.setAlarm`]
      : [],
  );

// ---- Ceilings and headers -------------------------------------------------------------------------------------------

const TABLES = new Set(["src/protocol/versions.ts"]);
const fileCeiling: Rule = (files) =>
  each(files, SOURCE, (path, text) => {
    const most = TABLES.has(path) ? 300 : 250;
    return linesOf(text) > most
      ? [
          `${path}: ${linesOf(text)} lines, at most ${most}: move one of its subjects to a file of its own; ${OURS_ONLY}`,
        ]
      : [];
  });

const headers: Rule = (files) =>
  each(files, SOURCE, (path, text) => {
    const header =
      /^\/\*\*?\s*\n([\s\S]*?)\n\s*\*\//.exec(text)?.[1] ??
      /^\/\*\*.*\*\/|^(\/\/.*\n)+/.exec(text)?.[0];
    if (header === undefined)
      return [
        `${path}: no header: begin with a comment that says what the file is and which text it follows; ${OURS_ONLY}`,
      ];
    return linesOf(header) > 8
      ? [
          `${path}: header of ${linesOf(header)} lines, at most 8: move details to the functions they are about; ${OURS_ONLY}`,
        ]
      : [];
  });

// ---- Words ----------------------------------------------------------------------------------------------------------

const revisionDates: Rule = (files) =>
  each(files, /^src\/(?!protocol\/).*\.ts$/, (path, text) =>
    found(
      path,
      text,
      /20(24-11-05|25-03-26|25-06-18|25-11-25|26-07-28)/,
      "ask a fact of the revision instead, and define it in src/protocol/versions.ts",
    ),
  );

const defaultExports: Rule = (files) =>
  each(files, /^src\/(?!index\.ts$).*\.ts$/, (path, text) =>
    found(path, text, /^export default\b/m, "export it by name"),
  );

const skippedTests: Rule = (files) =>
  each(files, /^test\/.*\.m?[jt]s$/, (path, text) =>
    found(
      path,
      text,
      /\b(it|test|describe)\.(skip|skipIf|todo|only|fails)\b/,
      "let it run, or delete it: nobody sees what does not run",
    ),
  );

/**
 * Test files of one worker share the modules that they import, which are evaluated in the first of them alone: a hook or
 * a test at the top of one belongs to that file, and the others run without it. What vitest.config.ts names is evaluated for each.
 */
const sharedHooks: Rule = (files) =>
  each(files, /^test\/(?!.*\.test\.ts$).*\.ts$/, (path, text) =>
    files["test/vitest.config.ts"]?.includes(`"${path}"`) === true
      ? []
      : found(
          path,
          text,
          /^(?:(?:before|after)(?:Each|All)|it|test|describe)\b/m,
          "call it in a function that each test file calls",
        ),
  );

const UNFINISHED = new RegExp(
  ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "W" + "IP"]
    .map((w) => `\\b${w}\\b`)
    .join("|"),
);
const unfinished: Rule = (files) =>
  each(files, /./, (path, text) =>
    found(path, text, UNFINISHED, `do it now, or file an issue; ${OURS_ONLY}`),
  );

const ROOTS = ["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers", "tm" + "p"].join("|");
const PLACES = new RegExp(`(?<![\\w.:/])/(${ROOTS})/\\w|registry\\.[n]pmjs\\.org`);
const machinePaths: Rule = (files) =>
  // An exchange may well carry a path: it is what a client would send.
  each(files, /^(?!spec\/exchanges\/)/, (path, text) =>
    found(
      path,
      text,
      PLACES,
      `write it relative to this repository, and name no host; ${OURS_ONLY}`,
    ),
  );

const TOP =
  /^(src|test|spec|\.ci|wrangler\.toml|package(-lock)?\.json|tsconfig\.json|Makefile|(README|SECURITY|CONTRIBUTING|CHANGELOG)\.md|LICENSE|\.[\w.-]+)$/;
const topLevel: Rule = (files) =>
  [...new Set(Object.keys(files).map((path) => path.split("/")[0] ?? ""))]
    .filter((name) => !TOP.test(name))
    .map((name) => `${name}: is at the top: put it into src, test or spec; ${OURS_ONLY}`);

/** The README of the app names the dialects that a definition may be in: these, no less and no more. */
const dialects: Rule = (files) => {
  const accepted = acceptedDialects(files);
  return each(files, /^src\/app\/README\.md$/, (path, text) => {
    const named = dialectsOf(text);
    return named.join() === accepted.join()
      ? []
      : [
          `${path}: names ${named.join() || "none"} as JSON Schema dialects, schema.ts takes ${accepted.join() || "none"}: ` +
            `name the same; ${OURS_ONLY}`,
        ];
  });
};

/** The picture of the README and the table of src/README.md have every folder in its layer. */
const drawnLayers: Rule = (files) =>
  each(files, /^(src\/)?README\.md$/, (path, text) => {
    const drawn = layersDrawnIn(text);
    const folders = new Set([...Object.keys(drawn), ...Object.keys(LAYERS)]);
    return [...folders]
      .filter((folder) => drawn[folder] !== LAYERS[folder])
      .slice(0, 1)
      .map(
        (folder) =>
          `${path}: has ${folder} in layer ${drawn[folder] ?? 0}, LAYERS in ${LAYERS[folder] ?? 0}; ${OURS_ONLY}`,
      );
  });

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
  const musts = entries.filter(
    (entry) => entry.level.startsWith("MUST") && entry.excluded === undefined,
  );
  return [
    ...[...cited]
      .filter(([id]) => !known.has(id))
      .map(
        ([id, path]) =>
          `${path}: cites ${id}, which is not in the ledger: add it to spec/requirements, or mend the id`,
      ),
    ...musts
      .filter((entry) => !cited.has(entry.id))
      .map(
        ({ id }) =>
          `${id}: no line of src cites it: write // spec: ${id} at the line that obeys it`,
      ),
  ];
};

// ---- Run: here, and on a fault --------------------------------------------------------------------------------------

/** They protect whoever runs a server built of this. */
const RULES: Readonly<Record<string, Rule>> = {
  layers,
  api,
  cycles,
  onNode,
  plainEntry,
  judge,
  zodSpelling,
  uniqueNames,
  powers,
  responses,
  timersAndObjects,
  revisionDates,
  defaultExports,
  skippedTests,
  sharedHooks,
  citations,
};

/** How we want our own repository. A fork writes, names and depends as it likes. */
const OURS: Readonly<Record<string, Rule>> = {
  packages,
  fileCeiling,
  headers,
  unfinished,
  machinePaths,
  topLevel,
  dialects,
  drawnLayers,
};

/** The rules that bind the package of this name. */
function rulesOf(name: string): Readonly<Record<string, Rule>> {
  return name === "barewire" ? { ...RULES, ...OURS } : RULES;
}

/** Rule | file | its text, with ¶ for a line break and ~ for nothing, so that this file keeps its own rules | verdict. */
const FAULTS = String.raw`
layers | src/wire/a.ts | import { x } from "../server/b.ts" | src/wire/a.ts: wire may not import server: move what both need to a lower layer, or pass it in
layers | src/vault/a.ts | export * from "../storage/b.ts" | src/vault/a.ts: vault may not import storage: move what both need to a lower layer, or pass it in
layers | src/attic/a.ts | ~ | src/attic/a.ts: folder "attic" is in no layer: put the file into another folder, or the folder into a layer of LAYERS
layers | src/wire/a.ts | await import("hono") | src/wire/a.ts: may not import "hono": import it in src/app/, and pass in what it gives
layers | src/worker/a.ts | import { x } from "../cli/b.ts" | src/worker/a.ts: worker may not import cli: move what both need to a lower layer, or pass it in
layers | src/index.ts | await import("./cli/b.mjs") | src/index.ts: index.ts may not import cli: move what both need to a lower layer, or pass it in
layers | src/cli/a.mjs | import { x } from "esbuild" | src/cli/a.mjs: may not import "esbuild": import it in src/app/, and pass in what it gives
layers | src/worker/a.ts | import { x } from "node:fs" | src/worker/a.ts: may not import "node:fs": import it in src/app/, and pass in what it gives
onNode | src/cli/a.ts | import { x } from "cloudflare:workers" | src/cli/a.ts: reaches src/cli/a.ts, which needs workerd: move what both need to a file that runs on Node
powers | src/worker/a.ts | process.env["A"] | src/worker/a.ts: process.: that is Node's: read a setting from the Worker's environment
powers | src/cli/a.ts | crypto.subtle | src/cli/a.ts: crypto.subtle: use seal, open or sha256Base64url of crypto/seal.ts, or signText of crypto/hmac.ts
api | src/app/tools/a.ts | import { log } from "../../base/log.ts" | src/app/tools/a.ts: imports src/base/log.ts: import it from src/api.ts, and add it there
cycles | src/wire/a.ts | import type { A } from "./a.ts" | src/wire/a.ts: imports itself, by way of other files: move what both need to a file of its own
plainEntry | src/cli/a.mjs | import { x } from "./b.ts" | src/cli/a.mjs: imports "./b.ts": Node 20 runs this file alone: import only Node and .mjs files
plainEntry | src/cli/a.mjs | await import("wrangler") | src/cli/a.mjs: imports "wrangler": Node 20 runs this file alone: import only Node and .mjs files
judge | spec/runner/a.mjs | import { x } from "../../src/base/b.ts" | spec/runner/a.mjs: imports "../../src/base/b.ts": the runner imports only from spec/ and Node
judge | spec/runner/a.mjs | await import("../../test/spec/b.ts") | spec/runner/a.mjs: imports "../../test/spec/b.ts": the runner imports only from spec/ and Node
judge | spec/runner/a.mjs | import { x } from "zod" | spec/runner/a.mjs: imports "zod": the runner imports only from spec/ and Node
zodSpelling | src/app/a.ts | import { z } from "zod" | src/app/a.ts: write import * as z from "zod/mini": any other form bundles every language zod speaks
zodSpelling | src/server/zod.ts | import * as z from "zod" | src/server/zod.ts: write import * as z from "zod/mini": any other form bundles every language zod speaks
zodSpelling | src/oauth/a.ts | import type * as z from "zod/mini" | src/oauth/a.ts: may not import zod: read the value by hand, or pass in a schema that src/server/zod.ts made
uniqueNames | src/hub/a.ts | ¶export const a = 1¶export class a {} | src/hub/a.ts: "a" is in src/hub/a.ts too: give one of them a name of its own
powers | src/hub/a.ts | crypto.subtle | src/hub/a.ts: crypto.subtle: use seal, open or sha256Base64url of crypto/seal.ts, or signText of crypto/hmac.ts
powers | src/hub/a.ts | crypto.randomUUID() | src/hub/a.ts: randomUUID: use randomBytes of base/time.ts
powers | src/hub/a.ts | Date.now() | src/hub/a.ts: Date.now: use now of base/time.ts, or take the time as an argument
powers | src/wire/a.ts | setTimeout(f, 1) | src/wire/a.ts: setTimeout: use startTimer, sleep or startInterval of base/time.ts; in a Durable Object, an alarm
powers | src/app/a.ts | const r = await fetch(url); | src/app/a.ts: fetch(: use context.fetch in a handler, fetchConfigured or fetchUntrusted of net/fetch.ts elsewhere
powers | src/app/b.ts | ¶fetch(url, {¶});¶ | src/app/b.ts: fetch(: use context.fetch in a handler, fetchConfigured or fetchUntrusted of net/fetch.ts elsewhere
powers | src/hub/hub-object.ts | ctx.storage.sql.exec(q) | src/hub/hub-object.ts: sql.exec: put the statement into a file named …-rows.ts beside it, and call that
powers | src/oauth/authorization-server/grant-object.ts | const { sql } = storage;¶sql.exec(q) | src/oauth/authorization-server/grant-object.ts: sql.exec: put the statement into a file named …-rows.ts beside it, and call that
powers | src/app/a.ts | await store.sql("SELECT 1") | src/app/a.ts: .sql(": put the statement into a file named …-rows.ts beside it, and call that
powers | src/hub/a.ts | console.log(1) | src/hub/a.ts: console: use log of base/log.ts
powers | src/server/tools.ts | server.tools.get(name) | src/server/tools.ts: tools.get(: read request.target, which was found when the messages were read
powers | src/server/tools.ts | findTarget(server, request) | src/server/tools.ts: findTarget(: read request.target, which was found when the messages were read
responses | src/hub/a.ts | return new Response(null, { status: 405 }) | src/hub/a.ts: new Response(: return the reason, and let errorResponse, oauthErrorResponse or oauthErrorPage answer it
responses | src/oauth/clients/a.ts | return Response.json({ error }, { status: 400 }) | src/oauth/clients/a.ts: Response.json(: return the reason, and let errorResponse, oauthErrorResponse or oauthErrorPage answer it
timersAndObjects | src/hub/a.ts | import { startTimer } from "../base/time.ts"¶class A extends DurableObject {} | src/hub/a.ts: a Durable Object may not hold a timer: set an alarm with storage.setAlarm
revisionDates | src/wire/a.ts | ¶"2026-07-28" | src/wire/a.ts:2: 2026-07-28: ask a fact of the revision instead, and define it in src/protocol/versions.ts
defaultExports | src/app/a.ts | ¶export default 1 | src/app/a.ts:2: export default: export it by name
skippedTests | test/a.test.ts | it.~skip(() => {}) | test/a.test.ts:1: it.~skip: let it run, or delete it: nobody sees what does not run
sharedHooks | test/wire/a.ts | ¶afterEach(clear); | test/wire/a.ts:2: afterEach: call it in a function that each test file calls
sharedHooks | test/a.node.ts | ¶it.~each(all)(one); | test/a.node.ts:2: it: call it in a function that each test file calls
citations | src/a.ts | // spec: no.such | src/a.ts: cites no.such, which is not in the ledger: add it to spec/requirements, or mend the id
citations | spec/requirements/a.json | [{"id":"a.b","level":"MUST NOT"}] | a.b: no line of src cites it: write // spec: a.b at the line that obeys it
packages | src/app/a.ts | import { Hono } from "hono" | src/app/a.ts: imports "hono": write what you need of it here; OURS_ONLY
fileCeiling | src/wire/a.ts | ¶×251 | src/wire/a.ts: 251 lines, at most 250: move one of its subjects to a file of its own; OURS_ONLY
fileCeiling | src/protocol/versions.ts | ¶×301 | src/protocol/versions.ts: 301 lines, at most 300: move one of its subjects to a file of its own; OURS_ONLY
headers | src/wire/a.ts | export {} | src/wire/a.ts: no header: begin with a comment that says what the file is and which text it follows; OURS_ONLY
headers | src/wire/a.ts | /**¶ 1¶ 2¶ 3¶ 4¶ 5¶ 6¶ 7¶ 8¶ 9¶ */ | src/wire/a.ts: header of 9 lines, at most 8: move details to the functions they are about; OURS_ONLY
unfinished | README.md | ¶- TO~DO later | README.md:2: TO~DO: do it now, or file an issue; OURS_ONLY
machinePaths | Makefile | cd /ho~me/me | Makefile:1: /ho~me/m: write it relative to this repository, and name no host; OURS_ONLY
topLevel | lib/a.ts | ~ | lib: is at the top: put it into src, test or spec; OURS_ONLY
dialects | src/app/README.md | JSON Schema draft-07 | src/app/README.md: names draft-07 as JSON Schema dialects, schema.ts takes none: name the same; OURS_ONLY
drawnLayers | README.md | subgraph L3¶wire["wire"] | README.md: has wire in layer 3, LAYERS in 2; OURS_ONLY
`;

const here = readTree();
const { name: NAME } = JSON.parse(here["package.json"] ?? "{}") as { name: string };
const breaches = (name: string, files: Files): string[] =>
  Object.values(rulesOf(name)).flatMap((rule) => rule(files));

it.each(Object.entries(rulesOf(NAME)))("%s: kept here", (_, rule) =>
  expect(rule(here)).toEqual([]),
);

it.each(FAULTS.trim().split("\n"))("%s", (line) => {
  const [name = "", path = "", text = "", says = ""] = line
    .split(" | ")
    .map((part) => part.replaceAll("~", ""));
  const planted = text
    .replace(/¶×(\d+)/, (_, count) => "\n".repeat(Number(count)))
    .replaceAll("¶", "\n");
  expect(rulesOf("barewire")[name]?.({ [path]: planted })).toEqual([
    says.replace("OURS_ONLY", OURS_ONLY),
  ]);
});

it("two files of one name, in folders of one name, are found", () => {
  const both = { "src/oauth/clients/find.ts": "", "src/hub/clients/find.ts": "" };
  expect(rulesOf("barewire")["uniqueNames"]?.(both)).toEqual([
    'src/hub/clients/find.ts: "clients/find.ts" is in src/oauth/clients/find.ts too: give one of them a name of its own',
  ]);
});

it("has seen every rule red", () => {
  expect(
    Object.keys(rulesOf("barewire")).filter((name) => !FAULTS.includes(`\n${name} | `)),
  ).toEqual([]);
});

it("names what to use instead as it is named there", () => {
  const named = FAULTS.matchAll(/\buse (.*?) of ((?:base|crypto)\/\w+\.ts)/g);
  const missing = [...named].flatMap(([, names = "", file = ""]) =>
    names
      .split(/, | or /)
      .filter(
        (name) =>
          !new RegExp(`^export (async )?function ${name}\\b`, "m").test(here[`src/${file}`] ?? ""),
      )
      .map((name) => `${file}: ${name}`),
  );
  expect(missing).toEqual([]);
});

// ---- Forks ----------------------------------------------------------------------------------------------------------

/** What a fork may well add. */
const ADDED: Files = {
  "docs/index.md": `TO${""}DO: see /ho${""}me/me`,
  "AGENTS.md": "",
  "lib/a.ts": "",
  ".github/workflows/test.yml": "",
  "src/app/router.ts": `import { Hono } from "hono";${"\n".repeat(300)}`,
};

it("a fork may add packages, files and folders", () => {
  expect(breaches("my-server", ADDED)).toEqual([]);
  expect(breaches("barewire", ADDED).map((one) => one.split(":")[0])).toEqual([
    "src/app/router.ts",
    "src/app/router.ts",
    "src/app/router.ts",
    "docs/index.md",
    "docs/index.md",
    "docs",
    "AGENTS.md",
    "lib",
  ]);
});

it("what protects everybody binds a fork too", () => {
  const careless = {
    "src/app/a.ts": "await fetch(url)",
    "src/wire/a.ts": 'import { Hono } from "hono"',
  };
  expect(breaches("my-server", careless)).toEqual([
    expect.stringMatching(/^src\/wire\/a\.ts: may not import "hono"/),
    expect.stringMatching(/^src\/app\/a\.ts: fetch\(/),
  ]);
});

// ---- What the ledger asks of the tree, and no wire can show ---------------------------------------------------------

it("make dev binds to loopback only", () => {
  // The tool names the address, and both configurations have it too, for whoever starts wrangler by hand. That nobody else
  // reaches it is seen in test/cli/dev.node.test.ts.
  const server = here["src/cli/dev-server.ts"] ?? "";
  expect(server.match(/\bhostname: .*?[,\n]/g)).toEqual(['hostname: "127.0.0.1",']);
  const commands = commandsOf("dev", {});
  expect(commands.map((words) => words.slice(0, 2))).toEqual([["node", "src/cli/dev.ts"]]);
  for (const path of ["wrangler.toml", "test/world/wrangler.toml"])
    expect(here[path]?.match(/^\s*(?:ip|host) *=.*$/gm), path).toEqual(['ip = "127.0.0.1"']);
});

it("the table of layers is read as the picture is", () => {
  const rows = (text: string): string[] => drawnLayers({ "src/README.md": text });
  expect(rows("| 3 | [`wire`](wire/) | bytes |")[0]).toContain("has wire in layer 3, LAYERS in 2");
  expect(rows("")).toHaveLength(1);
});

it("what a stranger's URL names is fetched as from the internet", () => {
  // Without the flag a host of the Worker's own zone is reached at its origin, past what guards it:
  // developers.cloudflare.com/workers/configuration/compatibility-flags/#global-fetch-strictly-public
  for (const path of ["wrangler.toml", "test/world/wrangler.toml"])
    expect(here[path], path).toMatch(
      /^compatibility_flags = \[.*"global_fetch_strictly_public".*\]$/m,
    );
});

it("the README of the app names the JSON Schema dialects", () => {
  expect(acceptedDialects(here)).toContain("2020-12");
  expect(dialects({ ...here, "src/app/README.md": "any JSON Schema" })).toHaveLength(1);
  expect(NAME === "barewire" ? dialects(here) : []).toEqual([]);
});

// ---- Helpers --------------------------------------------------------------------------------------------------------

function each(
  files: Files,
  which: RegExp,
  look: (path: string, text: string) => string[],
): string[] {
  return Object.entries(files).flatMap(([path, text]) =>
    which.test(path) ? look(path, text) : [],
  );
}

function found(path: string, text: string, what: RegExp, instead: string): string[] {
  const hit = what.exec(text);
  return hit === null
    ? []
    : [`${path}:${text.slice(0, hit.index).split("\n").length}: ${hit[0]}: ${instead}`];
}

function acceptedDialects(files: Files): string[] {
  return dialectsOf(/DIALECT = .*/.exec(files["src/server/schema.ts"] ?? "")?.[0] ?? "");
}

/** Layers by folder: of a picture `subgraph L5` with `name["folder"]` in it, of a table rows `| 5 | [`folder`](…) |`. */
function layersDrawnIn(text: string): Record<string, number> {
  const drawn: Record<string, number> = {};
  let layer = 0;
  for (const line of text.split("\n")) {
    const [, subgraph, row, rowFolder = ""] =
      /^\s*subgraph L(\d)|^\| (\d) \| \[?`([\w./-]+)`/.exec(line) ?? [];
    layer = Number(subgraph ?? (/^\s*end$/.test(line) ? 0 : layer));
    if (row !== undefined) drawn[rowFolder] = Number(row);
    if (subgraph !== undefined || layer === 0) continue;
    for (const [, folder = ""] of line.matchAll(/\w\["([\w./-]+)"\]/g)) drawn[folder] = layer;
  }
  return drawn;
}

function dialectsOf(text: string): string[] {
  return [...new Set(text.match(/\b20(?:19-09|20-12)\b|\bdraft-0[4-7]\b/g)?.toSorted() ?? [])];
}

/** The folder that has a layer: the first under src, of `transport` and `extensions` those in it. */
function folderOf(path: string): string {
  const [, first = "", second = ""] = path.split("/");
  return /^(transport|extensions)$/.test(first) ? `${first}/${second}` : first;
}

function importsOf(text: string): string[] {
  return [
    ...text.matchAll(
      /^(?:import|export|\})[^"\n]*\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm,
    ),
  ].map((m) => m[1] ?? m[2] ?? m[3] ?? "");
}

/** What a file imports, itself or by way of others. */
function reach(files: Files, from: string): Set<string> {
  const imports = (path: string): string[] =>
    importsOf(files[path] ?? "")
      .filter((name) => name.startsWith("."))
      .map((name) => normalize(join(dirname(path), name)));
  const seen = new Set(imports(from));
  for (const path of seen) for (const next of imports(path)) seen.add(next);
  return seen;
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
