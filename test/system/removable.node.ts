/**
 * Takes parts out of a copy of this repository as a fork would: deletes the part's folder, and then what names it in
 * `index.ts`, `api.ts` and `wrangler.toml`. For the test of it, and for the table that `make parts` prints.
 */

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundleWorker } from "../tools/bundle.mjs";

const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

const MINIMAL_APP: string = join(ROOT, "test/system/minimal-app");

export interface Part {
  readonly name: string;
  /** What is deleted. */
  readonly paths: readonly string[];
  /** Bindings of wrangler.toml that only it needs. */
  readonly bindings?: readonly string[];
}

/** The example: what a fork deletes first, to put its own app in its place. */
export const EXAMPLE: Part = {
  name: "the example app",
  paths: ["src/app"],
  bindings: ["FEED", "USERS"],
};

const SIGN_IN: readonly Part[] = ["passphrase", "api-key", "openid"].map((name) => ({
  name: `sign-in by ${name}`,
  paths: [`src/oauth/sign-in/${name}.ts`],
}));

const SESSIONS: Part = {
  name: "sessions",
  paths: ["src/transport/session"],
  bindings: ["SESSION"],
};
const STORAGE: Part = { name: "storage", paths: ["src/storage"], bindings: ["STORE"] };
const VAULT: Part = { name: "vault", paths: ["src/vault"], bindings: ["VAULT"] };
const TELEMETRY: Part = { name: "telemetry", paths: ["src/telemetry"] };
const SUBSCRIPTIONS: Part = {
  name: "subscriptions",
  paths: ["src/transport/stateless/subscriptions.ts"],
};
const AUTHORIZATION_SERVER: Part = {
  name: "the authorization server",
  paths: [
    ...["authorization-server", "clients", "pages", "sign-in"].map(
      (folder) => `src/oauth/${folder}`,
    ),
    ...["identifiers", "lifetimes", "params", "settings"].map((name) => `src/oauth/${name}.ts`),
  ],
  bindings: ["GRANT", "ACCOUNT", "AUTH_LIMITER"],
};
const OAUTH: Part = { ...AUTHORIZATION_SERVER, name: "all of OAuth", paths: ["src/oauth"] };
/** Of no use to tools that are defined in JSON Schema. */
const ZOD: Part = { name: "zod", paths: ["src/server/zod.ts"] };
/** Sessions and subscriptions share the hub: it goes with both. */
const HUB: Part = { name: "hub", paths: ["src/hub"], bindings: ["HUB"] };

/** A row of the table: what is taken out together, and whether the revisions with sessions are still served. */
export interface Variant {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly servesSessions: boolean;
}

const variant = (name: string, ...parts: readonly Part[]): Variant => ({
  name,
  parts,
  servesSessions: !parts.includes(SESSIONS),
});

/** The whole; the minimal app in place of the example; that without each part; and without all of them. */
export const VARIANTS: readonly Variant[] = [
  variant("everything"),
  variant("one tool in place of the example", EXAMPLE),
  ...[
    SESSIONS,
    SUBSCRIPTIONS,
    STORAGE,
    VAULT,
    TELEMETRY,
    AUTHORIZATION_SERVER,
    OAUTH,
    ...SIGN_IN,
  ].map((part) => variant(`without ${part.name}`, EXAMPLE, part)),
  variant("sessions and OAuth alone", EXAMPLE, ZOD, STORAGE, VAULT, TELEMETRY, ...SIGN_IN.slice(1)),
  variant(
    "one open tool, stateless",
    EXAMPLE,
    ZOD,
    SESSIONS,
    SUBSCRIPTIONS,
    STORAGE,
    VAULT,
    TELEMETRY,
    OAUTH,
    HUB,
  ),
];

export interface Size {
  readonly lines: number;
  /** Of the bundle, gzipped. */
  readonly bytes: number;
}

export interface Built extends Size {
  readonly bundle: string;
}

/** A row of the README's table. */
export function describeSize(name: string, { lines, bytes }: Size): string {
  return `| ${name} | ${lines.toLocaleString("en")} lines | ${(bytes / 1_000).toFixed(1)} KB |`;
}

