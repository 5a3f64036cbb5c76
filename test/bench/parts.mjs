/**
 * What handlers are lent: sealing and opening a credential, a cache hit, a limiter, a read of the caller's own. Each is a
 * call that uses it beside one of the same server that uses nothing.
 */

import {
  DUEL_COLUMNS,
  OBJECTS,
  bundle,
  cells,
  duel,
  show,
  start,
  statelessPost,
  table,
} from "./lib.mjs";

const PARTS = {
  seal_open: "seal and open a credential",
  cache_hit: "cache hit in the isolate's memory",
  limit: "limiter: an object request, a row",
  mine_get: "the caller's own: an object request",
};
const call = (name) => statelessPost("tools/call", { name, arguments: {} });

/** Gives no aims: what a part costs is for its user to judge. */
export async function parts(pace) {
  const code = await bundle("test/bench/parts-worker.ts");
  const server = await start(code, OBJECTS);
  try {
    const rows = [];
    for (const [name, what] of Object.entries(PARTS)) {
      const { ours, bare, rate, cpu } = await duel(
        server,
        server,
        call(name),
        pace,
        call("nothing"),
      );
      const more = `+${(ours.cpu - bare.cpu).toFixed(1)}`;
      rows.push([what, ...cells(ours), show(rate), show(cpu), more]);
    }
    const columns = [...DUEL_COLUMNS, "CPU µs more"];
    table(
      "A call that uses one part, beside one that uses none (ratios: median over rounds, and quartiles)",
      columns,
      rows,
    );
  } finally {
    await server.stop();
  }
  return [];
}
