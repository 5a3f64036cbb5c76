/** What an audit writes for programs: everything as JSON, and the requirements as the JUnit XML that CI systems show. */

import { writeFileSync } from "node:fs";
import { placeOf } from "./report.mjs";
import { plain } from "./match.mjs";

/** Writes the files that the settings name. @throws a sentence when one cannot be written. */
export function writeReports({ json, junit }, report) {
  if (json) write(json, `${JSON.stringify(jsonOf(report), null, 2)}\n`);
  if (junit) write(junit, junitOf(report));
}

function write(path, text) {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new Error(`Cannot write ${path}: ${error.code}`);
  }
}

const jsonOf = ({ url, revision, requirements, walks }) => ({
  url,
  revision,
  requirements,
  conversations: walks.map(({ exchange, mode, verdict, why }) => ({
    id: exchange.id,
    mode,
    verdict,
    why,
  })),
});

const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
/** XML has no way to write control characters, halves of a pair, U+FFFE and U+FFFF. */
const escape = (text) =>
  plain(text)
    .toWellFormed()
    .replace(/[\uFFFE\uFFFF]/gu, "\uFFFD")
    .replace(/[&<>"]/gu, (sign) => SIGNS[sign]);

function junitOf({ url, revision, requirements }) {
  const count = (verdict) => requirements.filter((one) => one.verdict === verdict).length;
  const counts = `tests="${requirements.length}" failures="${count("fail")}" errors="${count("setup")}" skipped="${count("untested")}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escape(`${url} in ${revision}`)}" ${counts}>`,
    ...requirements.flatMap(caseLines),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function caseLines({ verdict, level, id, text, address, why = "", failures = [] }) {
  const open = `    <testcase classname="${level}" name="${id}"`;
  const about = `${text} ${address}`;
  if (verdict === "pass") return [`${open}/>`];
  if (verdict === "untested") return [`${open}>`, `      <skipped message="${escape(why)}"/>`, END];
  if (verdict === "setup") return [`${open}>`, `      <error message="${escape(why)}"/>`, END];
  const said = failures.map(
    (failure) => `${placeOf(failure)}: expected ${failure.expected}; seen ${failure.seen}`,
  );
  return [
    `${open}>`,
    `      <failure message="${escape(about)}">`,
    ...said.map((line) => `        ${escape(line)}`),
    "      </failure>",
    END,
  ];
}

const END = "    </testcase>";
