/**
 * What it costs to ask who comes: an authenticated stateless call beside an open one, and the CPU of whole logins.
 * The token is one that the server issued at the end of such a login.
 */

import { login } from "../../src/cli/login.ts";
import {
  DUEL_COLUMNS,
  OBJECTS,
  bundle,
  cells,
  cpuOf,
  duel,
  show,
  start,
  statelessPost,
  table,
} from "./lib.mjs";

/** Throughput and CPU time of an authenticated call, as a share of the open one's. */
const AIM = 0.85;
const LOGINS = 100;
const WHO = { name: "Ada", word: "open" };

/** Gives the aims: [{ what, aim, found, met }]. */
export async function logins(pace) {
  const code = await bundle("test/bench/worker.ts", { TOOLS: 1 });
  const [open, guarded] = await Promise.all([
    start(code, OBJECTS),
    start(code, OBJECTS, [], { AUTH: "" }),
  ]);
  try {
    const endpoint = `http://127.0.0.1:${guarded.port}/mcp`;
    const { access_token: token } = await login(endpoint, WHO);
    const request = statelessPost(
      "tools/call",
      { name: "add_numbers", arguments: { a: 2, b: 40 } },
      { Authorization: `Bearer ${token}`, Host: `127.0.0.1:${guarded.port}` },
    );
    const { ours, bare, rate, cpu } = await duel(guarded, open, request, pace);
    const rows = [
      ["authenticated call", ...cells(ours), show(rate), show(cpu)],
      ["  open call", ...cells(bare), "", ""],
    ];
    table(
      "Authenticated beside open (ratios: median over rounds, and quartiles)",
      DUEL_COLUMNS,
      rows,
    );
    const before = cpuOf(guarded.pid);
    for (let count = 0; count < LOGINS; count++) await login(endpoint, WHO);
    const each = (cpuOf(guarded.pid) - before) / LOGINS / 1_000;
    table(
      "Logins, from discovery to the first token",
      ["", "CPU, ms"],
      [["one login", each.toFixed(2)]],
    );
    return Object.entries({ throughput: rate.median, "CPU time": cpu.median }).map(
      ([what, value]) => ({
        what: `authenticated call: ${what}`,
        aim: `>= ${AIM} of open`,
        found: value.toFixed(3),
        met: value >= AIM,
      }),
    );
  } finally {
    await Promise.all([open.stop(), guarded.stop()]);
  }
}
