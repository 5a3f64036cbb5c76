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
import { EXAMPLE, type Part } from "./removable-parts.node.ts";

const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

const MINIMAL_APP: string = join(ROOT, "test/system/minimal-app");

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

/**
 * A copy of what the fork at `root` has, with the minimal app in place of the example, and `parts` taken out. `remove`
 * deletes the copy.
 */
export function copyWithout(
  parts: readonly Part[],
  root: string = ROOT,
): {
  readonly folder: string;
  readonly remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), "barewire-fork-"));
  for (const path of ["src", "wrangler.toml", "tsconfig.json", "package.json"])
    cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  if (parts.includes(EXAMPLE)) replaceExample(folder);
  for (const { paths } of parts)
    if (!parts.includes(EXAMPLE) || paths !== EXAMPLE.paths)
      for (const path of paths) rmSync(join(folder, path), { recursive: true, force: true });
  // The app's way of signing in goes with what it signs in to, and is another one where its own was taken out.
  if (!existsSync(join(folder, "src/oauth/sign-in")))
    rmSync(join(folder, "src/app/auth.ts"), { force: true });
  else if (parts.includes(EXAMPLE)) chooseSignIn(folder);
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

/** How the minimal app signs people in, by the file that must be there for it: its own way first. */
const SIGN_IN_CALLS: Readonly<Record<string, string>> = {
  passphrase: "passphrase(PASSPHRASE)",
  "api-key": 'apiKey({ name: "Upstream", url: PASSPHRASE, account: "id" })',
  openid:
    'openId({ name: "Upstream", issuer: PASSPHRASE, clientId: "id", clientSecret: PASSPHRASE })',
};
/** Where none of them is left. */
const OWN_SIGN_IN =
  '{ title: PASSPHRASE, fields: [], submit: async () => ({ kind: "rejected", message: "No" }) }';

function chooseSignIn(folder: string): void {
  const path = join(folder, "src/app/auth.ts");
  const name = Object.keys(SIGN_IN_CALLS).find((file) =>
    existsSync(join(folder, `src/oauth/sign-in/${file}.ts`)),
  );
  const call = SIGN_IN_CALLS[name ?? ""] ?? OWN_SIGN_IN;
  const imported = /^(\w+)\(/.exec(call)?.[1];
  const text = readFileSync(path, "utf8")
    .replace("passphrase(PASSPHRASE)", call)
    .replace("import { passphrase,", imported === undefined ? "import {" : `import { ${imported},`);
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
      .replace(new RegExp(`\\b\\w+\\(${name}\\)(,\\s*)?`, "g"), "")
      .replace(new RegExp(`\\b${name}\\(\\w*\\)(,\\s*)?`, "g"), "");
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
