/**
 * `node test/bench/versus.mjs FOLDER [WORD …]`: this tree beside another checkout of it, so that what a change costs is
 * seen in one run: throughput and CPU time of here as a share of there's. 1 is no change; the control says what the machine
 * adds. Words pick cases by name.
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  bundle,
  cells,
  duel,
  DUEL_COLUMNS,
  OBJECTS,
  show,
  start,
  statelessPost,
  table,
} from "./lib.mjs";
import { INITIALIZE, openSession, sessionCall } from "./session-client.mjs";

const [folder, ...words] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Which other checkout? node test/bench/versus.mjs FOLDER");
  process.exit(1);
}
const there = await import(pathToFileURL(resolve(folder, "test/bench/lib.mjs")).href);

const SUM = { name: "add_numbers", arguments: { a: 2, b: 40 } };
const CALL = statelessPost("tools/call", SUM);
const SESSIONS = 16;
const PACE = { rounds: 96, seconds: 0.2 };
/** Few enough in all rounds for the sessions that strangers may have open. */
const STARTS = { rounds: 96, requests: 64 };

const callsIn = ({ port }) =>
  Promise.all(
    Array.from({ length: SESSIONS }, async () =>
      sessionCall(await openSession(port), SUM.name, SUM.arguments),
    ),
  );

const STATELESS = "test/bench/worker.ts";
const SESSION = "test/bench/session-worker.ts";
const CASES = [
  { name: "tools/call, 1 tool", entry: STATELESS, tools: 1, request: () => CALL, pace: PACE },
  { name: "tools/call, 100 tools", entry: STATELESS, tools: 100, request: () => CALL, pace: PACE },
  {
    name: "tools/list, 100 tools",
    entry: STATELESS,
    tools: 100,
    request: () => statelessPost("tools/list"),
    pace: PACE,
  },
  { name: "session tools/call", entry: SESSION, request: callsIn, pace: PACE },
  { name: "session start", entry: SESSION, request: () => INITIALIZE, pace: STARTS },
];

const rows = [];
const picked = CASES.filter(({ name }) => words.every((word) => name.includes(word)));
for (const { name, entry, tools, request, pace } of picked) {
  const define = tools === undefined ? {} : { TOOLS: tools };
  const here = await bundle(entry, define);
  await compare(`control, ${name}`, [here, here], request, pace);
  await compare(name, [here, await there.bundle(entry, define)], request, pace);
}
table(
  `Here beside ${folder} (ratios: median over rounds, and quartiles; above 1 is better here)`,
  DUEL_COLUMNS,
  rows,
);

async function compare(name, codes, request, pace) {
  const [one, other] = await Promise.all(codes.map((code) => start(code, OBJECTS)));
  try {
    const requests = await Promise.all([one, other].map(request));
    const found = await duel(one, other, requests[0], pace, requests[1]);
    rows.push(
      [`${name}: here`, ...cells(found.ours), show(found.rate), show(found.cpu)],
      ["  there", ...cells(found.bare), "", ""],
    );
  } finally {
    await Promise.all([one.stop(), other.stop()]);
  }
}
