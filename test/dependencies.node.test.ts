/**
 * What is installed: exact versions, a hash for each, no host, no program that runs or fetches while npm installs, and
 * lockfiles that are whole on every platform. One runtime dependency, one workerd (so that tests and `make dev` run the
 * same), one zod. The pinned Node of test/node and the packages of test/outside are held to the same.
 */

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { isNewEnough } from "../src/cli/ready.mjs";

interface Manifest {
  readonly name: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
}
interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly engines?: { readonly node?: string };
  readonly os?: string | readonly string[];
  readonly cpu?: string | readonly string[];
  readonly bin?: unknown;
}
type Lock = Readonly<Record<string, Locked>>;

/** Where packages are installed, each with a lockfile of its own. */
const FOLDERS = [".", "test/node", "test/outside"];
const manifestIn = (folder: string): Manifest =>
  JSON.parse(read(`${folder}/package.json`)) as Manifest;
const lockIn = (folder: string): Lock =>
  (JSON.parse(read(`${folder}/package-lock.json`)) as { packages: Lock }).packages;

// ---- Rules ----------------------------------------------------------------------------------------------------------

/** npm runs these on its own; `prepare` and the like even for who only clones and installs. */
const UNASKED = /^(pre|post)?(install|prepare|prepublish|uninstall)$|^dependencies$/;
const FETCHES = /\b(curl|wget|npx)\b|\bnpm (i|ci|install|exec|add)\b|https?:/;

