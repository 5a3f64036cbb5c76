/**
 * Why does a client not connect? Replays what claude.ai, ChatGPT, VS Code, mcp-remote and two others do on first contact with
 * the server at URL, and says at which step which of them stops and what to change. It follows what the server names, its
 * authorization server for example, and registers clients there. The token goes to the server at URL alone.
 *   node spec/runner/doctor.mjs URL [--only id,id] [--json file] [--seconds n], with TOKEN in the environment
 */

import { examine } from "./doctor/examine.mjs";
import { tableLines, writeReport } from "./doctor/report.mjs";
import { readSettings } from "./doctor/settings.mjs";
import { plain } from "./match.mjs";

const COULD_NOT_RUN = 2;

/** Resolves to the exit code: 0 when every client gets through, 1 when one does not. @throws when nobody answers. */
async function doctor({ json, ...settings }) {
  const run = await examine({ ...settings, print: (line) => console.log(line) });
  for (const line of tableLines(run)) console.log(line);
  if (json) writeReport(json, run);
  return run.attempts.some(({ stop }) => stop !== undefined) ? 1 : 0;
}

try {
  process.exitCode = await doctor(readSettings(process.argv.slice(2), process.env));
} catch (error) {
  console.error(plain(error.message));
  process.exitCode = COULD_NOT_RUN;
}
