/** Runs exchanges against the conformance world with one file of src/ changed, in a workerd of its own. */

import { resolve } from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../src/cli/environment.mjs";
import { serveChanged, type TestServer } from "../client/servers.node.ts";
import { bundleMapped } from "./coverage.node.ts";
import { citedLines, CLASSES, startWorld } from "./evidence.node.ts";
import { authOf, EXCHANGES, runExchange } from "./exchange-run.node.ts";
import { mutants as servedFaults, unnoticed } from "./faults.ts";
import { holdsIn, type Exchange } from "./format.ts";
import { REVISIONS } from "./status.node.ts";
import type { Report } from "./walk.ts";

const ENTRY = "test/world/clocked-worker.ts";

/** One run of an exchange against the server without a fault, which passed. */
export interface Run {
  readonly exchange: Exchange;
  /** The entries that its checks name. */
  readonly proves: readonly string[];
  readonly revision: string;
  readonly ms: number;
  /** The cited places that were executed, such as "src/a.ts:12". */
  readonly executed: ReadonlySet<string>;
}

/** Things taken out of good answers, and how many of those the check did not notice. */
export interface ServedFaults {
  readonly planted: number;
  readonly unnoticed: number;
}

export interface Control {
  readonly runs: readonly Run[];
  /** Runs that do not pass, with the reason. */
  readonly left: readonly string[];
  /** By entry: the faults in the answers that prove it. */
  readonly served: Readonly<Record<string, ServedFaults>>;
}

/** Runs every exchange in every revision against the server as it is, the newest revision of each first. */
export async function runControl(): Promise<Control> {
  const runs: Run[] = [];
  const left: string[] = [];
  const served: Record<string, ServedFaults> = {};
  const bundle = await bundleMapped(ENTRY, CLASSES);
  const places = citedLines();
  for (const auth of ["none", ""] as const) {
    const { server, coverage, atStart } = await startWorld(bundle, auth, places);
    // Where no breakpoint can be, everything counts as executed.
    const unwatched = [...places.keys()].filter((place) => !coverage.known.has(place));
    const always = [...atStart, ...unwatched];
    for (const { exchange, revision } of allRuns().filter((one) => authOf(one.exchange) === auth)) {
      const start = performance.now();
      let report = await runExchange(exchange, revision, server);
      // On a busy machine a connection may break, or an answer come late.
      if (report.verdict !== "pass") report = await runExchange(exchange, revision, server);
      const ms = performance.now() - start;
      const executed = new Set([...always, ...(await coverage.take())]);
      const { verdict, why = "" } = report;
      if (verdict === "pass")
        runs.push({ exchange, proves: provenBy(exchange), revision, ms, executed });
      else left.push(`${exchange.id} in ${revision}: ${verdict}, ${why}`);
      countServed(report, served);
    }
    coverage.close();
    await server.stop();
  }
  return { runs, left, served };
}

function allRuns(): { exchange: Exchange; revision: string }[] {
  return EXCHANGES.flatMap((exchange) =>
    REVISIONS.filter((one) => holdsIn(one, exchange))
      .toReversed()
      .map((revision) => ({ exchange, revision })),
  );
}

function countServed({ seen }: Report, served: Record<string, ServedFaults>): void {
  for (const { check, view, kept } of seen)
    for (const id of check.proves ?? []) {
      const before = served[id] ?? { planted: 0, unnoticed: 0 };
      served[id] = {
        planted: before.planted + servedFaults(check, view).length,
        unnoticed: before.unnoticed + unnoticed(check, view, kept).length,
      };
    }
}

const PROVEN = /"proves":(\[[^\]]*\])/g;

/** The entries that an exchange names. The templates that it plays prove nothing. */
function provenBy(exchange: Exchange): string[] {
  const lists = [...JSON.stringify(exchange).matchAll(PROVEN)];
  return [...new Set(lists.flatMap(([, list = "[]"]) => JSON.parse(list) as string[]))];
}

/** Runs once. What a broken server makes a run throw is no verdict of a check: the set-up failed. */
export async function runOnce(worlds: Worlds, { exchange, revision }: Run): Promise<Report> {
  const server = await worlds.serve(exchange);
  try {
    return await runExchange(exchange, revision, server);
  } catch (error) {
    return { verdict: "setup", why: firstLines(error), findings: [], seen: [], kept: new Map() };
  }
}

/** A server does not start. */
export class StartError extends Error {}

export function firstLines(error: unknown): string {
  return String(error).split("\n").slice(0, 3).join(" ");
}

export interface Worlds {
  /**
   * The server that an exchange needs: open, or behind its sign-in. Started when it is first needed.
   * @throws {StartError}
   */
  serve(exchange: Exchange): Promise<TestServer>;
  stop(): Promise<void>;
}

/** The worlds of a bundle; each has storage of its own. */
export function worldsOf(bundle: string): Worlds {
  const servers = new Map<string, Promise<TestServer>>();
  return {
    async serve(exchange) {
      const auth = authOf(exchange);
      const server = servers.get(auth) ?? serveChanged(ENTRY, { AUTH: auth }, { bundle });
      servers.set(auth, server);
      try {
        return await server;
      } catch (error) {
        throw new StartError(firstLines(error));
      }
    },
    async stop() {
      // Whether a server with a fault prints secrets is not asked here.
      for (const server of servers.values())
        await server.then((one) => one.stop()).catch(() => undefined);
    },
  };
}

/**
 * The bundle of the conformance world, with `text` in place of one file.
 * @throws where that is no module
 */
export async function bundleWith(changed?: { file: string; text: string }): Promise<string> {
  const path = resolve(ROOT, changed?.file ?? "");
  const { outputFiles } = await build({
    entryPoints: [resolve(ROOT, ENTRY)],
    external: ["cloudflare:*"],
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "silent",
    plugins: [
      {
        name: "fault",
        setup(bundling) {
          bundling.onLoad({ filter: /\.ts$/ }, (loaded) =>
            loaded.path === path ? { contents: changed?.text ?? "", loader: "ts" } : undefined,
          );
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? "";
}
