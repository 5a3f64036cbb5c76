/**
 * The state of a run, and how a step says what it found: a line while it goes, and for each problem which clients stop,
 * what they show, and what to change. Whatever a server said is printed without control characters, cut, and without any
 * secret: the token that was given, and those that the server issued while it was examined.
 */

import { plain } from "../match.mjs";

export const STEPS = {
  address: "The address",
  firstRequest: "The first request",
  resource: "Protected resource metadata",
  issuer: "Authorization server metadata",
  registration: "Registration",
  authorization: "Authorization request",
  token: "Token endpoint",
  sessions: "First call, in a session (2025-03-26 to 2025-11-25)",
  stateless: "First call, stateless (2026-07-28)",
  tools: "Tools",
};
const MOST_QUOTED = 160;

/**
 * `attempts`: how far each client comes. Of an attempt, `stop` is the first step at which it ends; what a step learns for
 * the next stands in it too. `steps`: what was said, for the report. `read`: documents that were fetched.
 */
export const newExamination = ({ url, token, clients, seconds, print }) => ({
  url,
  endpoint: url,
  token,
  deadline: performance.now() + seconds * 1000,
  secrets: new Set(token === undefined ? [] : [token]),
  attempts: clients.map((client) => ({ client, stop: undefined })),
  steps: [],
  read: {},
  print,
});

/** Begins a step of STEPS. */
export function begin(run, step) {
  const number = Object.keys(STEPS).indexOf(step) + 1;
  run.steps.push({ step, number, title: STEPS[step], lines: [], problems: [] });
  run.print(`${number}. ${STEPS[step]}`);
}

const WIDTH = 6;
/** A line of the step that runs: `ok`, `note` or `-`, with a sentence. */
export function say(run, mark, sentence) {
  const line = hush(run, sentence);
  run.steps.at(-1).lines.push({ mark, line });
  run.print(`   ${mark.padEnd(WIDTH)}${line}`);
}

export const ok = (run, sentence) => say(run, "ok", sentence);

/** Whether the server asks for a token; says so where it does not, as a login is then not needed or cannot be tried. */
export function asksForToken(run) {
  const { isGuarded, opens } = run;
  const isOpen = opens.sessions || opens.stateless;
  if (!isGuarded)
    say(run, "-", isOpen ? "Not needed: it answers without a token." : "Not tried: see step 2.");
  return isGuarded;
}

/** Something that ends no client of the table, with what to change if anything. */
export function note(run, sentence, change) {
  say(run, "note", change === undefined ? sentence : `${sentence} Change: ${change}`);
}

/**
 * Each of `attempts` ends here. `habit`: why these clients do, a key of their `from`.
 * Says nothing where there is none.
 */
export function stop(run, attempts, { what, change, habit }) {
  if (attempts.length === 0) return;
  const { step, number, problems } = run.steps.at(-1);
  const names = attempts.map(({ client }) => client.name);
  const shows = new Map();
  for (const { client } of attempts)
    if (client.shows[step]) shows.set(client.name, client.shows[step]);
  const known = new Set(attempts.map(({ client }) => client.from[habit]).filter(Boolean));
  const problem = { clients: attempts.map(({ client }) => client.id), what, change };
  for (const key of ["what", "change"]) problem[key] = hush(run, problem[key]);
  problems.push({ ...problem, shows: Object.fromEntries(shows), from: [...known] });
  for (const attempt of attempts) attempt.stop ??= { step, number };
  run.print(`   ${"STOP".padEnd(WIDTH)}${names.join(", ")}: ${problem.what}`);
  for (const line of [
    ...[...shows].map(([name, text]) => `${name} shows: ${text}`),
    `Change: ${problem.change}`,
    ...(known.size > 0 ? [`Known from: ${[...known].join("; ")}`] : []),
  ])
    run.print(`   ${" ".repeat(WIDTH)}${line}`);
}

/** Ends the attempts that `reasonOf` gives a reason for: `{ what, change, habit }`. One problem for each reason. */
export function stopEach(run, attempts, reasonOf) {
  const groups = new Map();
  for (const attempt of attempts) {
    const reason = reasonOf(attempt);
    if (reason === undefined) continue;
    const key = JSON.stringify(reason);
    groups.set(key, { reason, those: [...(groups.get(key)?.those ?? []), attempt] });
  }
  for (const { reason, those } of groups.values()) stop(run, those, reason);
}

/** The names of the clients of these attempts. */
export const namesOf = (attempts) => attempts.map(({ client }) => client.name).join(", ");

/** A text without what no terminal should obey, and without secrets. */
function hush(run, text) {
  let hushed = text;
  // The longest first: one secret may be the beginning of another.
  for (const secret of [...run.secrets].toSorted((a, b) => b.length - a.length))
    for (const form of [secret, encodeURIComponent(secret.toWellFormed())])
      hushed = hushed.replaceAll(form, "(secret)");
  return plain(hushed);
}

/** Remembers what must not be printed. Short words are no secrets. */
export function keepSecret(run, value) {
  if (typeof value === "string" && value.length >= 8) run.secrets.add(value);
}

/** What somebody else wrote, cut and in quotes. */
export function quote(run, value) {
  const whole = typeof value === "string" ? value : jsonOf(value);
  // Nothing is cut before the secrets are out: the half of one would not be found.
  const text = hush(run, whole);
  return `"${text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text}"`;
}

function jsonOf(value) {
  try {
    return JSON.stringify(value) ?? "nothing";
  } catch {
    return "what is nested too deep";
  }
}

/** An address without its query, which may hold secrets. */
export function shown(address) {
  if (!URL.canParse(address)) return String(address).slice(0, MOST_QUOTED);
  const { origin, pathname, search } = new URL(address);
  const place = origin + pathname;
  const cut = place.length > MOST_QUOTED ? `${place.slice(0, MOST_QUOTED)}…` : place;
  return `${cut}${search ? "?…" : ""}`;
}

/** What an answer is, in a few words: its status and type, the error that it names, or why there is none. */
export function describe(run, { status, failure, type, json, text, reply }) {
  if (status === undefined) return failure;
  const error = reply?.error?.message ?? json?.error_description ?? json?.error;
  const said = error ?? (type === "application/json" ? undefined : text.trim());
  const about = said ? `, ${quote(run, said)}` : "";
  const broken = failure ? `; ${failure}` : "";
  return `${status}${type ? ` ${type}` : ""}${about}${broken}`;
}
