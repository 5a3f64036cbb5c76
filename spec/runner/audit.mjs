/**
 * The second runner of spec/: plain JavaScript over fetch, against any URL. It shares no line with the one in test/spec,
 * so that spec/README.md is all that the two have in common. It cannot evict. Only the server at URL is ever sent anything.
 *   node spec/runner/audit.mjs URL [--revision R] [--mode plain|sse|bytes] [--only word] [--seconds n] [--json file]
 *     [--junit file] [--choices world], with TOKEN and TOKEN2 in the environment
 */

import { countUnseen, exchangesOf, judgeRequirements } from "./ledger.mjs";
import { requirementLines, summaryLines } from "./report.mjs";
import { writeReports } from "./report-files.mjs";
import { meet, silenceOf } from "./server.mjs";
import { readSettings } from "./settings.mjs";
import { plain } from "./match.mjs";
import { revisions } from "./spec-files.mjs";
import { walk } from "./walk.mjs";

/** Resolves to the exit code: 0 when nothing failed, nothing stopped a conversation, and there was time to test something. */
async function audit(settings) {
  const { url, only } = settings;
  const silence = await silenceOf(url);
  if (silence !== undefined) throw new Error(`Nobody answers at ${url.href} (${silence}).`);
  const deadline = performance.now() + settings.seconds * 1000;
  const server = await meet({ ...settings, deadline });
  const { revision } = server;
  sayWhatIsAudited(server, settings);
  const chosen = exchangesOf(revision, only).filter((one) => concerns(one, server));
  if (chosen.length === 0) throw new Error(`Nothing to try: no exchange's id holds "${only}"`);
  const walks = await walkAll(chosen, server, settings);
  const requirements = judgeRequirements(walks, chosen, revision);
  const report = { url: url.href, revision, requirements, walks, unseen: countUnseen(revision) };
  for (const line of [...requirementLines(requirements), ...summaryLines(report)])
    console.log(line);
  writeReports(settings, report);
  const isAnyTested = requirements.some(({ verdict }) => verdict !== "untested");
  const hadNoTime = !isAnyTested && performance.now() >= deadline;
  const isAnyWrong = walks.some(({ verdict }) => verdict === "fail" || verdict === "setup");
  const { wasLimited = false } = server;
  if (wasLimited)
    console.log(
      "It limits requests (429): what it refused is untested. Raise its limit, or give more SECONDS.",
    );
  return isAnyWrong || hadNoTime || wasLimited ? 1 : 0;
}

/** @throws what to do, where the server does not speak the revision that was asked for. */
function sayWhatIsAudited({ url, revision, speaks, isGuarded, signsIn }, { tokens, ...settings }) {
  if (speaks.length > 0 && !speaks.includes(revision)) {
    const known = speaks.findLast((one) => revisions.includes(one));
    const advice = known ? `REVISION=${known}` : `there are no fixtures for ${speaks.join(", ")}`;
    throw new Error(
      `${url.href} does not speak ${revision}. It speaks ${speaks.join(", ")}: ${advice}`,
    );
  }
  const reason = settings.revision ? "as was asked" : "the newest that it speaks";
  const why = speaks.length > 0 ? reason : "though it names no revision that it speaks";
  console.log(`${url.href} in ${revision}, ${why}.`);
  if (tokens.length > 0) console.log(`Callers: ${tokens.length}, with the tokens given.`);
  if (isGuarded && tokens.length > 0 && speaks.length === 0)
    console.log("It does not accept the token, or does not answer with it.");
  if (isGuarded && tokens.length === 0 && !signsIn)
    console.log(
      "It asks for a token, and nobody can sign in as spec/world.json says: give one, TOKEN=…",
    );
  console.log("");
}

/** Whether an exchange is about a server like this: one that asks for tokens, or one that serves whoever comes. */
const concerns = ({ world }, { isGuarded, tokens }) =>
  world === "guarded" ? isGuarded : !isGuarded || tokens.length > 0;

async function walkAll(chosen, server, { modes }) {
  const tries = chosen.flatMap((exchange) =>
    modes
      .filter((mode) => exchange.modes?.includes(mode) !== false)
      .map((mode) => ({ exchange, mode })),
  );
  const walks = [];
  const sayProgress = progress(tries.length);
  for (const { exchange, mode } of tries) {
    sayProgress(walks, `${exchange.id} (${mode})`);
    const { verdict, why, findings } = await walk(exchange, { server, mode });
    walks.push({ exchange, mode, verdict, why, findings });
  }
  return walks;
}

const PROGRESS_MS = 1_000;

/** Says on a terminal how far the audit is: a line a second at most. */
function progress(total) {
  let saidAt = performance.now();
  return (walks, now) => {
    if (!process.stderr.isTTY || performance.now() - saidAt < PROGRESS_MS) return;
    saidAt = performance.now();
    const failed = walks.filter(({ verdict }) => verdict === "fail").length;
    console.error(`${walks.length} of ${total} conversations, ${failed} failed; now ${now}`);
  };
}

try {
  process.exitCode = await audit(readSettings(process.argv.slice(2), process.env));
} catch (error) {
  console.error(plain(error.message));
  process.exitCode = 1;
}
