/**
 * Who may read the wire view: programs and pages of this machine that name it by a loopback address, and no page of another
 * site. The server listens on loopback alone; this keeps out names that lead there (DNS rebinding), tunnels, and what other
 * pages in the same browser send. wrangler's proxy lets a request name itself otherwise, by a header that a rebound page may
 * send too; a browser adds the true Origin to every POST. So what was recorded is given to POST alone.
 */

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;
/** What a proxy or a tunnel adds. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "cf-ray", "cdn-loop"];

/** Why `request` may not see the view, in a sentence; undefined when it may. */
export function viewRefusal(request: Request): string | undefined {
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
  return method === "POST" && !isJson ? "The wire view takes JSON alone" : undefined;
}
