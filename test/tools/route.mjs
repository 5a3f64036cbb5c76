/**
 * `make route`: what to read to audit the security of this Worker, in the order of src/README.md ("To audit"), with the lines
 * of each file. The list there is the only one: a file that it names and that is gone fails this.
 */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";

const page = readFileSync(join(ROOT, "src/README.md"), "utf8");
const [, list = ""] = /^To audit, read[^\n]*\n\n((?:\d+\. [^\n]*\n)+)/m.exec(page) ?? [];
/** The files of a login, which the last step speaks of. */
const [, login = ""] = /^To learn OAuth[^\n]*In `oauth\/`: ([^\n]*)$/m.exec(page) ?? [];
const seen = new Set();
let total = 0;

for (const step of list.trim().split("\n")) {
  const [, number, text] = /^(\d+)\. (.*)$/.exec(step) ?? [];
  const files = namedFiles(text).filter((file) => !seen.has(file));
  if (text.includes("files of a login"))
    files.unshift(...namedFiles(login, "oauth/").filter((file) => !seen.has(file)));
  console.log(`\n${number}. ${text.replace(/:.*$/s, "")}`);
  for (const file of files) {
    if (seen.has(file)) continue;
    seen.add(file);
    const lines = readFileSync(join(ROOT, "src", file), "utf8")
      .trimEnd()
      .split("\n").length;
    total += lines;
    console.log(`  ${String(lines).padStart(5)}  src/${file}`);
  }
}
console.log(`\n  ${total.toLocaleString("en")} lines in ${seen.size} files`);

/** The files that a text names in back quotes; of a folder all of its own. A name without a folder lies where the one before it lay. */
function namedFiles(text, first = "") {
  let folder = first;
  return [...text.matchAll(/`([\w./-]+(?:\.ts|\/))`/g)].flatMap(([, name]) => {
    const path = [name, folder + name, first + name].find((one) =>
      existsSync(join(ROOT, "src", one)),
    );
    if (path === undefined) throw new Error(`src/README.md names ${name}, which is not there`);
    if (!statSync(join(ROOT, "src", path)).isDirectory()) {
      folder = path.replace(/[^/]*$/, "");
      return [path];
    }
    return readdirSync(join(ROOT, "src", path))
      .filter((one) => one.endsWith(".ts"))
      .map((one) => path + one);
  });
}
