/**
 * What a trace costs: a stateless call that is recorded beside one that is not. A real receiver on loopback takes the
 * spans and counts them: a span that was dropped would make the figures flatter than they are, so that none may be.
 */

import { createServer } from "node:http";
import {
  DUEL_COLUMNS,
  OBJECTS,
  bundle,
  cells,
  duel,
  load,
  show,
  start,
  statelessPost,
  table,
} from "./lib.mjs";

/**
 * Throughput and CPU time of a traced call, as a share of the untraced one's, by the share of calls that are recorded.
 * To record all is to write 1,500 bytes of JSON for a call that does nothing else: that is not free, and not to grow.
 */
const AIMS = { 0.1: 0.95, 1: 0.75 };
/** Spans of a call: the request, the method in it, the tool in that. */
const SPANS = 3;
const CALLS = 3_000;
const SETTLED_MS = 2_000;
const call = statelessPost("tools/call", { name: "nothing", arguments: {} });

/** Gives the aims: [{ what, aim, found, met }]. */
export async function traced(pace) {
  const code = await bundle("test/bench/parts-worker.ts");
  const receiver = await receive();
  const rows = [];
  const aims = [];
  try {
    for (const [share, least] of Object.entries(AIMS)) {
      const variables = {
        AUTH: "none",
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_TRACES_SAMPLER_ARG: share,
      };
      const [on, off] = await Promise.all([
        start(code, OBJECTS, [], variables),
        start(code, OBJECTS),
      ]);
      try {
        const { ours, bare, rate, cpu } = await duel(on, off, call, pace);
        const what = `a share of ${share}`;
        rows.push(
          [what, ...cells(ours), show(rate), show(cpu)],
          ["  untraced", ...cells(bare), "", ""],
        );
        for (const [of, { median }] of Object.entries({ throughput: rate, "CPU time": cpu }))
          aims.push({
            what: `traced call, ${what}: ${of}`,
            aim: `>= ${least} of untraced`,
            found: median.toFixed(3),
            met: median >= least,
          });
        if (share === "1") aims.push(await wholeness(on, receiver));
      } finally {
        await Promise.all([on.stop(), off.stop()]);
      }
    }
  } finally {
    receiver.stop();
  }
  table("Traced beside untraced (ratios: median over rounds, and quartiles)", DUEL_COLUMNS, rows);
  return aims;
}

/** At full load every span arrives. */
async function wholeness(server, receiver) {
  await settled();
  receiver.spans = 0;
  await load(server, call, { requests: CALLS });
  await settled();
  const found = receiver.spans / (CALLS * SPANS);
  return {
    what: "spans of a full load that arrive",
    aim: "all",
    found: found.toFixed(3),
    met: found === 1,
  };
}

function settled() {
  return new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
}

/** A collector that counts. */
async function receive() {
  const receiver = { spans: 0 };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      receiver.spans += Buffer.concat(chunks).toString("latin1").split('"spanId"').length - 1;
      response.end("{}");
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiver.url = `http://127.0.0.1:${server.address().port}`;
  receiver.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return receiver;
}
