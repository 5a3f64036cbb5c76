/**
 * CPU time from starting workerd to the first answer, over that of an empty Worker with the same object classes. Pairs of
 * runs, so that what else the machine does meets both alike. What the classes cost by themselves, and the bytes of a
 * bundle, is shown beside it.
 */

import { OBJECTS, ask, bundle, cpuOf, show, spread, start, statelessPost, table } from "./lib.mjs";

/** Milliseconds of CPU time over an empty Worker with the same classes, for the Worker as it is deployed. */
const AIM_MS = 10;

const EMPTY =
  "export default { fetch: async (request) => Response.json({ id: (await request.json()).id }) };";
const EMPTY_CLASSES = Object.values(OBJECTS).map(
  (name) => `export class ${name} extends DurableObject {}`,
);
const EMPTY_WITH_OBJECTS = `import { DurableObject } from "cloudflare:workers"; ${EMPTY_CLASSES.join("; ")}; ${EMPTY}`;
const REQUEST = statelessPost("tools/list");

/** Gives the aims: [{ what, aim, found, met }]. */
export async function startup({ quick }) {
  const subjects = [
    { name: "an empty Worker", code: EMPTY, objects: {}, runs: [] },
    { name: "the same classes, empty", code: EMPTY_WITH_OBJECTS, objects: OBJECTS, runs: [] },
    {
      name: "barewire as deployed",
      code: await bundle("src/index.ts"),
      objects: OBJECTS,
      runs: [],
    },
    {
      name: "barewire with 100 tools",
      code: await bundle("test/bench/worker.ts", { TOOLS: 100 }),
      objects: OBJECTS,
      runs: [],
    },
  ];
  for (const { code, objects } of subjects) await coldStart(code, objects); // the binary and the files are cached after this
  for (let run = 0; run < (quick ? 4 : 10); run += 1) {
    for (const { code, objects, runs } of subjects) runs.push(await coldStart(code, objects));
  }
  const [, empty] = subjects;
  const over = ({ runs }) => spread(runs.map((ms, run) => ms - empty.runs[run]));
  const rows = subjects.map((one) => [
    one.name,
    show(spread(one.runs), 1),
    one === empty ? "" : show(over(one), 1),
    (one.code.length / 1_024).toFixed(0),
  ]);
  table(
    "Start-up to the first answer, CPU ms (median and quartiles)",
    ["", "CPU ms", "over empty classes", "bundle KiB"],
    rows,
  );
  const found = over(subjects[2]).median;
  return [
    {
      what: "start-up, as deployed",
      aim: `<= ${AIM_MS} ms over empty classes`,
      found: `${found.toFixed(1)} ms`,
      met: found <= AIM_MS,
    },
  ];
}

async function coldStart(code, objects) {
  const server = await start(code, objects);
  try {
    await ask(server.port, REQUEST);
    return cpuOf(server.pid) / 1_000;
  } finally {
    await server.stop();
  }
}
