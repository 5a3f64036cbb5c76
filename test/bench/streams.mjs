/** How soon a session's streams speak: the first progress notice, the first byte of a GET, and a thousand events again. */

import { quantile, spread, table } from "./lib.mjs";
import {
  bytesOf,
  deferred,
  openSession,
  openStream,
  sessionCall,
  sessionGet,
} from "./session-client.mjs";

const EVENTS = 1_000;
/** Within what the notice valve lets pass: this many at once, and not quite 50 a second after them. */
const AT_ONCE = 190;
const A_SECOND = 47;

/** Gives no aims: these are figures to watch. */
export async function streams({ ours }, { quick }) {
  const server = await ours();
  try {
    const { port } = server;
    const filling = fill(port);
    const samples = quick ? 300 : 1_000;
    await firstNotice(port, 100);
    await attach(port, 100);
    await filling;
    const resumed = await resume(port, await filling, quick ? 20 : 60);
    const rows = [
      ["first progress notice of a tools/call", ...summary(await firstNotice(port, samples))],
      ["first byte of a listening stream", ...summary(await attach(port, samples))],
      [`resume, ${EVENTS} events and the answer`, ...summary(resumed)],
      ["  the same in events/s", (EVENTS / (spread(resumed).median / 1_000)).toFixed(0), "", ""],
    ];
    table(
      "Streams, one at a time, ms after the request was sent",
      ["", "median", "p99", "samples"],
      rows,
    );
    return [];
  } finally {
    await server.stop();
  }
}

function summary(values) {
  const sorted = Float64Array.from(values).sort();
  return [
    quantile(sorted, 0.5).toFixed(2),
    quantile(sorted, 0.99).toFixed(2),
    String(values.length),
  ];
}

async function firstNotice(port, samples) {
  const session = await openSession(port);
  const call = sessionCall(
    session,
    "count",
    { to: 1, atOnce: 1, aSecond: 1 },
    { progressToken: "bench" },
  );
  const found = [];
  for (let id = 0; id < samples; id += 1) {
    const noticed = deferred();
    const stream = await openStream(port, bytesOf(call, 1_000_000 + id), ({ data, at }) => {
      if (data.includes("notifications/progress")) noticed.resolve(at);
    });
    found.push(await noticed.promise);
    await stream.ended;
  }
  return found;
}

async function attach(port, samples) {
  const session = await openSession(port);
  const found = [];
  for (let sample = 0; sample < samples; sample += 1) {
    const stream = await openStream(port, sessionGet(session));
    found.push(stream.firstMs);
    stream.close();
    await stream.ended;
  }
  return found;
}

/** Writes a stream of {@link EVENTS} notices and an answer. It takes a while: the notice valve sees to that. */
async function fill(port) {
  const session = await openSession(port);
  const call = sessionCall(
    session,
    "count",
    { to: EVENTS, atOnce: AT_ONCE, aSecond: A_SECOND },
    { progressToken: "bench" },
  );
  const ids = [];
  const stream = await openStream(port, bytesOf(call, 1_000_000), ({ id }) => ids.push(id));
  await stream.ended;
  return { session, first: ids[0], last: ids.at(-1) };
}

/** From the cursor before the first notice to the end of the stream, over and over. */
async function resume(port, { session, first, last }, samples) {
  const found = [];
  for (let sample = 0; sample < samples; sample += 1) {
    const seen = [];
    const stream = await openStream(port, sessionGet(session, first), (event) => {
      if (event.data !== "") seen.push(event);
    });
    await stream.ended;
    if (seen.length !== EVENTS + 1 || seen.at(-1).id !== last)
      throw new Error(
        `Resumed ${seen.length} events up to ${seen.at(-1)?.id}, not ${EVENTS + 1} up to ${last}`,
      );
    found.push(seen.at(-1).at);
  }
  return found;
}
