/**
 * A stateless tools/call and a tools/list of 100 tools, each beside a bare Worker that parses the same body and answers
 * the same bytes. The call is made among 1 and among 100 tools: what it costs must not depend on how many there are.
 */

import {
  DUEL_COLUMNS,
  OBJECTS,
  ask,
  bundle,
  cells,
  duel,
  show,
  start,
  statelessPost,
  table,
} from "./lib.mjs";

/** Both the throughput and the CPU time of a request, as a share of the bare Worker's. */
const AIM = 0.9;

const CALL = statelessPost("tools/call", { name: "add_numbers", arguments: { a: 2, b: 40 } });
const CASES = [
  { name: "tools/call, 1 tool", tools: 1, request: CALL },
  { name: "tools/call, 100 tools", tools: 100, request: CALL },
  { name: "tools/list, 100 tools", tools: 100, request: statelessPost("tools/list") },
];

/** Gives the aims: [{ what, aim, found, met }]. */
export async function stateless(pace) {
  const rows = [await control(pace)];
  const aims = [];
  for (const { name, tools, request } of CASES) {
    const ours = await start(await bundle("test/bench/worker.ts", { TOOLS: tools }), OBJECTS);
    const answer = await ask(ours.port, request);
    const bare = await start(await mimic("bare", answer));
    const demanded = await start(await mimic("demanded", answer));
    try {
      await mustAgree(ours, bare, request);
      const { ours: a, bare: b, rate, cpu } = await duel(ours, bare, request, pace);
      const most = await duel(demanded, bare, request, pace);
      rows.push(
        [`${name}: barewire`, ...cells(a), show(rate), show(cpu)],
        ["  only what is demanded", ...cells(most.ours), show(most.rate), show(most.cpu)],
        ["  bare Worker", ...cells(b), "", ""],
      );
      const found = { throughput: rate.median, "CPU time": cpu.median };
      for (const [what, value] of Object.entries(found)) {
        aims.push({
          what: `${name}: ${what}`,
          aim: `>= ${AIM} of bare`,
          found: value.toFixed(3),
          met: value >= AIM,
        });
      }
    } finally {
      await Promise.all([ours.stop(), bare.stop(), demanded.stop()]);
    }
  }
  table(
    "Stateless requests over 16 connections (ratios: median over rounds, and quartiles)",
    DUEL_COLUMNS,
    rows,
  );
  return aims;
}

/** A bare Worker beside itself: how far from 1 this comes is how much of the other ratios is the machine's doing. */
async function control(pace) {
  const code = await bundle("test/bench/bare.js", {
    BEFORE_ID: '{"id":',
    AFTER_ID: "}",
    HEADERS: {},
  });
  const [one, other] = await Promise.all([start(code), start(code)]);
  try {
    const { ours, rate, cpu } = await duel(one, other, CALL, pace);
    return ["control: a bare Worker, twice", ...cells(ours), show(rate), show(cpu)];
  } finally {
    await Promise.all([one.stop(), other.stop()]);
  }
}

/** A Worker that answers what was recorded, with the id of the request: the bare one, or `demanded`. */
function mimic(name, { status, headers, body }) {
  const { id, result } = JSON.parse(body);
  const [before, after] = body.split(`"id":${id}`);
  if (status !== 200 || after === undefined || result === undefined || result.isError === true)
    throw new Error(`Nothing to measure: barewire answered ${status} ${body}`);
  const { "Content-Length": _length, ...shown } = headers;
  return bundle(`test/bench/${name}.js`, {
    BEFORE_ID: `${before}"id":`,
    AFTER_ID: after,
    HEADERS: shown,
  });
}

/** Both must say the same, to another id too, or the comparison means nothing. */
async function mustAgree(ours, bare, request) {
  const [one, other] = await Promise.all(
    [ours, bare].map(({ port }) => ask(port, request, 7_654_321)),
  );
  const text = ({ status, headers, body }) => JSON.stringify({ status, headers, body });
  if (text(one) !== text(other)) throw new Error(`The two differ:\n${text(one)}\n${text(other)}`);
}
