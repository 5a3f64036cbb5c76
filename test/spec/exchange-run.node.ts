/** The exchanges of spec/, and how one is run against a server that listens on loopback. */

import { setTimeout as sleep } from "node:timers/promises";
import type { TestServer } from "../client/servers.node.ts";
import { callersOf } from "./callers.ts";
import type { Exchange, Mode, Templates } from "./format.ts";
import { readFolder, REVISIONS } from "./status.node.ts";
import { walk, type Host, type Report } from "./walk.ts";

export const EXCHANGES: readonly Exchange[] = readFolder<Exchange[]>("spec/exchanges").flatMap(
  ([, exchanges]) => exchanges,
);
const TEMPLATES: Readonly<Record<string, Templates>> = Object.fromEntries(
  readFolder<Templates>("spec/templates"),
);

/** Runs an exchange once; in plain mode, or the first of its own where it has no plain one. */
export async function runExchange(
  exchange: Exchange,
  revision: string,
  { url }: Pick<TestServer, "url">,
): Promise<Report> {
  const templates = templatesOf(revision);
  const elsewhere = `http://localhost:${url.port}`;
  const host: Host = { url, fetch, elsewhere, advance: (ms) => advance(url, ms) };
  const newest = REVISIONS.at(-1) ?? revision;
  host.callers = callersOf(host, newest, templatesOf(newest), new Map());
  return await walk(exchange, { host, templates, revision, mode: plainModeOf(exchange) });
}

/** Short spells pass for real. Longer ones move the clock of the world, where it has one that can be moved. */
const LONGEST_MS = 1_000;

async function advance(url: URL, ms: number): Promise<boolean> {
  if (ms > LONGEST_MS)
    return (await fetch(new URL("/clock", url), { method: "POST", body: String(ms) })).ok;
  await sleep(ms);
  return true;
}

function plainModeOf({ modes = ["plain"] }: Exchange): Mode {
  return modes.includes("plain") ? "plain" : (modes[0] ?? "plain");
}

/** The value of AUTH that serves the world an exchange needs. */
export function authOf({ world }: Exchange): "" | "none" {
  return world === "guarded" ? "" : "none";
}

function templatesOf(revision: string): Templates {
  return { ...TEMPLATES["every"], ...TEMPLATES[revision] };
}
