/**
 * `make token`: prints a bearer token of the server that `make dev` started, and nothing else on standard output. It logs
 * in once, with the passphrase of .dev.vars; from then on it renews that one grant, whose refresh token lies under
 * .wrangler for its owner alone. A server that no longer knows the grant, as after its state was deleted, is logged in at
 * anew, and so is any where FIELDS has the fields of its sign-in form, "name=ada&password=…" as a form sends them.
 * node token.ts <address>
 */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readOrigin } from "./address.ts";
import { readDevVars } from "./dev-vars.ts";
import { ROOT } from "./environment.mjs";
import { messageOf } from "./errors.ts";
import { passphraseIn } from "./local-settings.ts";
import { login, refresh, type FormFields, type Tokens } from "./login.ts";
import { replaceFile } from "./replace-file.ts";
import { printable } from "./terminal.ts";

/** What lies under .wrangler: the grant that is renewed. `client_id`: of the client that was registered for it. */
interface KeptGrant {
  readonly origin: string;
  readonly client_id: string;
  readonly refresh_token: string;
}

const [endpoint = ""] = process.argv.slice(2);
/** In the environment: a command line is shown to every program of this machine. */
const FIELDS = process.env["FIELDS"] ?? "";
try {
  process.stdout.write(`${await token()}\n`);
} catch (error) {
  console.error(`No token: ${printable(messageOf(error))}.`);
  process.exit(1);
}

async function token(): Promise<string> {
  const origin = readOrigin(endpoint);
  const { host } = new URL(origin);
  // A file for each server, so that none is shown what is another's.
  const path = join(ROOT, ".wrangler", `token-${host.replaceAll(/[^\w.-]/g, "-")}.json`);
  try {
    // With fields it is for whom they say, whoever was there before.
    const kept = FIELDS === "" ? readKept(path, origin) : undefined;
    const { access_token, ...grant } = await renewOrLogIn(kept);
    if (typeof access_token !== "string" || !/^[\w.~+/-]+=*$/.test(access_token))
      throw new Error("what came is no bearer token");
    keep(path, { origin, ...grant });
    return access_token;
  } catch (error) {
    const isUnanswered =
      error instanceof Error && (error.message === "fetch failed" || error.name === "TimeoutError");
    if (!isUnanswered) throw error;
    throw new Error(
      `nobody answers at ${origin}: is make dev running there? PORT= names another port`,
      {
        cause: error,
      },
    );
  }
}

async function renewOrLogIn(
  kept: KeptGrant | undefined,
): Promise<Tokens & { readonly client_id: string }> {
  const renewed = kept && (await refresh(endpoint, kept));
  if (kept === undefined || renewed === undefined) return await login(endpoint, formFields());
  return { client_id: kept.client_id, ...renewed };
}

function formFields(): FormFields {
  return FIELDS === ""
    ? { passphrase: passphrase() }
    : Object.fromEntries(new URLSearchParams(FIELDS));
}

function passphrase(): string {
  const vars = join(ROOT, ".dev.vars");
  if (!existsSync(vars)) throw new Error("there is no .dev.vars, which make dev writes");
  const text = readFileSync(vars, "utf8");
  const found = passphraseIn(text);
  if (found !== undefined) return found;
  throw new Error(
    Object.hasOwn(readDevVars(text), "PASSPHRASE")
      ? ".dev.vars has only the hash of a passphrase: add the line `# passphrase: …` with the passphrase itself"
      : "there is no passphrase in .dev.vars: FIELDS='name=ada&password=…' fills in another form",
  );
}

function readKept(path: string, origin: string): KeptGrant | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const kept = JSON.parse(readFileSync(path, "utf8")) as KeptGrant;
    return kept.origin === origin ? kept : undefined;
  } catch {
    // Half a file is none.
    return undefined;
  }
}

function keep(path: string, { origin, client_id, refresh_token }: KeptGrant): void {
  mkdirSync(join(ROOT, ".wrangler"), { recursive: true });
  replaceFile(path, JSON.stringify({ origin, client_id, refresh_token }));
}
