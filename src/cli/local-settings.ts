/** The settings of `make dev`, whatever wrangler.toml says of a deployment, and the secrets in .dev.vars. */

import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDevVars } from "./dev-vars.ts";
import { ROOT } from "./environment.mjs";
import { freshPassphrase, hashPassphrase, isHashOf } from "./passphrase.mjs";

/** Settings of the Worker on this machine, by name. */
export type LocalSettings = Readonly<Record<string, string>>;

/**
 * Settings that say where a deployment is, who vouches for its callers, who watches it and who reads its log, each with the
 * value that it has on this machine whatever wrangler.toml says. IDENTITY makes one server of all names and ports of loopback.
 */
const LOCAL_SETTINGS: LocalSettings = {
  PUBLIC_URL: "",
  IDENTITY: "http://localhost:8787",
  JURISDICTION: "",
  LOCATION_HINT: "",
  AUTH_ISSUER: "",
  ACCEPT_ANY_JWT_TYPE: "",
  OTEL_EXPORTER_OTLP_ENDPOINT: "",
  // The log writes stacks as text, which wrangler maps to lines of the source.
  DEV: "1",
};

/**
 * The settings that go before those of wrangler.toml, by name. `vars`: the text of .dev.vars, which decides wherever it
 * names one of them. `url`: the address of a tunnel, or empty. `auth`: AUTH, or empty.
 */
export function localSettings(
  vars: string,
  { url = "", auth = "" }: { readonly url?: string; readonly auth?: string } = {},
): LocalSettings {
  const set = readDevVars(vars);
  const free = Object.entries(LOCAL_SETTINGS).filter(([name]) => !Object.hasOwn(set, name));
  return {
    ...Object.fromEntries(free),
    ...(url !== "" && { PUBLIC_URL: url }),
    ...(auth !== "" && { AUTH: auth }),
  };
}

/**
 * Makes the secrets of local use in the file at `path` where they are missing. What is there stays, and only its owner may
 * read it from then on. The passphrase itself is a comment: the Worker gets its hash. `needsPassphrase`: the app signs
 * people in by one.
 */
export function makeSecrets(path: string, needsPassphrase: boolean): void {
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  let text = before;
  const add = (line: string): void => {
    text += `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`;
  };
  const set = readDevVars(text);
  if (!Object.hasOwn(set, "KEYS")) add(`KEYS=${freshKeys()}`);
  if (needsPassphrase && !Object.hasOwn(set, "PASSPHRASE")) {
    const passphrase = freshPassphrase();
    add(`# passphrase: ${passphrase}\nPASSPHRASE=${hashPassphrase(passphrase)}`);
  }
  // Before there is anything new to read. The file may be a link: it is written where it is.
  if (existsSync(path)) chmodSync(path, 0o600);
  if (text !== before) writeFileSync(path, text, { mode: 0o600 });
}

/** Whether the app signs people in by a passphrase of its settings: some file of it names PASSPHRASE. A fork may not. */
export function appHasPassphrase(): boolean {
  const files = globSync("src/app/**/*.ts", { cwd: ROOT });
  return files.some((file) => /\bPASSPHRASE\b/.test(readFileSync(join(ROOT, file), "utf8")));
}

/** A key ring of one fresh key, as the Worker reads it. */
export function freshKeys(id: string = "dev"): string {
  return `${id}:${randomBytes(32).toString("base64")}`;
}

/** The passphrase that the text of .dev.vars says in a comment: of several, the one whose hash is in force; undefined where it is none. */
export function passphraseIn(vars: string): string | undefined {
  const stored = readDevVars(vars)["PASSPHRASE"] ?? "";
  return notedPassphrases(vars).findLast((passphrase) => isHashOf(stored, passphrase));
}

/** The secrets in the text of .dev.vars, all noted passphrases among them: what no page and no log may show. */
export function secretsIn(vars: string): string[] {
  const values = Object.entries(readDevVars(vars))
    .filter(([name]) => /KEY|SECRET|TOKEN|PASS|INTROSPECTION/.test(name))
    .flatMap(([name, value]) => (name === "KEYS" ? value.split(/[\s,:]+/) : [value]));
  // A short word would be found everywhere.
  return [...values, ...notedPassphrases(vars)].filter((text) => text.length >= 8);
}

function notedPassphrases(vars: string): string[] {
  return [...vars.matchAll(/^# passphrase: (.+)$/gm)].map(([, text = ""]) => text.trim());
}
