/**
 * `make rotate-keys`: a new key goes first in the ring, then every credential of the vault is sealed anew under it, page by
 * page, while the server serves. It may be stopped at any time; RESUME=1 goes on with the key that is first already.
 * Here the ring is in .dev.vars; of a deployed server it is given in KEYS, and set with `wrangler secret put`. No key is
 * ever printed.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { signText } from "../crypto/hmac.ts";
import { readKeyRing, type KeyRing } from "../crypto/key-ring.ts";
import {
  ADMIN_TOKEN_PURPOSE,
  ADMIN_TOKEN_SECONDS,
  ROTATE_KEYS_PATH,
} from "../crypto/admin-token.ts";
import { ENV, ROOT } from "./environment.mjs";
import { messageOf } from "./errors.ts";

/** KEYS as text, and what it says. */
interface ReadKeys {
  readonly text: string;
  readonly ring: KeyRing;
  /** Id of the first key. */
  readonly current: string;
}

/** What the server answers for one page: `unreadable` counts by reason, `next` is where the next page begins. */
interface Page {
  readonly current: string;
  readonly resealed: number;
  readonly unreadable: Readonly<Record<string, number>>;
  readonly next?: string;
}

const WAIT_MS = 90_000;
/** For how long a deployed server passes a new secret on to all its isolates, generously. */
const SPREAD_MS = 30_000;
const { values } = parseArgs({
  options: { url: { type: "string", default: "" }, resume: { type: "string", default: "" } },
});
const origin = new URL(values.url).origin;
const local = ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
const vars = join(ROOT, ".dev.vars");
const copy = join(ROOT, ".keys");

try {
  const old = readRing();
  if (values.resume === "") await checkSame(old);
  const { current } = values.resume === "" ? await putFirst(old) : old;
  // A key that was there before proves who asks, whether or not the server has seen the new one.
  await seal(old.ring, current);
} catch (error) {
  console.error(
    `Stopped: ${messageOf(error)}\nNothing is lost: what is sealed under an old key opens as long as that key is in the ring.`,
  );
  process.exit(1);
}

/** The ring as text, and its first key's id. */
function readRing(): ReadKeys {
  const here = existsSync(vars) ? /^KEYS=(.*)$/m.exec(readFileSync(vars, "utf8"))?.[1] : undefined;
  const text = local ? here : process.env["KEYS"];
  if (text === undefined)
    throw new Error(
      local
        ? "there is no KEYS in .dev.vars: run make dev first"
        : "set KEYS to the ring of that server",
    );
  return check(text);
}

function check(text: string): ReadKeys {
  const ring = readKeyRing(text);
  if (!ring.ok) throw new Error(`KEYS: ${ring.error}`);
  return { text, ring: ring.value, current: ring.value.currentId };
}

/** The server must seal under the first key of `ring`: of another server, or an older copy, it would drop keys in use. */
async function checkSame({ ring, current }: ReadKeys): Promise<void> {
  const state = await ask(ring, "").then(
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
async function putFirst({ text }: ReadKeys): Promise<ReadKeys> {
  const ids = text.split(",").map((entry) => entry.trim().split(":")[0] ?? "");
  const day = `k${new Date().toISOString().slice(0, 10).replaceAll("-", "")}`;
  const id = [day, ...Array.from({ length: 99 }, (_, at) => `${day}-${at + 2}`)].find(
    (one) => !ids.includes(one),
  );
  const key = `${id}:${randomBytes(32).toString("base64")}`;
  const ring = check(`${key},${text}`);
  if (local) {
    const before = readFileSync(vars, "utf8");
    // Renamed into place, so that stopping in the middle leaves no file without a key.
    writeFileSync(
      `${vars}.new`,
      before.replace(/^KEYS=.*$/m, () => `KEYS=${ring.text}`),
      { mode: 0o600 },
    );
    renameSync(`${vars}.new`, vars);
    // `wrangler dev` looks at its secrets again when its configuration is touched.
    utimesSync(join(ROOT, "wrangler.toml"), new Date(), new Date());
  } else {
    writeFileSync(copy, `${ring.text}\n`, { mode: 0o600 });
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
  }
  console.log(`Key "${id}" is first now, ${ids.length} behind it`);
  return ring;
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
 */
async function seal(ring: KeyRing, current: string): Promise<void> {
  let resealed = 0;
  let round: Round;
  do {
    round = await sealAll(ring, current, resealed);
    resealed += round.resealed;
  } while (round.resealed > 0);
  console.log(`${resealed} sealed anew under key "${current}"`);
  const left = Object.entries(round.unreadable);
  for (const [reason, count] of left)
    console.log(`${count} left as they were, for they do not open: ${reason}`);
  console.log(
    "Tokens and client ids need the old keys for 30 days more (SECURITY.md, Keys); after that take them out of KEYS",
  );
  if (left.length > 0) process.exitCode = 1;
}

/** What one round came to. */
interface Round {
  readonly resealed: number;
  readonly unreadable: Readonly<Record<string, number>>;
}

/** Page after page, from the start. `before`: sealed in earlier rounds. */
async function sealAll(ring: KeyRing, current: string, before: number): Promise<Round> {
  let resealed = 0;
  const unreadable: Record<string, number> = {};
  for (let after: string | undefined = ""; after !== undefined;) {
    const page: Page = await askUnder(current, ring, after);
    after = page.next;
    resealed += page.resealed;
    for (const [reason, count] of Object.entries(page.unreadable))
      unreadable[reason] = (unreadable[reason] ?? 0) + count;
    if (after !== undefined) console.log(`${before + resealed} sealed anew …`);
  }
  return { resealed, unreadable };
}

/** The page after `after`, once the server seals under key `current`: it starts anew with it. */
async function askUnder(current: string, ring: KeyRing, after: string): Promise<Page> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    let state: string;
    try {
      const page = await ask(ring, after);
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

async function ask(ring: KeyRing, after: string): Promise<Page> {
  const proof = await signText(
    ring,
    ADMIN_TOKEN_PURPOSE,
    String(Math.floor(Date.now() / 1_000) + ADMIN_TOKEN_SECONDS),
  );
  const response = await fetch(origin + ROTATE_KEYS_PATH, {
    method: "POST",
    headers: { authorization: `Bearer ${proof}`, "content-type": "application/json" },
    body: JSON.stringify({ after }),
    signal: AbortSignal.timeout(30_000),
  });
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer as Page;
  if (response.status === 404)
    throw new Error(`it has no vault: put the new ring into KEYS by hand, the old key behind it`);
  const { error } = answer as { readonly error?: unknown };
  const reason = typeof error === "string" ? error : "no reason given";
  throw new Error(`the server answered ${response.status}: ${reason}`);
}
