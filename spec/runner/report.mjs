/** What an audit prints for people: a line for each requirement, of failures what was expected and seen, and a summary. */

import { LEVELS, VERDICTS } from "./ledger.mjs";
import { plain } from "./match.mjs";

/** A requirement whose failures are many is shown by the first of them. */
const MOST_FAILURES = 3;
const VERDICT_WIDTH = 10;
const LEVEL_WIDTH = 12;
const COUNT_WIDTH = 10;

/** The lines about all requirements: what needs attention comes last, next to the summary. */
export function requirementLines(requirements) {
  return ["untested", "pass", "setup", "fail"].flatMap((verdict) => {
    const those = requirements.filter((one) => one.verdict === verdict);
    return those.length === 0 ? [] : [...those.flatMap(linesOf), ""];
  });
}

function linesOf({ verdict, level, id, text, address, why, failures = [] }) {
  const start = verdict.padEnd(VERDICT_WIDTH) + level.padEnd(LEVEL_WIDTH);
  const line = `${start}${id}  ${text}  ${address}`;
  const indent = " ".repeat(VERDICT_WIDTH);
  if (verdict === "untested") return [`${line}  (${plain(why)})`];
  if (verdict === "setup") return [line, `${indent}${plain(why)}`, ""];
  if (verdict === "pass") return [line];
  const shown = failures
    .slice(0, MOST_FAILURES)
    .flatMap((failure) => [
      `${indent}${placeOf(failure)}`,
      `${indent}  expected  ${plain(failure.expected)}`,
      `${indent}  seen      ${plain(failure.seen)}`,
    ]);
  const more = failures.length - MOST_FAILURES;
  return [line, ...shown, ...(more > 0 ? [`${indent}and ${more} more`] : []), ""];
}

/** Where in which conversation something was seen. */
export const placeOf = ({ exchange, mode, step, about }) =>
  `${exchange} (${mode}), step ${step}${about ? `, ${about}` : ""}`;

/** The table of levels and verdicts, and what to do about it. */
export function summaryLines({ requirements, walks, unseen }) {
  const count = (verdict, level) =>
    requirements.filter((one) => one.verdict === verdict && (!level || one.level === level)).length;
  const row = (name, cells) =>
    name.padEnd(LEVEL_WIDTH) + cells.map((cell) => String(cell).padStart(COUNT_WIDTH)).join("");
  const table = [
    row("", VERDICTS),
    ...LEVELS.map((level) =>
      row(
        level,
        VERDICTS.map((verdict) => count(verdict, level)),
      ),
    ),
  ];
  const broken = count("fail", "MUST") + count("fail", "MUST NOT");
  const weak = count("fail", "SHOULD") + count("fail", "SHOULD NOT");
  const runs = VERDICTS.map(
    (verdict) => `${walks.filter((walk) => walk.verdict === verdict).length} ${verdict}`,
  );
  return [
    ...table,
    "",
    ...[
      broken > 0 && `${broken} of MUST and MUST NOT failed: clients may rely on these. Begin here.`,
      weak > 0 && `${weak} of SHOULD and SHOULD NOT failed: mend them, or know the reason not to.`,
      count("untested") === requirements.length && "Nothing was tested.",
      broken + weak === 0 && count("untested") < requirements.length && "Nothing failed.",
      count("setup") > 0 &&
        `${count("setup")} were not reached, because a conversation stopped before: its reason stands with each.`,
    ].filter(Boolean),
    ...stopLines(walks),
    ...reasonLines(requirements),
    "",
    `${unseen} more requirements of this revision cannot be seen from outside.`,
    `Conversations: ${runs.join(", ")}`,
  ];
}

/** Conversations that stopped before their end, which says nothing about the server, but may hide something. */
function stopLines(walks) {
  const stopped = walks.filter(({ verdict }) => verdict === "setup");
  if (stopped.length === 0) return [];
  const lines = stopped.map(
    ({ exchange, mode, why }) => `     ${exchange.id} (${mode}), ${plain(why)}`,
  );
  return ["", "Conversations that stopped before their end:", ...lines];
}

/** Why requirements are untested, in the words of what would have them tested. */
const REASONS = [
  [
    /has no (?:tools|prompts|resources|templates|clients)/u,
    "need what spec/world.json lists: offer that, and they are tried",
  ],
  [/does not declare/u, "are about capabilities that the server does not declare"],
  [/leaves it open/u, "are left open by the text, and were decided for spec/world.json only"],
  [/opens no sessions/u, "are about sessions, which the server does not open"],
  [/TOKEN/u, "need callers: give TOKEN= and TOKEN2="],
  [/sign-in/u, "need the sign-in of spec/world.json"],
  [/time was up/u, "were not tried before the time was up: give more SECONDS="],
  [/./u, "need what this runner cannot do, such as a restart of the server"],
];

function reasonLines(requirements) {
  const counts = new Map();
  for (const { verdict, why } of requirements) {
    if (verdict !== "untested") continue;
    const [, reason] = REASONS.find(([pattern]) => pattern.test(why));
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const lines = [...counts].map(([reason, number]) => `${String(number).padStart(6)} ${reason}`);
  return ["", "Untested:", ...lines];
}