/** A copy of what a fork has, with the minimal app in place of the example, and `parts` taken out. `remove` deletes the copy. */
export function copyWithout(parts: readonly Part[]): {
  readonly folder: string;
  readonly remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), "barewire-fork-"));
  for (const path of ["src", "wrangler.toml", "tsconfig.json", "package.json"])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  if (parts.includes(EXAMPLE)) replaceExample(folder);
  for (const { paths } of parts)
    if (!parts.includes(EXAMPLE) || paths !== EXAMPLE.paths)
      for (const path of paths) rmSync(join(folder, path), { recursive: true });
  const exists = (path: string): boolean => existsSync(join(folder, path));
  // The app's way of signing in goes with what it signs in to, and is another one where its own was taken out.
  if (!exists("src/oauth/sign-in")) rmSync(join(folder, "src/app/auth.ts"), { force: true });
  else if (!exists("src/oauth/sign-in/passphrase.ts")) signInByKey(join(folder, "src/app/auth.ts"));
  for (const file of ["src/api.ts", "src/index.ts"]) dropMissingImports(folder, file);
  dropBindings(
    folder,
    parts.flatMap(({ bindings = [] }) => bindings),
  );
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function replaceExample(folder: string): void {
  rmSync(join(folder, "src/app"), { recursive: true });
  mkdirSync(join(folder, "src/app"));
  for (const file of readdirSync(MINIMAL_APP)) {
    const text = readFileSync(join(MINIMAL_APP, file), "utf8");
    writeFileSync(
      join(folder, "src/app", file),
      text.replaceAll("../../../src/api.ts", "../api.ts"),
    );
  }
}

function signInByKey(path: string): void {
  const text = readFileSync(path, "utf8")
    .replace(
      "passphrase(PASSPHRASE)",
      'apiKey({ name: "Upstream", url: PASSPHRASE, account: "id" })',
    )
    .replace("import { passphrase,", "import { apiKey,");
  writeFileSync(path, text);
}

/** Takes out of a file what it has from files that are gone: imports, exports, the parts and the classes made of them. */
function dropMissingImports(folder: string, file: string): void {
  const path = join(folder, file);
  let text = readFileSync(path, "utf8");
  const gone: string[] = [];
  text = text.replace(
    /^(import|export) (?:type )?\{([^}]*)\} from "(\.[^"]*)";\n/gm,
    (line, verb, names, from) => {
      if (existsSync(join(folder, normalize(join(dirname(file), from as string))))) return line;
      if (verb === "import") gone.push(...namesOf(names as string));
      return "";
    },
  );
  for (const name of gone) {
    text = text.replace(new RegExp(`^export class \\w+ extends ${name}\\b[^]*?^}\\n`, "gm"), "");
    // An argument goes with its call, a member with its line.
    text = text
      .replace(new RegExp(`\\b\\w+\\(${name}\\)(, )?`, "g"), "")
      .replace(new RegExp(`\\b${name}\\(\\w*\\)(, )?`, "g"), "");
    text = text.replace(new RegExp(`^  (\\w+: )?${name},\\n`, "gm"), "");
  }
  text = dropUnused(text.replace(/, \]/g, "]"));
  writeFileSync(path, text);
}

function namesOf(list: string): string[] {
  return list
    .split(",")
    .map((name) =>
      name
        .trim()
        .replace(/^type /, "")
        .replace(/^\w+ as /, ""),
    )
    .filter((name) => name !== "");
}

/** Imports whose every name is used nowhere else. */
function dropUnused(text: string): string {
  return text.replace(
    /^import (?:type )?\{([^}]*)\} from "[^"]*";\n/gm,
    (line: string, names: string) => {
      const rest = text.replace(line, "");
      return namesOf(names).some((name) => new RegExp(`\\b${name}\\b`).test(rest)) ? line : "";
    },
  );
}

/** Takes the blocks of these bindings out of wrangler.toml, and their classes out of the migrations. */
function dropBindings(folder: string, names: readonly string[]): void {
  const path = join(folder, "wrangler.toml");
  const blocks = readFileSync(path, "utf8").split(/\n(?=\n)/);
  const isDropped = (block: string): boolean =>
    names.some((name) => new RegExp(`^(name|binding) = "${name}"$`, "m").test(block));
  const classes = blocks
    .filter(isDropped)
    .flatMap((block) => /^class_name = (".*")$/m.exec(block)?.[1] ?? []);
  let text = blocks.filter((block) => !isDropped(block)).join("\n");
  for (const name of classes) text = text.replace(new RegExp(`${name}(, )?`, "g"), "");
  writeFileSync(path, text.replace(/, \]/g, "]"));
}

/** The bundle as it is deployed, its bytes, gzipped, and the lines of `src/`, its operator programs aside. @throws where it cannot be built. */
export async function buildAndMeasure(folder: string): Promise<Built> {
  const bundle = await bundleWorker(join(folder, "src/index.ts"));
  const src = join(folder, "src");
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("cli/"),
  );
  const lines = files.reduce(
    (sum, file) => sum + readFileSync(join(src, file), "utf8").split("\n").length - 1,
    0,
  );
  return { bundle, lines, bytes: gzipSync(bundle, { level: 9 }).length };
}
