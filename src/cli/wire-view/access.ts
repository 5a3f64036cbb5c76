/**
 * Who may read the wire view: programs and pages of this machine that name it by a loopback address, and no page of another
 * site. The server listens on loopback alone; this keeps out names that lead there (DNS rebinding), tunnels, and what other
 * pages in the same browser send. wrangler's proxy lets a request name itself otherwise, by a header that a rebound page may
 * send too; a browser adds the true Origin to every POST. So what was recorded is given to POST alone, and with the key
 * alone that `make dev` prints: a proxy or a tunnel may add nothing by which a request of a stranger could be told.
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;
/** What a proxy or a tunnel adds. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "cf-ray", "cdn-loop"];

/** The header field in which the page sends the key. */
const KEY_FIELD = "wire-view-key";

/** The key of one start of `make dev`: 128 random bits, in digits that no terminal takes for the end of an address. */
export function newViewKey(): string {
  return randomBytes(16).toString("hex");
}

/** Why `request` may not see the view, in a sentence; undefined when it may. `key`: as `newViewKey` made it. */
export function viewRefusal(request: Request, key: string): string | undefined {
  const { headers, method } = request;
  const host = headers.get("host") ?? "";
  if (!LOOPBACK_HOST.test(host))
    return `The wire view is for this machine alone: open it at http://localhost, not at "${host}"`;
  if (FORWARDED.some((name) => headers.has(name)))
    return "The wire view is for this machine alone, and this request was forwarded";
  const origin = headers.get("origin");
  if (origin !== null && origin !== `http://${host}`)
    return `The wire view answers no page of another origin, such as "${origin}"`;
  const site = headers.get("sec-fetch-site") ?? "none";
  if (site !== "none" && site !== "same-origin")
    return "The wire view answers no page of another site: type its address";
  if (method === "POST" && origin === null && headers.has("sec-fetch-site"))
    return "The wire view takes no POST of a page that does not say its origin";
  const isJson = /^application\/json\b/.test(headers.get("content-type") ?? "");
  if (method === "POST" && !isJson) return "The wire view takes JSON alone";
  if (method === "POST" && !isSame(headers.get(KEY_FIELD) ?? "", key))
    return `The wire view needs the key of this start of make dev: open the address that it printed in its terminal, http://${host}/wire#KEY`;
  return undefined;
}

/** Compares digests, whose length says nothing, in a time that says nothing. */
function isSame(text: string, other: string): boolean {
  const [one, two] = [text, other].map((each) => createHash("sha256").update(each).digest());
  return one !== undefined && two !== undefined && timingSafeEqual(one, two);
}
