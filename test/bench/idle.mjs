/**
 * What an idle stream costs: resident memory while its object sleeps, beside a bare Worker and object with one
 * hibernating socket. Afterwards one change must reach every stream, through objects that were built anew.
 */

import { ask, memoryOf, show, spread, statelessPost, table } from "./lib.mjs";
import { bytesOf, census, openSession, openStream, sessionGet } from "./session-client.mjs";

/** Resident memory per stream, as a multiple of the bare one's. */
const AIM = 1.1;
/** Streams that count, and those opened and asleep before them: the code is compiled and the heap has grown with these. */
const STREAMS = 1_000;
const BEFORE = 1_500;
/** Longer than the ten seconds after which workerd lets an idle object go. */
const IDLE_MS = 15_000;
/** Within what every stream must have heard of a change. */
const DELIVERY_MS = 20_000;

const LISTEN = statelessPost("subscriptions/listen", { notifications: { toolsListChanged: true } });
const CHANGE = statelessPost("tools/call", { name: "change", arguments: {} });

/** How a stream of each kind opens, and how many objects are behind so many of them at least. */
const KINDS = {
  "listening stream, a session each": {
    open: async (port, _id, heard) => openStream(port, sessionGet(await openSession(port)), heard),
    objects: (streams) => streams,
  },
  "subscriptions/listen, 4 hub shards": {
    open: (port, id, heard) => openStream(port, bytesOf(LISTEN, 1_000_000 + id), heard),
    objects: () => 4,
  },
};

/** Gives the aims: [{ what, aim, found, met }]. */
export async function idle(subjects, { quick }) {
  const rows = [];
  const aims = [];
  for (const [name, kind] of Object.entries(KINDS)) {
    const [ours, bare, other] = [[], [], []];
    for (let run = 0; run < (quick ? 1 : 5); run += 1) {
      const sides = [subjects.ours, subjects.bare, subjects.bare];
      const found = await Promise.all(sides.map((side) => measure(side, kind)));
      [ours, bare, other].forEach((all, at) => all.push(found[at]));
    }
    const kib = (all) => show(spread(all.map(({ bytes }) => bytes / 1_024)), 0);
    const ratio = (one) => spread(one.map(({ bytes }, run) => bytes / bare[run].bytes));
    const woken = (all) => String(Math.min(...all.map((one) => one.woken)));
    rows.push(
      [name, kib(ours), show(ratio(ours)), woken(ours)],
      ["  bare", kib(bare), "", woken(bare)],
    );
    rows.push(["  control: bare again", kib(other), show(ratio(other)), woken(other)]);
    const { median } = ratio(ours);
    aims.push({
      what: `memory: ${name}`,
      aim: `<= ${AIM} of bare`,
      found: median.toFixed(3),
      met: median <= AIM,
    });
  }
  const columns = ["", "KiB a stream", "ratio", "objects rebuilt"];
  table(
    `${STREAMS} idle streams after ${IDLE_MS / 1_000} s, on top of ${BEFORE}; then all are told`,
    columns,
    rows,
  );
  return aims;
}

/** Gives resident bytes per idle stream, and how many objects were built anew to tell all streams of one change. */
async function measure(side, { open, objects }) {
  const server = await side(["--expose-gc"]);
  try {
    const { pid, port } = server;
    let told = 0;
    const heard = ({ data }) => {
      told += data.includes("list_changed") ? 1 : 0;
    };
    const grow = async (from, to) => {
      for (let id = from; id < to; id += 1) await open(port, id, heard);
      await sleep(IDLE_MS);
      const births = await census(port);
      return { memory: memoryOf(pid), births };
    };
    const before = await grow(0, BEFORE);
    const after = await grow(BEFORE, BEFORE + STREAMS);
    await ask(port, CHANGE);
    for (let waited = 0; told < BEFORE + STREAMS; waited += 50) {
      if (waited > DELIVERY_MS)
        throw new Error(`Only ${told} of ${BEFORE + STREAMS} streams were told`);
      await sleep(50);
    }
    const woken = (await census(port)) - after.births;
    if (woken < objects(BEFORE + STREAMS))
      throw new Error(`Only ${woken} objects were rebuilt: the others were awake`);
    return { bytes: (after.memory - before.memory) / STREAMS, woken };
  } finally {
    await server.stop();
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
