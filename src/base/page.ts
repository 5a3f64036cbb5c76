/**
 * The look of every page that people see: one column, light and dark, narrow and wide, with the logo of `site.ts` above.
 * A fork may change every colour here. Works without script or anything from elsewhere.
 */

import { html, writeHtml, type Html } from "./html.ts";

/** Where browsers look for the icon of a page by themselves; it is the logo in the corner as well. */
export const ICON_PATH = "/favicon.ico";

/** Text is at least 4.5 times as bright as its ground or the other way round, edges of controls at least 3 times. */
const style = (): Html => html`
:root { color-scheme: light dark; --ground: #f4f3ef; --card: #fff; --ink: #1b1d22; --soft: #5a5f6b; --line: #e2e0da;
  --deed: #2d4fd0; --on: #fff; --edge: #82868f; --warn: #fdf3dc; --rim: #e3c06b; --bad: #a32020 }
@media (prefers-color-scheme: dark) { :root { --ground: #121316; --card: #1c1e23; --ink: #eceef2; --soft: #a3a8b4;
  --line: #33363e; --deed: #9db2ff; --on: #10142b; --edge: #767b87; --warn: #2b2517; --rim: #6d5a26; --bad: #ff9d94 } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; padding: 1.5rem 1rem;
  background: var(--ground); color: var(--ink); overflow-wrap: anywhere; font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 27.5rem; margin: auto; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem }
.brand { display: flex; align-items: center; gap: .6rem; color: var(--soft); margin-bottom: 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.25; text-wrap: balance; margin-bottom: .5rem }
h1 bdi { font-weight: 400 }
h2 { font-size: 1rem; font-weight: 600 }
p, small, form dt { color: var(--soft) }
small { display: block }
small, dl, .brand, .note { font-size: .9rem }
b, form dd, label, summary { color: var(--ink); font-weight: 600 }
form dl { display: grid; grid-template-columns: auto 1fr; gap: .5rem 1.25rem; margin: 1.25rem 0; padding: 1rem 0;
  border-block: 1px solid var(--line) }
ul { padding: 0; list-style: none }
.can { padding-left: 1.5rem; list-style: "✓  " }
.note { margin-top: 1.25rem; padding: .75rem .9rem; border: 1px solid var(--rim); border-radius: .6rem;
  background: var(--warn); color: var(--ink) }
.bad { border-color: var(--bad); background: none; color: var(--bad); font-weight: 600 }
label, details { display: block; margin-top: 1rem }
input[type=text], input[type=password] { width: 100%; min-height: 3rem; margin: .35rem 0; padding: .6rem .8rem;
  font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--edge); border-radius: .6rem }
input[aria-invalid] { border-color: var(--bad) }
.tick { display: flex; align-items: center; gap: .65rem; font-weight: 400 }
.tick input { flex: none; width: 1.25rem; height: 1.25rem; accent-color: var(--deed) }
button { width: 100%; min-height: 3rem; margin-top: 1rem; padding: .6rem 1rem; border: 1px solid var(--deed); border-radius: .6rem;
  background: var(--deed); color: var(--on); font: inherit; font-weight: 600; cursor: pointer }
.plain { background: none; color: var(--ink); border-color: var(--edge) }
.link { all: unset; font-weight: 600; text-decoration: underline; cursor: pointer }
a, .link { color: var(--deed) }
button:hover { filter: brightness(1.1) }
:focus-visible { outline: 3px solid var(--deed); outline-offset: 2px }
.pair { display: flex; gap: 0 .75rem; margin: .5rem 0 1.25rem }
.apps button { width: auto }
.apps li { padding: 1rem 0; border-bottom: 1px solid var(--line) }
@media (max-width: 30rem) {
  body { padding: 0; background: var(--card) }
  main { margin: 0 auto auto; padding: 1.5rem 1.25rem; border: 0 }
  .pair { display: block }
}
`;

/** What a document has around its content. */
interface PageParts {
  readonly serverName: string;
  readonly title: string;
  /** The title when absent. */
  readonly heading?: Html | undefined;
  readonly nonce: string;
  /** What its style has beyond the others'. */
  readonly extraStyle?: Html | undefined;
}

/** A whole document. */
export function writePage(
  { serverName, title, heading, nonce, extraStyle }: PageParts,
  content: Html,
): string {
  return writeHtml(html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${serverName}</title>
<style nonce="${nonce}">${style()}${extraStyle}</style>
</head>
<body>
<main>
<div class="brand"><img src="${ICON_PATH}" alt="" height="28">${serverName}</div>
<h1>${heading ?? title}</h1>
${content}
</main>
</body>
</html>
`);
}

/**
 * The fields of a page's answer, which keep it from being framed, scripted, cached or leaked. CSP 3, RFC 9700 section 4.16
 * (clickjacking). `formAction`: where its forms may lead, as a source list of CSP.
 */
export function pageHeaders(nonce: string, formAction: string = "'none'"): Record<string, string> {
  // spec: authorize.injection
  const policy = `default-src 'none'; img-src 'self'; style-src 'nonce-${nonce}'; form-action ${formAction}; base-uri 'none'`;
  return {
    "content-type": "text/html; charset=utf-8",
    // spec: authorize.framed
    "content-security-policy": `${policy}; frame-ancestors 'none'`,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    // Not no-referrer: it would make browsers send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
  };
}
