// What an auditor is given: the files to read, and every package with its licence.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = (tool: string): string =>
  execFileSync(process.execPath, [`test/tools/${tool}.mjs`], { cwd: ROOT, encoding: "utf8" });

it("make route names each file once, with its lines, and their sum", () => {
  const printed = run("route");
  const files = [...printed.matchAll(/^ +(\d+) {2}(src\/[\w./-]+)$/gm)];
  const lines = files.map(([, count]) => Number(count));
  expect(new Set(files.map(([, , file]) => file)).size).toBe(files.length);
  for (const [, count, file = ""] of files) {
    expect(existsSync(`${ROOT}/${file}`), file).toBe(true);
    expect(readFileSync(`${ROOT}/${file}`, "utf8").trimEnd().split("\n"), file).toHaveLength(
      Number(count),
    );
  }
  const sum = lines.reduce((all, one) => all + one, 0);
  expect(printed.trimEnd()).toMatch(
    new RegExp(`\n {2}${sum.toLocaleString("en")} lines in ${files.length} files$`),
  );
  for (const file of ["wire/origin", "oauth/authorization-server/token", "oauth/clients/register"])
    expect(printed).toContain(`src/${file}.ts`);
});

it("make sbom knows every package of the lockfile, and each has a licence", () => {
  const printed = run("sbom");
  const { components } = JSON.parse(readFileSync(`${ROOT}/dist/sbom.cdx.json`, "utf8")) as {
    components: { name: string; version: string }[];
  };
  const { packages } = JSON.parse(readFileSync(`${ROOT}/package-lock.json`, "utf8")) as {
    packages: Record<string, { version?: string }>;
  };
  const locked = Object.entries(packages)
    .filter(([path]) => path !== "")
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, "")} ${version}`);
  const known = components.map(({ name, version }) => `${name} ${version}`);
  expect(new Set(known)).toEqual(new Set(locked));
  for (const one of known) expect(printed).toContain(`\n  ${one}\n`);
  expect(printed).not.toContain("NONE NAMED");
});
