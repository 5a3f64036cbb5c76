/** The files of spec/, as the second runner reads them. */

import { readdirSync, readFileSync } from "node:fs";

const spec = new URL("../", import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, spec), "utf8"));
const all = (folder) =>
  readdirSync(new URL(folder, spec)).flatMap((file) => read(`${folder}${file}`));

export const { revisions, sources } = read("revisions.json");
export const world = read("world.json");
export const exchanges = all("exchanges/");
export const requirements = all("requirements/");

/** The templates of a revision, those of every revision included. */
export const templatesOf = (revision) => ({
  ...read("templates/every.json"),
  ...read(`templates/${revision}.json`),
});

/** Whether `revision` lies between the two ends, both included. */
export const holdsIn = (revision, { since = "", until = revision }) =>
  since <= revision && revision <= until;

/** Where the text of a requirement stands, as revisions.json says. */
export function addressOf({ source, until = revisions.at(-1) }) {
  const rule = sources[source.slice(0, source.indexOf(":"))];
  const { page, section, anchor } = new RegExp(rule.pattern, "u").exec(source).groups;
  const place = anchor ?? (section && `section-${section}`);
  const address = rule.url.replace("{revision}", until).replace("{page}", page);
  return place ? address.replace("{anchor}", place) : address.replace("#{anchor}", "");
}
