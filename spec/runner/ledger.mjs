/** From walks to requirements: what was found of each entry of the ledger, and what an audit says of it in the end. */

import { addressOf, exchanges, holdsIn, requirements, templatesOf } from "./spec-files.mjs";
import { played } from "./walk.mjs";

export const VERDICTS = ["pass", "fail", "setup", "untested"];
export const LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT"];

/** The exchanges of a revision whose id holds `only`. */
export const exchangesOf = (revision, only = "") =>
  exchanges.filter((one) => holdsIn(revision, one) && one.id.includes(only));

const provenBy = (exchange, templates) =>
  played(exchange.steps, templates)
    .flatMap((step) => step.expect ?? [])
    .flatMap((check) => check.proves ?? []);

/**
 * What `walks` (each with its exchange, mode, verdict, why and findings) show of the requirements that `chosen` exchanges are
 * about: level, id, text, address, verdict, why, failures. A requirement fails by one failure, and passes when something was
 * seen of it and nothing failed.
 */
export function judgeRequirements(walks, chosen, revision) {
  const templates = templatesOf(revision);
  const asked = new Set(chosen.flatMap((exchange) => provenBy(exchange, templates)));
  const found = new Map([...asked].map((id) => [id, []]));
  for (const { exchange, mode, verdict, findings } of walks)
    for (const { proves, ...finding } of findings)
      for (const id of proves)
        found.get(id)?.push({ ...finding, exchange: exchange.id, mode, walked: verdict });
  return requirements
    .filter(({ id }) => asked.has(id))
    .map((entry) => ({ ...describe(entry), ...verdictOf(found.get(entry.id)) }))
    .toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

/** How many requirements of the revision no exchange can show. */
export const countUnseen = (revision) =>
  requirements.filter((entry) => holdsIn(revision, entry) && entry.excluded).length;

const describe = (entry) => ({
  level: entry.level,
  id: entry.id,
  text: entry.text,
  address: addressOf(entry),
});

function verdictOf(found) {
  const failures = found
    .filter(({ verdict }) => verdict === "fail")
    .map(({ exchange, mode, step, about, expected, seen }) => ({
      exchange,
      mode,
      step,
      about,
      expected,
      seen,
    }));
  if (failures.length > 0) return { verdict: "fail", failures };
  if (found.some(({ verdict }) => verdict === "pass")) return { verdict: "pass" };
  const stopped = found.find(({ walked }) => walked === "setup");
  if (stopped) return { verdict: "setup", why: `${stopped.exchange}: ${stopped.why}` };
  return { verdict: "untested", why: found[0]?.why ?? "the time was up" };
}
