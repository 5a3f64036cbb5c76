/**
 * What handlers are lent: sealing and opening a credential, a cache hit, a limiter, a read of the caller's own. Each is a
 * call that uses it beside one of the same server that uses nothing. And the same call traced and not: a real receiver on
 * loopback takes the spans.
 */

import { createServer } from "node:http";
import { DUEL_COLUMNS, OBJECTS, bundle, cells, duel, show, start, statelessPost, table } from "./lib.mjs";

/** Throughput and CPU time of a traced call, as a share of the untraced one's. */
const AIM = 0.95;
const PARTS = {
  seal_open: "seal and open a credential",
  cache_hit: "cache hit in the isolate's memory",
  limit: "limiter: an object request, a row",
  mine_get: "the caller's own: an object request",
};
const call = (name) => statelessPost("tools/call", { name, arguments: {} });

/** Gives the aims: [{ what, aim, found, met }]. */
export async function parts(pace) {
  const code = await bundle("test/bench/parts-worker.ts");
  const server = await start(code, OBJECTS);
  try {
    const rows = [];
    for (const [name, what] of Object.entries(PARTS)) {
      const { ours, bare, rate, cpu } = await duel(server, server, call(name), pace, call("nothing"));
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
  return traced(code, pace);
}

async function traced(code, pace) {
  let spans = 0;
  const receiver = createServer((request, response) => {
    request.on("data", (chunk) => (spans += String(chunk).split('"spanId"').length - 1));
    request.on("end", () => response.end("{}"));
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${receiver.address().port}`;
  const rows = [];
  const aims = [];
  try {
    for (const share of ["0.1", "1"]) {
      const variables = { AUTH: "none", OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share };
      const [on, off] = await Promise.all([start(code, OBJECTS, [], variables), start(code, OBJECTS)]);
      try {
        const { ours, bare, rate, cpu } = await duel(on, off, call("nothing"), pace);
        rows.push(
          [`traced, a share of ${share}`, ...cells(ours), show(rate), show(cpu)],
          ["  untraced", ...cells(bare), "", ""],
        );
        for (const [what, { median }] of Object.entries({ throughput: rate, "CPU time": cpu })) {
          const met = median >= AIM;
          aims.push({
            what: `traced call, share ${share}: ${what}`,
            aim: `>= ${AIM} of untraced`,
            found: median.toFixed(3),
            met,
          });
        }
      } finally {
        await Promise.all([on.stop(), off.stop()]);
      }
    }
  } finally {
    receiver.closeAllConnections();
    receiver.close();
  }
  table(`Traced beside untraced (${spans.toLocaleString("en")} spans received)`, DUEL_COLUMNS, rows);
  if (spans === 0) throw new Error("Nothing was traced: the comparison means nothing");
  return aims;
}
