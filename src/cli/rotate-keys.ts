/**
 * `make rotate-keys`: a new key goes first in the ring, then every credential of the vault is sealed anew under it, page by
 * page, while the server serves. It may be stopped at any time; RESUME=1 goes on with the key that is first already.
 * Here the ring is in .dev.vars; of a deployed server it is given in KEYS, and set with `wrangler secret put`. No key is
 * ever printed.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readKeyRing, type KeyRing } from "../crypto/key-ring.ts";
import { readOrigin } from "./address.ts";
import { readDevVars, replaceDevVar } from "./dev-vars.ts";
import { ENV, ROOT } from "./environment.mjs";
import { messageOf } from "./errors.ts";
import { replaceFile } from "./replace-file.ts";
import { requestPage, type Page } from "./reseal-request.ts";
import { printable } from "./terminal.ts";

/** KEYS as text, and what it says. */
interface ReadKeys {
  readonly text: string;
  readonly ring: KeyRing;
  /** Id of the first key. */
  readonly current: string;
}

const WAIT_MS = 90_000;
/** For how long a deployed server passes a new secret on to all its isolates, generously. */
const SPREAD_MS = 30_000;
/** The old ring is nowhere any more long before. */
const MOST_ROUNDS = 100;
const { values } = parseArgs({
  options: { url: { type: "string", default: "" }, resume: { type: "string", default: "" } },
});
const vars = join(ROOT, ".dev.vars");
const copy = join(ROOT, ".keys");

try {
  await rotate(readTarget(values.url), readResume(values.resume));
} catch (error) {
  console.error(
    `Stopped: ${printable(messageOf(error))}\nNothing is lost: what is sealed under an old key opens as long as that key is in the ring.`,
  );
  process.exit(1);
}

/** The server whose keys are rotated; `local`: its ring is in .dev.vars. */
interface Target {
  readonly origin: string;
  readonly local: boolean;
}

function readTarget(address: string): Target {
  const origin = readOrigin(address);
  return {
    origin,
    local: ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname),
  };
}

/** @throws at anything but "1", "0" and "": a word that was meant as a no must not leave the old key first. */
function readResume(text: string): boolean {
  if (!["", "0", "1"].includes(text))
    throw new Error(`RESUME must be 1 to go on, or 0, not "${text}"`);
  return text === "1";
}

async function rotate(target: Target, isResumed: boolean): Promise<void> {
  const old = readRing(target);
  if (!isResumed) await checkSame(target, old);
  const { current } = isResumed ? old : await putFirst(target, old);
  // A key that was there before proves who asks, whether or not the server has seen the new one.
  await seal(target, old.ring, current);
}

/** The ring as text, and its first key's id. */
function readRing({ local }: Target): ReadKeys {
  const here = existsSync(vars) ? readDevVars(readFileSync(vars, "utf8"))["KEYS"] : undefined;
  const text = local ? here : process.env["KEYS"];
  if (text === undefined)
    throw new Error(
      local
        ? "there is no KEYS in .dev.vars: run make dev first"
        : "set KEYS to the ring of that server",
    );
  return check(text);
}

function check(written: string): ReadKeys {
  // Spaces may stand between quotes, where they say nothing.
  const text = written.replaceAll(/\s/g, "");
  const ring = readKeyRing(text);
  if (!ring.ok) throw new Error(`KEYS: ${ring.error}`);
  return { text, ring: ring.value, current: ring.value.currentId };
}

/** The server must seal under the first key of `ring`: of another server, or an older copy, it would drop keys in use. */
async function checkSame(target: Target, { ring, current }: ReadKeys): Promise<void> {
  const state = await requestPage(target.origin, ring, "").then(
    (page) =>
      page.current === current
        ? undefined
        : `the server seals under "${page.current}", KEYS begins with "${current}"`,
    messageOf,
  );
  if (state !== undefined)
    throw new Error(`${state}. Nothing was changed: give the ring that the server has now`);
}

