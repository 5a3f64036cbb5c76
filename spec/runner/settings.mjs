/**
 * What an audit is told: the flags of the program, and from the environment the tokens, which no list of processes shows.
 * Refuses what it cannot use, in a sentence.
 */

import { parseArgs } from "node:util";
import { revisions } from "./spec-files.mjs";

const EXAMPLE = "make audit URL=https://mcp.example.com/mcp";
const MODES = ["plain", "sse", "bytes"];
const FLAGS = ["revision", "mode", "only", "json", "junit", "seconds", "choices"];
/** How long an audit may take when nobody says: a server under test may answer each request as late as it can. */
const MOST_SECONDS = 1_800;

/** @throws a sentence for people. */
export function readSettings(args, env) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: Object.fromEntries(FLAGS.map((name) => [name, { type: "string" }])),
  });
  // An empty setting is as good as none.
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
  const [address = ""] = positionals;
  if (address === "") throw new Error(`Which server? Name it: ${EXAMPLE}`);
  if (!URL.canParse(address) || !/^https?:/u.test(new URL(address).protocol))
    throw new Error(`"${address}" is no address: ${EXAMPLE}`);
  const { revision, mode, seconds = MOST_SECONDS, choices } = given;
  if (revision !== undefined && !revisions.includes(revision))
    throw new Error(`"${revision}" is no revision: ${revisions.join(", ")} are`);
  if (mode !== undefined && !MODES.includes(mode))
    throw new Error(`"${mode}" is no mode: ${MODES.join(", ")} are`);
  if (!(Number(seconds) > 0)) throw new Error(`SECONDS is ${seconds}: give a number over 0`);
  const tokens = [env.TOKEN, env.TOKEN2].filter(Boolean);
  // Not repeated: what a header refuses would be quoted with every request.
  if (!tokens.every((token) => /^[\x21-\x7e]+$/u.test(token)))
    throw new Error("TOKEN and TOKEN2 hold a token alone: no blank, no line break, ASCII");
  if (choices !== undefined && choices !== "world")
    throw new Error(`CHOICES is ${choices}: only world can be asked for`);
  return {
    ...given,
    url: new URL(address),
    modes: mode === undefined ? MODES : [mode],
    seconds: Number(seconds),
    tokens,
  };
}
