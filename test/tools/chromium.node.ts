/** Which Chromium the tests of pages use. npm installs none: Debian has one, and a smaller one without windows. */

import { existsSync } from "node:fs";

/** The smaller one first: it takes half the work for the same pages. */
const PLACES = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

/** The program that CHROMIUM names, else the first that is installed, else undefined. */
export function chromiumPath(): string | undefined {
  const CHROMIUM = process.env["CHROMIUM"];
  return (CHROMIUM === undefined ? PLACES : [CHROMIUM]).find((path) => existsSync(path));
}

export const CHROMIUM_HINT: string = `there is no Chromium (looked for ${PLACES.join(" and ")}; CHROMIUM names another)`;
