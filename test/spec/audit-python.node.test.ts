/**
 * Python's runner beside audit.mjs: on the fixture world, and on one whose answers are spoiled, both must come to the same
 * verdict on every exchange. They run from a copy of spec/, which stands alone. Exchanges that wait for seconds are left out
 * of the copy, and of the others each file's first and every fifth are kept: enough for each part of the format to be there.
 */

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as ask } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PYTHON } from "../tools/python.node.ts";
import { freePort, startWorker, type RunningWorker } from "../tools/worker.node.ts";
import { askUntil, serve, serveSlowly, stopAll } from "./audited.node.ts";
import type { Exchange } from "./format.ts";

const MOST_MS = 280_000;
const WAITS = /"wait"|"advance"|spec_slow|spec_progress|http\.cancel/;
const folder: string = mkdtempSync(join(tmpdir(), "barewire-python-"));
let open: RunningWorker;
let guarded: RunningWorker;

/** What a runner came to: of each exchange its verdict, and of each requirement. */
type Verdicts = Readonly<Record<string, string>>;

beforeAll(async () => {
  cpSync(fileURLToPath(new URL("../../spec", import.meta.url)), join(folder, "spec"), {
    recursive: true,
  });
  const exchanges = join(folder, "spec/exchanges");
  for (const name of readdirSync(exchanges)) {
    const all = JSON.parse(readFileSync(join(exchanges, name), "utf8")) as Exchange[];
    const quick = all.filter((one) => !WAITS.test(JSON.stringify(one)));
    const kept = quick.filter((_, index) => index % 5 === 0);
    writeFileSync(join(exchanges, name), JSON.stringify(kept));
  }
  const start = async (...more: string[]): Promise<RunningWorker> => {
    const state = mkdtempSync(join(folder, "state-"));
    const config = ["--config", "test/world/wrangler.toml", "--minify", "--persist-to", state];
    return startWorker([...config, ...more], { port: await freePort() });
  };
  [open, guarded] = await Promise.all([start(), start("--var", "AUTH:")]);
}, 110_000);

afterAll(async () => {
  stopAll();
  await Promise.all([open?.stop(), guarded?.stop()]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Runs a program from the copy, with `--json`; resolves to what it came to. */
async function verdictsOf(
  program: string,
  args: readonly string[],
): Promise<{ conversations: Verdicts; requirements: Verdicts }> {
  const json = join(folder, `${args.join("-").replaceAll(/\W+/g, "-")}.json`);
  const interpreter = program.endsWith(".py") ? PYTHON : process.execPath;
  const said = await new Promise<string>((resolve) => {
    const whole = [join(folder, "spec/runner", program), ...args, "--json", json];
    execFile(interpreter, whole, { timeout: MOST_MS }, (_, out, errors) => resolve(out + errors));
  });
  expect(said, program).toMatch(/^Conversations: /mu);
  const report = JSON.parse(readFileSync(json, "utf8")) as Record<
    "conversations" | "requirements",
    readonly { readonly id: string; readonly verdict: string }[]
  >;
  rmSync(json);
  const table = (name: keyof typeof report): Verdicts =>
    Object.fromEntries(report[name].map(({ id, verdict }) => [id, verdict]));
  return { conversations: table("conversations"), requirements: table("requirements") };
}

/** How often each verdict was given where both runners agree. */
async function agreed(url: string, revision: string): Promise<Record<string, number>> {
  const args = [url, "--revision", revision, "--mode", "plain"];
  const first = await verdictsOf("audit.mjs", args);
  const second = await verdictsOf("python/audit.py", args);
  expect(second).toEqual(first);
  const counts: Record<string, number> = {};
  for (const verdict of Object.values(second.conversations))
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}

/** A server that answers as `origin` does, with another code and another status of refusals, and no mark of errors. */
async function spoil(origin: string): Promise<string> {
  return await serve(({ method, path, headers, body }, response) => {
    // Compressed, an answer could not be spoiled.
    const fields = { ...headers, connection: "close", "accept-encoding": "identity" };
    const onward = ask(new URL(path, origin), { method, headers: fields }, (answer) => {
      const said = { ...answer.headers };
      delete said["content-length"];
      response.writeHead(answer.statusCode === 400 ? 422 : (answer.statusCode ?? 500), said);
      response.flushHeaders();
      answer.setEncoding("utf8");
      answer.on("data", (text: string) =>
        response.write(
          text.replaceAll('"code":-32602', '"code":-32000').replaceAll('"isError":true', '"x":1'),
        ),
      );
      answer.on("end", () => response.end());
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    onward.end(body);
  });
}

test.each([
  ["2026-07-28", 30],
  ["2025-11-25", 12],
])(
  "both runners pass the world in %s, and leave the same untested",
  async (revision, least) => {
    const { pass = 0, untested = 0, ...others } = await agreed(`${open.origin}/mcp`, revision);
    expect(others).toEqual({});
    expect(pass).toBeGreaterThan(least);
    expect(untested).toBeLessThan(10);
  },
  MOST_MS,
);

/** What Python's walk of an exchange comes to, against the server at `url`. */
async function walkInPython(url: string, exchange: ReturnType<typeof askUntil>): Promise<string> {
  const lines = [
    "import json, sys, types",
    "sys.path.insert(0, sys.argv[1])",
    "from walk import Walk",
    "server = types.SimpleNamespace(url=sys.argv[2], origin=sys.argv[2], endpoint='/', revision='',",
    "    elsewhere=None, templates={}, has=None, signs_in=False)",
    "found = Walk(server, json.loads(sys.argv[3])).run()",
    "print(found.verdict, 'early' in found.kept)",
  ];
  const args = ["-c", lines.join("\n"), join(folder, "spec/runner/python"), url];
  return await new Promise((resolve) => {
    execFile(PYTHON, [...args, JSON.stringify(exchange)], (_, out, errors) =>
      resolve(out + errors),
    );
  });
}

test.each([
  [true, "pass"],
  ["never", "fail"],
])("Python asks again until isDone is %s: %s", async (isDone, verdict) => {
  const said = await walkInPython(await serveSlowly(), askUntil(isDone));
  expect(said).toBe(`${verdict} False\n`);
});

test(
  "both sign in to the guarded world, and pass it",
  async () => {
    const {
      pass = 0,
      untested = 0,
      ...others
    } = await agreed(`${guarded.origin}/mcp`, "2026-07-28");
    expect(others).toEqual({});
    expect(pass).toBeGreaterThan(12);
    expect(untested).toBeLessThan(15);
  },
  MOST_MS,
);

test(
  "both fail the same where answers are spoiled",
  async () => {
    const { fail = 0, pass = 0 } = await agreed(`${await spoil(open.origin)}/mcp`, "2025-11-25");
    expect(fail).toBeGreaterThan(2);
    expect(pass).toBeGreaterThan(2);
  },
  MOST_MS,
);
