/**
 * `make token`: prints a bearer token of the server that `make dev` started, and nothing else on standard output. It logs
 * in once, with the passphrase of .dev.vars; from then on it renews that one grant, whose refresh token lies under
 * .wrangler for its owner alone. A server that no longer knows the grant, as after its state was deleted, is logged in at
 * anew. node token.mjs <address>
 */

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { passphraseIn } from "./local.mjs";
import { login, refresh } from "./login.mjs";
import { ROOT } from "./process.mjs";

const [endpoint = ""] = process.argv.slice(2);
try {
  process.stdout.write(`${await token()}\n`);
} catch (error) {
  console.error(`No token: ${error.message}.`);
  process.exit(1);
}

async function token() {
  if (!URL.canParse(endpoint)) throw new Error(`"${endpoint}" is no address`);
  const { origin, host } = new URL(endpoint);
  // A file for each server, so that none is shown what is another's.
  const path = join(ROOT, ".wrangler", `token-${host.replaceAll(/[^\w.-]/g, "-")}.json`);
  try {
    const kept = readKept(path, origin);
    const tokens = (kept && (await refresh(endpoint, kept))) ?? (await login(endpoint, { passphrase: passphrase() }));
    keep(path, { origin, client_id: kept?.client_id, ...tokens });
    return tokens.access_token;
  } catch (error) {
    if (error.message !== "fetch failed" && error.name !== "TimeoutError") throw error;
    throw new Error(`nobody answers at ${origin}: is make dev running there? PORT= names another port`, {
      cause: error,
    });
  }
}

function passphrase() {
  const vars = join(ROOT, ".dev.vars");
  if (!existsSync(vars)) throw new Error("there is no .dev.vars, which make dev writes");
  const found = passphraseIn(readFileSync(vars, "utf8"));
  if (found !== undefined) return found;
  throw new Error(
    ".dev.vars has only the hash of a passphrase: add the line `# passphrase: …` with the passphrase itself",
  );
}

function readKept(path, origin) {
  if (!existsSync(path)) return undefined;
  try {
    const kept = JSON.parse(readFileSync(path, "utf8"));
    return kept.origin === origin ? kept : undefined;
  } catch {
    // Half a file is none.
    return undefined;
  }
}

/** Renamed into place, so that two at once leave a whole file. */
function keep(path, { origin, client_id, refresh_token }) {
  mkdirSync(join(ROOT, ".wrangler"), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify({ origin, client_id, refresh_token }), { mode: 0o600 });
  renameSync(fresh, path);
}
