/**
 * What is installed: exact versions, one runtime dependency, one workerd (so that tests and `make dev` run the same),
 * one zod, a lockfile that is whole on every platform, and install scripts only for packages named in package.json.
 */

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly allowScripts?: Record<string, boolean>;
}
interface Locked {
  readonly optionalDependencies?: Record<string, string>;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}
type Lock = Readonly<Record<string, Locked>>;

function faults(manifest: Manifest, lock: Lock): string[] {
  const names = Object.keys(lock).map((path) => path.split("node_modules/").at(-1) ?? "");
  const copies = (name: string): number => names.filter((one) => one === name).length;
  const pins = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const optional = Object.values(lock).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  const scripted = names.filter((_, index) => Object.values(lock)[index]?.hasInstallScript === true);
  const runtime = Object.keys(manifest.dependencies).join();
  return [
    ...(runtime === "zod" ? [] : [`${runtime}: only zod may run`]),
    ...pins.filter(([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range)).map(([name]) => `${name}: not exact`),
    ...["workerd", "zod"].filter((name) => copies(name) !== 1).map((name) => `${name}: ${copies(name)} copies`),
    // `npm ci` refuses a lockfile that leaves out a package of any platform.
    ...optional.filter((name) => copies(name) === 0).map((name) => `${name}: not in the lockfile`),
    ...scripted.filter((name) => manifest.allowScripts?.[name] !== true).map((name) => `${name}: runs a script`),
    ...Object.entries(lock).flatMap(([path, entry]) => (entry.resolved === undefined ? [] : [`${path}: names a host`])),
  ];
}

const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const zod = { dependencies: { zod: "4.6.6" } };
const both = { "node_modules/zod": {}, "node_modules/workerd": {} };

it("is in order here", () => {
  expect(faults(read("package.json") as Manifest, (read("package-lock.json") as { packages: Lock }).packages)).toEqual(
    [],
  );
});

it.each<[manifest: Manifest, lock: Lock, says: string]>([
  [{ dependencies: { zod: "^4.6.6" } }, both, "zod: not exact"],
  [{ dependencies: { zod: "4.6.6", ms: "1.0.0" } }, both, "zod,ms: only zod may run"],
  [zod, { ...both, "node_modules/a/node_modules/workerd": {} }, "workerd: 2 copies"],
  [zod, { ...both, "node_modules/a": { optionalDependencies: { "a-mac": "1.0.0" } } }, "a-mac: not in the lockfile"],
  [zod, { ...both, "node_modules/a": { hasInstallScript: true } }, "a: runs a script"],
  [zod, { ...both, "node_modules/a": { resolved: "https://npm.example/a" } }, "node_modules/a: names a host"],
])("%j %j: %s", (manifest, lock, says) => {
  expect(faults(manifest, lock)).toEqual([says]);
});
