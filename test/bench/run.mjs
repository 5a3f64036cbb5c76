/**
 * `make bench`: runs every benchmark in turn and says which aims are met; ends with status 1 when one is not.
 * `--quick` takes a third of the time. Words after it pick benchmarks by name: `node test/bench/run.mjs --quick startup`.
 */

import { table } from "./lib.mjs";
import { logins } from "./login.mjs";
import { parts } from "./parts.mjs";
import { sessions } from "./sessions.mjs";
import { startup } from "./startup.mjs";
import { stateless } from "./stateless.mjs";
import { traced } from "./traced.mjs";

const BENCHMARKS = { stateless, logins, parts, traced, sessions, startup };

const words = process.argv.slice(2);
const quick = words.includes("--quick");
const pace = { quick, rounds: quick ? 32 : 96, seconds: 0.2 };
const picked = Object.keys(BENCHMARKS).filter(
  (name) => words.every((word) => word.startsWith("--")) || words.includes(name),
);

const aims = [];
for (const name of picked) aims.push(...(await BENCHMARKS[name](pace)));

table(
  "Aims",
  ["", "aim", "found", "met"],
  aims.map(({ what, aim, found, met }) => [what, aim, found, met ? "yes" : "NO"]),
);
if (aims.some(({ met }) => !met)) process.exitCode = 1;
