/**
 * `make token`: prints a bearer token of the server that `make dev` started, and nothing else on standard output. It logs
 * in once, with the passphrase of .dev.vars; from then on it renews that one grant, whose refresh token lies under
 * .wrangler for its owner alone. A server that no longer knows the grant, as after its state was deleted, is logged in at
 * anew. node token.ts <address>
 */

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./environment.mjs";
import { messageOf } from "./errors.ts";
import { passphraseIn } from "./local-settings.ts";
import { login, refresh, type Tokens } from "./login.ts";

/** What lies under .wrangler: the grant that is renewed. `client_id`: of the client that was registered for it. */
interface KeptGrant {
  readonly origin: string;
  readonly client_id: string;
  readonly refresh_token: string;
}

const [endpoint = ""] = process.argv.slice(2);
try {
  process.stdout.write(`${await token()}\n`);
} catch (error) {
  console.error(`No token: ${messageOf(error)}.`);
  process.exit(1);
}

async function token(): Promise<string> {
  if (!URL.canParse(endpoint)) throw new Error(`"${endpoint}" is no address`);
  const { origin, host } = new URL(endpoint);
  // A file for each server, so that none is shown what is another's.
  const path = join(ROOT, ".wrangler", `token-${host.replaceAll(/[^\w.-]/g, "-")}.json`);
  try {
    const kept = readKept(path, origin);
    const { access_token, ...grant } = await renewOrLogIn(kept);
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
  if (kept === undefined || renewed === undefined)
    return await login(endpoint, { passphrase: passphrase() });
  return { client_id: kept.client_id, ...renewed };
}

function passphrase(): string {
  const vars = join(ROOT, ".dev.vars");
  if (!existsSync(vars)) throw new Error("there is no .dev.vars, which make dev writes");
  const found = passphraseIn(readFileSync(vars, "utf8"));
  if (found !== undefined) return found;
  throw new Error(
    ".dev.vars has only the hash of a passphrase: add the line `# passphrase: …` with the passphrase itself",
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

/** Renamed into place, so that two at once leave a whole file. */
function keep(path: string, { origin, client_id, refresh_token }: KeptGrant): void {
  mkdirSync(join(ROOT, ".wrangler"), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify({ origin, client_id, refresh_token }), { mode: 0o600 });
  renameSync(fresh, path);
}