/** What is wrong with a folder that npm installs, and what to do about it. */
function faults(manifest: Manifest, lock: Lock): string[] {
  const packages = Object.entries(lock).filter(([path, { link }]) => path !== "" && link !== true);
  const names = new Set(packages.map(([path]) => nameOf(path)));
  const pins = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
  const optional = packages.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}));
  return [
    ...pins
      .filter(([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$|^file:/.test(range))
      .map(([name]) => `${name}: not exact: name one version, as npm install --save-exact does`),
    ...packages
      .filter(([, { integrity = "" }]) => !integrity.startsWith("sha512-"))
      .map(
        ([path]) => `${path}: no hash: delete the entry and run npm install --package-lock-only`,
      ),
    ...packages
      .filter(([, { resolved }]) => resolved !== undefined)
      .map(([path]) => `${path}: names a host: run npm install --omit-lockfile-registry-resolved`),
    ...packages
      .filter(
        ([path, entry]) =>
          entry.hasInstallScript === true && !(nameOf(path) in (manifest.allowScripts ?? {})),
      )
      .map(
        ([path]) =>
          `${nameOf(path)}: has an install script: read it, and name it in allowScripts of package.json`,
      ),
    // `npm ci` refuses a lockfile that leaves out a package of any platform.
    ...optional
      .filter((name) => !names.has(name))
      .map((name) => `${name}: not in the lockfile: run npm install --package-lock-only`),
    ...Object.entries(manifest.scripts ?? {}).flatMap(([name, command]) => [
      ...(UNASKED.test(name)
        ? [`${name}: runs unasked when npm installs: make it a command that people call`]
        : []),
      ...(FETCHES.test(command)
        ? [`${name}: fetches what no lockfile names: add the package, and call it`]
        : []),
    ]),
  ];
}

/** What the main folder is held to besides. */
function mainFaults(lock: Lock): string[] {
  const copies = (name: string): number =>
    Object.keys(lock).filter((path) => nameOf(path) === name).length;
  return ["workerd", "zod"]
    .filter((name) => copies(name) !== 1)
    .map(
      (name) =>
        `${name}: ${copies(name)} copies: choose versions that agree, so that one serves all`,
    );
}

/** What barewire is held to, and a fork is not. */
function ourFaults(manifest: Manifest, settings: string): string[] {
  if (manifest.name !== "barewire") return [];
  const runtime = Object.keys(manifest.dependencies ?? {}).filter((name) => name !== "zod");
  const allowed = Object.entries(manifest.allowScripts ?? {}).filter(([, may]) => may);
  const ours = "this rule ends where package.json has another name than barewire";
  return [
    ...runtime.map((name) => `${name}: only zod may run: write what you need of it here; ${ours}`),
    ...allowed.map(([name]) => `${name}: may run a script: say false in allowScripts; ${ours}`),
    // npm asks allowScripts from 11 on; the npm of Node 20 runs every install script unless it is told this.
    ...(/^ignore-scripts=true$/m.test(settings)
      ? []
      : [`.npmrc: packages run scripts: add ignore-scripts=true; ${ours}`]),
  ];
}

/** Calls of npm in our own tools that leave out the flag against install scripts: .npmrc speaks for its folder alone. */
function callFaults(path: string, text: string): string[] {
  const calls = text.match(/\[[^[\]]*"(ci|install)"[^[\]]*\]/g) ?? [];
  return calls.some((call) => !call.includes('"--ignore-scripts"'))
    ? [`${path}: npm may run scripts of packages: add --ignore-scripts`]
    : [];
}

// ---- Run: here, and on a fault --------------------------------------------------------------------------------------

it.each(FOLDERS)("is in order: %s", (folder) => {
  expect(faults(manifestIn(folder), lockIn(folder))).toEqual([]);
});

it("is in order: one copy, zod alone, no scripts", () => {
  expect(mainFaults(lockIn("."))).toEqual([]);
  expect(ourFaults(manifestIn("."), read(".npmrc"))).toEqual([]);
});

it("our own tools let npm run no script", () => {
  const tools = [...sources("test"), ...sources("src")].filter(
    (path) => /\.m?[jt]s$/.test(path) && path !== "test/dependencies.node.test.ts",
  );
  expect(tools.filter((path) => /"(ci|install)"/.test(read(path)))).toEqual(
    expect.arrayContaining(["test/outside/install.node.ts", "src/cli/ready.mjs"]),
  );
  expect(tools.flatMap((path) => callFaults(path, read(path)))).toEqual([]);
  expect(callFaults("a.mjs", 'run("npm", ["ci", "--no-audit"])')).toEqual([
    "a.mjs: npm may run scripts of packages: add --ignore-scripts",
  ]);
});

const HASH = { integrity: "sha512-x" };
const plain: Manifest = { name: "any" };
it.each<[manifest: Partial<Manifest>, lock: Lock, says: string]>([
  [
    { dependencies: { zod: "^4.6.6" } },
    {},
    "zod: not exact: name one version, as npm install --save-exact does",
  ],
  [
    { optionalDependencies: { a: "1" } },
    {},
    "a: not exact: name one version, as npm install --save-exact does",
  ],
  [
    {},
    { "node_modules/a": {} },
    "node_modules/a: no hash: delete the entry and run npm install --package-lock-only",
  ],
  [
    {},
    { "node_modules/a": { integrity: "sha1-x" } },
    "node_modules/a: no hash: delete the entry and run npm install --package-lock-only",
  ],
  [
    {},
    { "node_modules/a": { ...HASH, resolved: "https://npm.example/a" } },
    "node_modules/a: names a host: run npm install --omit-lockfile-registry-resolved",
  ],
  [
    { allowScripts: { b: false } },
    { "node_modules/b/node_modules/a": { ...HASH, hasInstallScript: true } },
    "a: has an install script: read it, and name it in allowScripts of package.json",
  ],
  [
    {},
    { "node_modules/a": { ...HASH, optionalDependencies: { "a-mac": "1.0.0" } } },
    "a-mac: not in the lockfile: run npm install --package-lock-only",
  ],
  [
    { scripts: { postinstall: "node a.mjs" } },
    {},
    "postinstall: runs unasked when npm installs: make it a command that people call",
  ],
  [
    { scripts: { browser: "npx playwright install" } },
    {},
    "browser: fetches what no lockfile names: add the package, and call it",
  ],
])("%j %j: %s", (manifest, lock, says) => {
  expect(faults({ ...plain, ...manifest }, lock)).toEqual([says]);
});

it("sees a second copy", () => {
  const lock = {
    "node_modules/zod": HASH,
    "node_modules/workerd": HASH,
    "node_modules/a/node_modules/workerd": HASH,
  };
  expect(mainFaults(lock)).toEqual([
    "workerd: 2 copies: choose versions that agree, so that one serves all",
  ]);
});

it("a fork adds packages, and lets their scripts run; barewire does neither", () => {
  const manifest = { dependencies: { hono: "4.9.0", zod: "4.6.6" }, allowScripts: { hono: true } };
  expect(ourFaults({ ...manifest, name: "my-server" }, "")).toEqual([]);
  expect(ourFaults({ ...manifest, name: "barewire" }, "").map((one) => one.split(";")[0])).toEqual([
    "hono: only zod may run: write what you need of it here",
    "hono: may run a script: say false in allowScripts",
    ".npmrc: packages run scripts: add ignore-scripts=true",
  ]);
});

// ---- Node -----------------------------------------------------------------------------------------------------------

it("a Node that is new enough is so for every tool, and the smallest of its line", () => {
  const tools = [
    "vitest",
    "vite",
    "rolldown",
    "wrangler",
    "miniflare",
    "oxlint",
    "oxfmt",
    "@cloudflare/kv-asset-handler",
  ];
  const ranges = tools.map((name) => lockIn(".")[`node_modules/${name}`]?.engines?.node ?? "none");
  const takes = (version: string): boolean => ranges.every((range) => admits(range, version));
  const versions = [
    "20.20.2",
    "22.11.0",
    "22.18.0",
    "22.23.2",
    "23.11.0",
    "24.0.0",
    "25.9.0",
    "26.0.0",
    "27.1.0",
  ];
  expect(versions.filter(isNewEnough)).toEqual(versions.filter(takes));
  // Node 22 reads TypeScript from 22.18 on; what Vitest asks for would be less.
  expect(["22.12.0", "22.17.1"].map((version) => [takes(version), isNewEnough(version)])).toEqual([
    [true, false],
    [true, false],
  ]);
});

it("the pinned Node is new enough, one version, on every platform that SECURITY.md names", () => {
  const { optionalDependencies = {} } = manifestIn("test/node");
  const lock = lockIn("test/node");
  const pinned = Object.keys(optionalDependencies).map(
    (name) => lock[`node_modules/${name}`] ?? {},
  );
  expect(pinned.map(({ os, cpu }) => `${String(os)} ${String(cpu)}`).toSorted()).toEqual([
    "darwin arm64",
    "darwin x64",
    "linux arm64",
    "linux x64",
  ]);
  expect(new Set(pinned.map(({ version }) => version)).size).toBe(1);
  expect(isNewEnough(pinned[0]?.version ?? "")).toBe(true);
  // As src/cli/ready.mjs looks for it.
  expect(pinned.map(({ bin }) => bin)).toEqual(pinned.map(() => ({ node: "bin/node" })));
});

it("wrangler reports nothing, also where it is started by hand", () => {
  // Before the first table, or it would be a setting of that table.
  const [top = ""] = readFileSync("wrangler.toml", "utf8").split(/^\[/m);
  expect(top).toMatch(/^send_metrics = false$/m);
});

it("SECURITY.md counts right", () => {
  if (manifestIn(".").name !== "barewire") return;
  const page = read("SECURITY.md").replaceAll(/\s+/g, " ");
  const said = (sentence: RegExp): string[] | undefined => sentence.exec(page)?.slice(1);
  const [main = [], pinned = [], outside = []] = FOLDERS.map((folder) =>
    Object.values(lockIn(folder)).slice(1),
  );
  const optional = main.filter((entry) => entry.optional === true);
  expect(said(/the lockfile names (\d+) packages, (\d+) of them optional/)).toEqual([
    String(main.length),
    String(optional.length),
  ]);
  expect(said(/installs Node ([\d.]+)/)).toEqual([pinned[0]?.version]);
  expect(said(/lockfile of their own \((\d+) packages/)).toEqual([String(outside.length)]);
});

// ---- Helpers --------------------------------------------------------------------------------------------------------

function nameOf(path: string): string {
  return path.split("node_modules/").at(-1) ?? "";
}

/** Whether `range`, made of `^1.2.3`, `>=1.2.3` and `||`, takes `version`. */
function admits(range: string, version: string): boolean {
  const numbers = (text: string): number[] => text.split(".").map(Number);
  const [major = 0, minor = 0] = numbers(version);
  return range.split("||").some((part) => {
    const [, sign, least = ""] = /^\s*(\^|>=)\s*([\d.]+)\s*$/.exec(part) ?? [];
    if (sign === undefined) throw new Error(`Cannot read the range ${part}`);
    const [leastMajor = 0, leastMinor = 0] = numbers(least);
    const isSame = major === leastMajor && minor >= leastMinor;
    return isSame || (sign === ">=" && major > leastMajor);
  });
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.name === "node_modules") return [];
    return entry.isDirectory() ? sources(path) : [path];
  });
}

function read(path: string): string {
  return readFileSync(path, "utf8");
}
