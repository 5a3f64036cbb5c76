/**
 * Five projects: `workerd` runs test files inside the Workers runtime, on the bindings of the conformance world, and
 * `exchanges` those of spec/, each in a workerd of its own.
 * `node` runs *.node.test.ts outside it: the project rules, the lint gates and everything that starts a server.
 * `outside` and `browser` are what also needs the packages of test/outside: other servers, and Debian's Chromium.
 */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { hasPython, PYTHON_TEST } from "./tools/python.node.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const world = `${root}test/world/wrangler.toml`;
const migrations = `${root}src/vault/migrations`;
/** Fixed, so that a failure can be repeated; never used outside tests. Bytes 0 to 31. */
const KEYS = `test:${btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, index) => index)))}`;

/** `make soak` runs a minute, `make test` two rounds; SOAK_SEED repeats a run. */
const { SOAK_SECONDS = "0", SOAK_SEED } = process.env;
const soak = { SOAK_SECONDS, ...(SOAK_SEED === undefined ? {} : { SOAK_SEED }) };

/** The longest of all, which begins at once, so that it is not left to run alone at the end. */
const LONGEST = /cli.dev\./;
/** Files that take tens of seconds: the first of their project. */
const LONG =
  /exchanges\.|soak|hostile|browser|audit|idle|rotate|attack|concurrency|versions|over-tls|feed-object|growth|course/;

class LongestFirst extends BaseSequencer {
  /** Project after project otherwise: a worker is kept only while the next file is of the same one, and to start it takes seconds. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (LONGEST.test(moduleId)) return 0;
      return 1 + 2 * projects.indexOf(project.name) + (LONG.test(moduleId) ? 0 : 1);
    };
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}

const EXCHANGES = "test/spec/exchanges.*.test.ts";
/** What test/outside installs has tests of its own. */
const NOT_IN_WORKERD = ["test/**/*.node.test.ts", "**/node_modules/**"];

/** A project whose test files run inside the Workers runtime. */
function inWorkerd(test: NonNullable<ViteUserConfig["test"]>) {
  return {
    root,
    plugins: [
      cloudflareTest(async () => ({
        wrangler: { configPath: existsSync(world) ? world : `${root}wrangler.toml` },
        // For tests of the vault, where there is one: `applyD1Migrations(env.VAULT, env.VAULT_MIGRATIONS)`.
        miniflare: {
          bindings: {
            KEYS,
            ...soak,
            VAULT_MIGRATIONS: existsSync(migrations) ? await readD1Migrations(migrations) : [],
          },
        },
      })),
    ],
    test: { include: ["test/**/*.test.ts"], setupFiles: ["test/secrets.ts"], ...test },
  };
}

const config: ViteUserConfig = defineConfig({
  root,
  test: {
    // What a passing test logs is noise; what a failing one logs is evidence.
    silent: "passed-only",
    // Half of the time a test waits: for a server to start, for silence to be silent. So more workers than cores.
    maxWorkers: 5,
    // On a busy machine, a test of 2 s took 20; emptying the storage between two files takes its time too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      // A workerd for each file would take half of the time. test/secrets.ts empties its storage between two files.
      inWorkerd({ name: "workerd", isolate: false, exclude: [...NOT_IN_WORKERD, EXCHANGES] }),
      // Each of these empties the storage some hundred times. workerd was seen to crash or stop after 640 to 950 times.
      inWorkerd({ name: "exchanges", include: [EXCHANGES], exclude: NOT_IN_WORKERD }),
      {
        root,
        test: {
          name: "node",
          // A process for each of thirty files costs more than most of these files do.
          isolate: false,
          globalSetup: ["test/client/databases.node.ts"],
          include: ["test/**/*.node.test.ts"],
          exclude: [
            "test/{outside,browser}/**",
            "**/node_modules/**",
            ...(hasPython() ? [] : [PYTHON_TEST]),
          ],
        },
      },
      ...["outside", "browser"].map((name) => ({
        root,
        test: {
          name,
          include: [`test/${name}/*.node.test.ts`],
          globalSetup: ["test/outside/install.node.ts", "test/client/databases.node.ts"],
        },
      })),
    ],
  },
});

export default config;
