/**
 * Every part can be taken out by deleting its folder and what names it: types stay clean, the bundle is built, and what
 * is left is served in workerd as the fixtures demand. The README shows what each part weighs: `make parts` prints it.
 */

import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { serveChanged } from "../client/servers.node.ts";
import { buildAndMeasure, copyWithout, describeSize, type Size } from "./removable.node.ts";
import { EXAMPLE, variantsOf } from "./removable-parts.node.ts";

const root: string = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
/** Alone on its thread: fourteen of these compete for two cores. */
const TYPES = ["-p", "tsconfig.json", "--incremental", "false", "--singleThreaded"];
const sizes = new Map<string, Size>();

const { variants } = variantsOf(root);

describe.concurrent.each(variants)("$name", ({ name, parts, servesSessions }) => {
  it("has clean types, is built, and serves what is left", { timeout: 240_000 }, async () => {
    const { folder, remove } = copyWithout(parts);
    try {
      expect(await typeFaults(folder)).toBe("");
      const { bundle, ...size } = await buildAndMeasure(folder);
      sizes.set(name, size);
      // The whole is served by every other test, and a sign-in is no path of the MCP endpoint.
      if (name === "everything" || name.includes("sign-in")) return;
      const server = await serveChanged(
        join(folder, "src/index.ts"),
        { AUTH: "none" },
        { settings: folder, bundle },
      );
      try {
        const stateless = await auditVerdicts(server.url, "2026-07-28", "http.");
        expect(stateless).toMatchObject({ fail: 0, setup: 0 });
        expect(stateless.pass).toBeGreaterThanOrEqual(12);
        const sessions = await auditVerdicts(server.url, "2025-11-25", "session-transports.");
        expect(sessions).toMatchObject(servesSessions ? { fail: 0, setup: 0 } : { pass: 0 });
        expect(sessions.pass > 0).toBe(servesSessions);
      } finally {
        await server.stop();
      }
    } finally {
      remove();
    }
  });
});

/** The table as a fork prints it. */
async function makeParts(folder: string): Promise<string> {
  for (const part of ["test/system", "test/tools"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  const { stdout } = await run(process.execPath, ["test/tools/parts.mjs"], { cwd: folder });
  return stdout;
}

it("in a fork, parts that are gone are left out and named, and the others are still taken out", async () => {
  const removed = ["storage", "vault", "sign-in by passphrase", "sign-in by api-key"];
  const parts = variants.flatMap((one) => one.parts).filter(({ name }) => removed.includes(name));
  const fork = copyWithout([EXAMPLE, ...new Set(parts)]);
  try {
    const left = variantsOf(fork.folder);
    expect(left.gone.toSorted()).toEqual(removed.toSorted());
    const names = left.variants.map(({ name }) => name);
    expect(variants.map(({ name }) => name).filter((name) => !names.includes(name))).toEqual(
      removed.map((name) => `without ${name}`),
    );
    const printed = await makeParts(fork.folder);
    expect(printed.match(/^\| .*(?= \| [\d,]+ lines)/gm)).toEqual(names.map((name) => `| ${name}`));
    expect(printed).toMatch(
      /\nLeft out, for this repository has it no more: storage, vault, .*\.\n$/,
    );
    for (const { name, parts: more } of left.variants) {
      const copy = copyWithout(more, fork.folder);
      try {
        expect([name, existsSync(join(copy.folder, "src/storage"))]).toEqual([name, false]);
        // The minimal app signs people in by what there is, and by a way of its own where there is nothing.
        if (name !== "one tool in place of the example" && name !== "without sign-in by openid")
          continue;
        expect([name, await typeFaults(copy.folder)]).toEqual([name, ""]);
      } finally {
        copy.remove();
      }
    }
  } finally {
    fork.remove();
  }
}, 240_000);

afterAll(() => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const [name, size] of sizes) {
    const row = readme.split("\n").find((line) => line.startsWith(`| ${name} |`));
    expect(row, `README, "Make it yours": make parts prints the table`).toBeDefined();
    expect(
      isNear(row ?? "", size),
      `${row ?? ""} is ${describeSize(name, size)} now: make parts prints the table`,
    ).toBe(true);
  }
});

/** What the compiler says of the sources in `folder`. */
async function typeFaults(folder: string): Promise<string> {
  const types = await run(join(root, "node_modules/.bin/tsc"), TYPES, { cwd: folder }).catch(
    (error: unknown) => ({
      stdout: String((error as { stdout?: string }).stdout),
    }),
  );
  return types.stdout;
}

/** A table need not change with every line. */
function isNear(row: string, { lines, bytes }: Size): boolean {
  const [rowLines = 0, rowKilobytes = 0] = [...row.matchAll(/[\d,.]+(?= (?:lines|KB))/g)].map(
    ([number]) => Number(number.replaceAll(",", "")),
  );
  return Math.abs(rowLines - lines) <= lines / 20 && Math.abs(rowKilobytes - bytes / 1_000) <= 1;
}

interface Verdicts {
  readonly pass: number;
  readonly fail: number;
  readonly setup: number;
}

/** What the runner of `spec/` says of the server at `url`. */
async function auditVerdicts(url: URL, revision: string, only: string): Promise<Verdicts> {
  const runner = join(root, "spec/runner/audit.mjs");
  // What is removed changes no choice.
  const settings = ["--mode", "plain", "--choices", "world"];
  const args = [runner, url.href, ...settings, "--revision", revision, "--only", only];
  const { stdout } = await run(process.execPath, args).catch(
    (error: unknown) => error as { stdout: string },
  );
  const [summary = ""] = /^Conversations: .*$/m.exec(stdout) ?? [];
  const count = (verdict: string): number =>
    Number(new RegExp(`(\\d+) ${verdict}`).exec(summary)?.[1] ?? 0);
  return { pass: count("pass"), fail: count("fail"), setup: count("setup") };
}
