/** The settings of `make dev`, whatever wrangler.toml says of a deployment, and the secrets in .dev.vars. */

import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { freshPassphrase, hashPassphrase, isHashOf } from "./passphrase.mjs";
import { freshKeys, LOCAL_SETTINGS } from "./process.mjs";

/**
 * The settings that go before those of wrangler.toml, by name. `vars`: the text of .dev.vars, which decides wherever it
 * names one of them. `url`: the address of a tunnel, or empty. `auth`: AUTH, or empty.
 */
export function localSettings(vars, { url = "", auth = "" } = {}) {
  const free = Object.entries(LOCAL_SETTINGS).filter(([name]) => !names(vars, name));
  return {
    ...Object.fromEntries(free),
    ...(url !== "" && { PUBLIC_URL: url }),
    ...(auth !== "" && { AUTH: auth }),
  };
}

function names(vars, name) {
  return new RegExp(`^\\s*(export\\s+)?${name}\\s*=`, "m").test(vars);
}

/**
 * Makes the secrets of local use in the file at `path` where they are missing. What is there stays, and only its owner may
 * read it from then on. The passphrase itself is a comment: the Worker gets its hash.
 */
export function makeSecrets(path) {
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  let text = before;
  const add = (line) => {
    text += `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`;
  };
  if (!names(text, "KEYS")) add(`KEYS=${freshKeys()}`);
  if (!names(text, "PASSPHRASE")) {
    const passphrase = freshPassphrase();
    add(`# passphrase: ${passphrase}\nPASSPHRASE=${hashPassphrase(passphrase)}`);
  }
  if (text !== before) writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}

/** The passphrase that the text of .dev.vars says in a comment; undefined when it is not the one whose hash is there. */
export function passphraseIn(vars) {
  const passphrase = /^# passphrase: (\S+)$/m.exec(vars)?.[1];
  const stored = /^\s*(?:export\s+)?PASSPHRASE\s*=\s*["']?([^"'\s]*)/m.exec(vars)?.[1] ?? "";
  return passphrase !== undefined && isHashOf(stored, passphrase) ? passphrase : undefined;
}
