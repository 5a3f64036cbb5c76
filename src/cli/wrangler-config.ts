/** What the programs read of wrangler.toml: the name, the databases, and the names of the settings. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./environment.mjs";

/** A database of wrangler.toml. `section` is the text that configures it. */
export interface Database {
  readonly binding: string;
  /** The folder of its migrations, from the top of the repository. */
  readonly migrations: string;
  readonly section: string;
}

const TEXT = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
const SECTIONS = TEXT.split(/^(?=\[)/m);

/** The name of this project: letters, digits and hyphens. */
export const PROJECT_NAME: string = valueIn(SECTIONS[0] ?? "", "name") ?? "server";

/** The databases of wrangler.toml, in its order. */
export const DATABASES: readonly Database[] = SECTIONS.filter((section) =>
  section.startsWith("[[d1_databases]]"),
).map((section) => ({
  binding: valueIn(section, "binding") ?? "",
  migrations: valueIn(section, "migrations_dir") ?? "migrations",
  section,
}));

/** Whether each database has the id of one on an account. */
export const HAS_DATABASE_IDS: boolean = !/^database_id = "0{8}-/m.test(TEXT);

/** The names of all settings under [vars] in wrangler.toml: a deployment's own, which tests do without. */
export const VARIABLES: readonly string[] = SECTIONS.filter((section) =>
  section.startsWith("[vars]"),
).flatMap((section) => [...section.matchAll(/^(\w+)\s*=/gm)].map(([, name = ""]) => name));

function valueIn(section: string, name: string): string | undefined {
  return new RegExp(`^${name}\\s*=\\s*"([^"]*)"`, "m").exec(section)?.[1];
}
