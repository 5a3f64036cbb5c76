/**
 * `make sbom`: the bill of materials of all packages as CycloneDX, in dist/sbom.cdx.json, and their licences. Made by npm of
 * package-lock.json. Fails on a package that names no licence.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";

const args = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=application", "--package-lock-only"];
const text = execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 2 ** 20 });
mkdirSync(join(ROOT, "dist"), { recursive: true });
writeFileSync(join(ROOT, "dist", "sbom.cdx.json"), text);

const byLicence = new Map();
for (const { name, version, licenses = [] } of JSON.parse(text).components) {
  const licence =
    licenses
      .map(({ license = {}, expression }) => expression ?? license.id ?? license.name)
      .join(" ") || "NONE NAMED";
  byLicence.set(licence, [...(byLicence.get(licence) ?? []), `${name} ${version}`]);
}
for (const [licence, packages] of [...byLicence].toSorted(([a], [b]) => a.localeCompare(b))) {
  console.log(`\n${licence} (${packages.length})`);
  for (const one of packages.toSorted()) console.log(`  ${one}`);
}
console.log("\ndist/sbom.cdx.json. In the Worker runs zod alone, and only where an app uses it.");
if (byLicence.has("NONE NAMED")) process.exitCode = 1;
