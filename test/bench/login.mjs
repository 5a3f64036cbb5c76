/**
 * What it costs to ask who comes: an authenticated stateless call beside an open one, and a whole login beside a bare Worker
 * that gives the same answers and keeps the same rows. The token is one that the server issued at the end of such a login.
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
  spread,
  start,
  statelessPost,
  table,
} from "./lib.mjs";

/** Throughput and CPU time of an authenticated call, as a share of the open one's. */
const AIM = 0.85;
/** CPU time of a login, discovery and registration included, as a multiple of the bare one's. */
const LOGIN_AIM = 1.5;
const LOGINS_A_ROUND = 10;
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
    const whole = await compareLogins(guarded, endpoint, pace);
    const calls = Object.entries({ throughput: rate.median, "CPU time": cpu.median }).map(
      ([what, value]) => ({
        what: `authenticated call: ${what}`,
        aim: `>= ${AIM} of open`,
        found: value.toFixed(3),
        met: value >= AIM,
      }),
    );
    return [...calls, whole];
  } finally {
    await Promise.all([open.stop(), guarded.stop()]);
  }
}

/** Logins of both sides in turn. Gives the aim. */
async function compareLogins(guarded, endpoint, { rounds }) {
  const steps = await recordLogin(endpoint);
  const answers = steps.map(({ answer }) => answer);
  const bare = await start(await bundle("test/bench/bare-login.js", { ANSWERS: answers }), {
    GRANT: "Grant",
    ACCOUNT: "Account",
  });
  const sides = [
    { pid: guarded.pid, run: () => login(endpoint, WHO), spent: [] },
    { pid: bare.pid, run: () => replay(bare.port, steps), spent: [] },
  ];
  try {
    for (let round = -1; round < rounds / 4; round += 1) {
      for (const { pid, run, spent } of round % 2 === 0 ? sides : sides.toReversed()) {
        const before = cpuOf(pid);
        for (let count = 0; count < LOGINS_A_ROUND; count += 1) await run();
        // The first round compiles the code.
        if (round >= 0) spent.push((cpuOf(pid) - before) / LOGINS_A_ROUND / 1_000);
      }
    }
  } finally {
    await bare.stop();
  }
  const [ours, other] = sides.map(({ spent }) => spent);
  const ratio = spread(ours.map((ms, round) => ms / other[round]));
  table(
    "Logins, from discovery to the first token (median and quartiles)",
    ["", "requests", "CPU, ms", "of bare"],
    [
      ["one login", String(steps.length), show(spread(ours)), show(ratio)],
      ["  bare", String(steps.length), show(spread(other)), ""],
    ],
  );
  return {
    what: "login: CPU time",
    aim: `<= ${LOGIN_AIM} of bare`,
    found: ratio.median.toFixed(3),
    met: ratio.median <= LOGIN_AIM,
  };
}

/** What a client and a browser send in one login, and what they are answered. */
async function recordLogin(endpoint) {
  const steps = [];
  const real = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { method, url } = request;
    const body = method === "POST" ? await request.clone().text() : undefined;
    const response = await real(request);
    const { status, headers } = response;
    const answer = {
      status,
      headers: Object.fromEntries(headers),
      body: await response.clone().text(),
    };
    delete answer.headers["content-length"];
    steps.push({ method, path: new URL(url).pathname, body, answer });
    return response;
  };
  try {
    await login(endpoint, WHO);
  } finally {
    globalThis.fetch = real;
  }
  return steps;
}

/** Sends the bare Worker what was recorded. */
async function replay(port, steps) {
  for (const [step, { method, path, body, answer }] of steps.entries()) {
    const acts = { "/authorize/consent": "open", "/token": "redeem" };
    const act = method === "POST" ? (acts[path] ?? "") : "";
    const init = { method, body, redirect: "manual" };
    const response = await fetch(`http://127.0.0.1:${port}/${step}/${act}`, init);
    await response.text();
    if (response.status !== answer.status) throw new Error(`${path}: ${response.status}`);
  }
}
