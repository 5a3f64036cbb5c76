/**
 * Sessions beside a bare Worker that hops to a bare Durable Object: a call answered as JSON, and a start. Then what only
 * streams have: streams.mjs and idle.mjs.
 */

import { DUEL_COLUMNS, OBJECTS, ask, bundle, cells, duel, show, start, table } from "./lib.mjs";
import { idle } from "./idle.mjs";
import { INITIALIZE, openSession, sessionCall } from "./session-client.mjs";
import { streams } from "./streams.mjs";

/** A call's throughput and CPU time, as a share of the bare hop's. */
const CALL_AIM = 0.8;
/** CPU time of a session start, as a multiple of a bare object's that writes one row. */
const START_AIM = 1.3;

/** Starts in a round: few enough that all rounds stay below the sessions that strangers may have open. */
const STARTS = 64;
const SESSIONS = 16;

/** Gives the aims: [{ what, aim, found, met }]. */
export async function sessions(pace) {
  const subjects = await bundles();
  return [
    ...(await duels(subjects, pace)),
    ...(await streams(subjects, pace)),
    ...(await idle(subjects, pace)),
  ];
}

/** barewire, and the bare Worker that answers what it answered: as functions that run one more of them. */
async function bundles() {
  const code = await bundle("test/bench/session-worker.ts");
  const ours = (v8Flags) => start(code, OBJECTS, v8Flags);
  const server = await ours();
  try {
    const opened = await ask(server.port, INITIALIZE);
    const called = await ask(server.port, addition(opened.headers["mcp-session-id"]));
    const { "Content-Length": _length, ...headers } = called.headers;
    const recorded = { OPENED: cut(opened), CALLED: cut(called), HEADERS: headers };
    const bare = await bundle("test/bench/bare-session.js", recorded);
    return { ours, bare: (v8Flags) => start(bare, { BARE: "Bare" }, v8Flags) };
  } finally {
    await server.stop();
  }
}

function addition(session) {
  return sessionCall(session, "add_numbers", { a: 2, b: 40 });
}

/** A recorded answer around its id. */
function cut({ status, body }) {
  const { id, result } = JSON.parse(body);
  if (status !== 200 || result === undefined || result.isError === true)
    throw new Error(`Nothing to measure: barewire answered ${status} ${body}`);
  const [before, after] = body.split(`"id":${id}`);
  return [`${before}"id":`, after];
}

async function duels(subjects, { rounds, seconds }) {
  const rows = [];
  const run = async (name, pace, sides, requestsOf) => {
    const [one, other] = await Promise.all(sides.map((side) => subjects[side]()));
    try {
      const [request, bareRequest] = await Promise.all([one, other].map(requestsOf));
      await mustAgree(one, other, request, bareRequest);
      const { ours, bare, rate, cpu } = await duel(one, other, request, pace, bareRequest);
      rows.push(
        [`${name}: ${sides[0]}`, ...cells(ours), show(rate), show(cpu)],
        [`  ${sides[1]}`, ...cells(bare), "", ""],
      );
      return { rate: rate.median, cpu: cpu.median };
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  };
  const calls = ({ port }) =>
    Promise.all(Array.from({ length: SESSIONS }, async () => addition(await openSession(port))));
  await run("control, a call", { rounds, seconds }, ["bare", "bare"], calls);
  const call = await run("session tools/call", { rounds, seconds }, ["ours", "bare"], calls);
  await run("control, a start", { rounds, requests: STARTS }, ["bare", "bare"], () => INITIALIZE);
  const begun = await run(
    "session start",
    { rounds, requests: STARTS },
    ["ours", "bare"],
    () => INITIALIZE,
  );
  table(
    "Sessions over 16 connections (ratios: median over rounds, and quartiles)",
    DUEL_COLUMNS,
    rows,
  );
  const least = (what, value) => ({
    what,
    aim: `>= ${CALL_AIM} of bare`,
    found: value.toFixed(3),
    met: value >= CALL_AIM,
  });
  return [
    least("session tools/call: throughput", call.rate),
    least("session tools/call: CPU time", call.cpu),
    {
      what: "session start: CPU time",
      aim: `<= ${START_AIM} of bare`,
      found: (1 / begun.cpu).toFixed(3),
      met: 1 / begun.cpu <= START_AIM,
    },
  ];
}

/** Both must say the same, or the comparison means nothing. A session's id is its own. */
async function mustAgree(ours, bare, request, bareRequest) {
  const [one, other] = await Promise.all([
    ask(ours.port, [request].flat()[0], 7_654_321),
    ask(bare.port, [bareRequest].flat()[0], 7_654_321),
  ]);
  const text = ({ status, headers, body }) =>
    JSON.stringify({
      status,
      ...headers,
      ...("mcp-session-id" in headers ? { "mcp-session-id": "" } : {}),
      body,
    });
  if (text(one) !== text(other)) throw new Error(`The two differ:\n${text(one)}\n${text(other)}`);
}