/** Makes a key, and gives it to the server in front of the others. */
async function putFirst({ local }: Target, { text }: ReadKeys): Promise<ReadKeys> {
  const ids = text.split(",").map((entry) => entry.trim().split(":")[0] ?? "");
  const day = `k${new Date().toISOString().slice(0, 10).replaceAll("-", "")}`;
  const id = [day, ...Array.from({ length: 99 }, (_, at) => `${day}-${at + 2}`)].find(
    (one) => !ids.includes(one),
  );
  const key = `${id}:${randomBytes(32).toString("base64")}`;
  const ring = check(`${key},${text}`);
  if (local) {
    replaceFile(vars, replaceDevVar(readFileSync(vars, "utf8"), "KEYS", ring.text));
    // `wrangler dev` looks at its secrets again when its configuration is touched.
    utimesSync(join(ROOT, "wrangler.toml"), new Date(), new Date());
  } else {
    requireOwnCopy(text);
    replaceFile(copy, `${ring.text}\n`);
    console.log(
      "The new ring is in .keys, for you alone to read: keep it where you keep such things, then delete the file",
    );
    // Behind the others first: until every isolate has the key, none may seal under it.
    await putSecret(`${text},${key}`);
    console.log(
      `Key "${id}" is in the ring; it goes first in ${SPREAD_MS / 1_000} s, when every isolate has it`,
    );
    await new Promise((resolve) => setTimeout(resolve, SPREAD_MS));
    await putSecret(ring.text);
    // Isolates that have not heard of it seal under the old key until then.
    console.log(`In ${SPREAD_MS / 1_000} s every isolate seals under it`);
    await new Promise((resolve) => setTimeout(resolve, SPREAD_MS));
  }
  console.log(`Key "${id}" is first now, ${ids.length} behind it`);
  return ring;
}

/** @throws where .keys holds another ring than `text`: no secret can be read back, and this may be the only copy of one. */
function requireOwnCopy(text: string): void {
  if (!existsSync(copy) || readFileSync(copy, "utf8").replaceAll(/\s/g, "") === text) return;
  throw new Error(
    ".keys holds another ring than KEYS, and may be its only copy: keep it elsewhere, then delete the file. If a rotation of this server was stopped, put KEYS with the keys of that file, the new one last, wait 30 s, put the file as it is, and go on with that ring and RESUME=1",
  );
}

function putSecret(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("wrangler", ["secret", "put", "KEYS"], {
      cwd: ROOT,
      env: ENV,
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error("wrangler could not set the secret KEYS")),
    );
    child.stdin.end(text);
  });
}

/**
 * Round after round until one finds nothing more: isolates that still had the old ring may have written behind the first.
 * @throws where there is no end of them.
 */
async function seal(target: Target, ring: KeyRing, current: string): Promise<void> {
  let resealed = 0;
  let round: Round;
  let rounds = 0;
  do {
    if (rounds === MOST_ROUNDS)
      throw new Error(`the server had more to seal anew in each of ${MOST_ROUNDS} rounds`);
    round = await sealAll(target, ring, current, resealed);
    resealed += round.resealed;
    rounds += 1;
  } while (round.resealed > 0);
  console.log(`${resealed} sealed anew under key "${current}"`);
  const left = Object.entries(round.unreadable);
  for (const [reason, count] of left)
    console.log(printable(`${count} left as they were, for they do not open: ${reason}`));
  console.log(
    "Tokens and client ids need the old keys for 30 days more, and handles to storage for as long as the longest that your app makes (SECURITY.md, Keys). Then run this once more with RESUME=1, for what was at work meanwhile, and take them out of KEYS",
  );
  if (left.length > 0) process.exitCode = 1;
}

/** What one round came to. */
interface Round {
  readonly resealed: number;
  readonly unreadable: Readonly<Record<string, number>>;
}

/** Page after page, from the start. `before`: sealed in earlier rounds. */
async function sealAll(
  target: Target,
  ring: KeyRing,
  current: string,
  before: number,
): Promise<Round> {
  let resealed = 0;
  const unreadable: Record<string, number> = {};
  for (let after: string | undefined = ""; after !== undefined;) {
    const page: Page = await askUnder(target, ring, current, after);
    after = page.next;
    resealed += page.resealed;
    for (const [reason, count] of Object.entries(page.unreadable))
      unreadable[reason] = (unreadable[reason] ?? 0) + count;
    if (after !== undefined) console.log(`${before + resealed} sealed anew …`);
  }
  return { resealed, unreadable };
}

/** The page after `after`, once the server seals under key `current`: it starts anew with it. */
async function askUnder(
  target: Target,
  ring: KeyRing,
  current: string,
  after: string,
): Promise<Page> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    let state: string;
    try {
      const page = await requestPage(target.origin, ring, after);
      if (page.current === current) return page;
      state = `it uses "${page.current}"`;
    } catch (error) {
      // A server that starts anew does not answer for a moment.
      if (Date.now() > until) throw error;
      state = messageOf(error);
    }
    if (Date.now() > until) throw new Error(`the server does not use key "${current}": ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
