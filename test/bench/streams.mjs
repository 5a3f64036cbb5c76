/** How soon a session's streams speak: the first progress notice, the first byte of a GET, and a thousand events again. */

import { quantile, show, spread, table } from "./lib.mjs";
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

/** The first notice, p50, as a multiple of a bare stream's. */
const NOTICE_AIM = 1.15;
/** Notices of one side in a round: few, so that whatever else the machine does meets both sides alike. */
const A_ROUND = 25;

/** Gives the aims: [{ what, aim, found, met }]. */
export async function streams({ ours, bare }, { quick }) {
  const [server, bareServer] = await Promise.all([ours(), bare()]);
  try {
    const { port } = server;
    const filling = fill(port);
    const samples = quick ? 300 : 1_000;
    const notices = await noticeRounds(port, bareServer.port, samples / A_ROUND);
    await attach(port, 100);
    await filling;
    const resumed = await resume(port, await filling, quick ? 20 : 60);
    const rows = [
      ["first progress notice of a tools/call", ...summary(notices.ours)],
      ["  of a bare stream", ...summary(notices.bare)],
      [`  ratio of ${notices.ratios.length} rounds: ${show(spread(notices.ratios))}`, "", "", ""],
      [`  control, bare twice: ${show(spread(notices.controls))}`, "", "", ""],
      ["first byte of a listening stream", ...summary(await attach(port, samples))],
      [`resume, ${EVENTS} events and the answer`, ...summary(resumed)],
      ["  the same in events/s", (EVENTS / (spread(resumed).median / 1_000)).toFixed(0), "", ""],
    ];
    table(
      "Streams, one at a time, ms after the request was sent",
      ["", "median", "p99", "samples"],
      rows,
    );
    const ratio = spread(notices.ratios).median;
    return [
      {
        what: "first progress notice, p50",
        aim: `<= ${NOTICE_AIM} of a bare stream`,
        found: ratio.toFixed(3),
        met: ratio <= NOTICE_AIM,
      },
    ];
  } finally {
    await Promise.all([server.stop(), bareServer.stop()]);
  }
}

/** Both sides in turn, and the bare one twice, as a control. */
async function noticeRounds(port, barePort, rounds) {
  const sides = { ours: [], bare: [], again: [] };
  const [one, other, another] = await Promise.all([port, barePort, barePort].map(openSession));
  const run = {
    ours: () => firstNotice(port, one, A_ROUND),
    bare: () => firstNotice(barePort, other, A_ROUND),
    again: () => firstNotice(barePort, another, A_ROUND),
  };
  const names = Object.keys(run);
  for (const name of names) for (let warm = 0; warm < 4; warm += 1) await run[name]();
  for (let round = 0; round < rounds; round += 1)
    for (const name of round % 2 === 0 ? names : names.toReversed())
      sides[name].push(await run[name]());
  const ratiosOf = (side) =>
    side.map((values, round) => spread(values).median / spread(sides.bare[round]).median);
  return {
    ours: sides.ours.flat(),
    bare: sides.bare.flat(),
    ratios: ratiosOf(sides.ours),
    controls: ratiosOf(sides.again),
  };
}

function summary(values) {
  const sorted = Float64Array.from(values).sort();
  return [
    quantile(sorted, 0.5).toFixed(2),
    quantile(sorted, 0.99).toFixed(2),
    String(values.length),
  ];
}

async function firstNotice(port, session, samples) {
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
