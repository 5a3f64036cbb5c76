/**
 * The ledger as one HTML page without a framework: first the numbers, then every entry in the order of the texts. Works from
 * a file and without a network; searching and filtering need script, reading does not.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../src/cli/environment.mjs";
import { countPages, pagesTable, readPages } from "./pages.node.ts";
import { escapeHtml, faultList, faultSentence, type MutantsReport } from "./report-faults.node.ts";
import {
  pageOf,
  REVISIONS,
  tally,
  textOf,
  type EntryStatus,
  type Place,
  type Proof,
  type Tally,
} from "./status.node.ts";

/** What a text is called where its number says little. */
const TEXTS: Readonly<Record<string, string>> = {
  mcp: "Model Context Protocol",
  "jsonrpc:2.0": "JSON-RPC 2.0",
  "rfc:6749": "RFC 6749, OAuth 2.0",
  "rfc:6750": "RFC 6750, bearer tokens",
  "rfc:7009": "RFC 7009, token revocation",
  "rfc:7523": "RFC 7523, JWT assertions of clients",
  "rfc:7591": "RFC 7591, dynamic client registration",
  "rfc:7636": "RFC 7636, PKCE",
  "rfc:7662": "RFC 7662, token introspection",
  "rfc:8252": "RFC 8252, native apps",
  "rfc:8414": "RFC 8414, metadata of authorization servers",
  "rfc:8707": "RFC 8707, resource indicators",
  "rfc:9068": "RFC 9068, JWT access tokens",
  "rfc:9110": "RFC 9110, HTTP",
  "rfc:9207": "RFC 9207, issuer identification",
  "rfc:9700": "RFC 9700, security of OAuth 2.0",
  "rfc:9728": "RFC 9728, metadata of protected resources",
  "draft:ietf-oauth-v2-1-13": "OAuth 2.1, draft 13",
  "draft:ietf-oauth-client-id-metadata-document-00": "Client ID Metadata Documents, draft 00",
  "draft:ietf-oauth-client-id-metadata-document-01": "Client ID Metadata Documents, draft 01",
  "openid:openid-connect-discovery-1_0": "OpenID Connect Discovery 1.0",
  "extauth:oauth-client-credentials": "MCP extension: client credentials",
};

/** Makes the address of a place in this repository. */
type LinkTo = (place: Place) => string;

/**
 * The page. `commit`: what is checked out; links go to it where package.json names a repository, else to the files beside.
 * `mutants`: what `make mutants` wrote, if it was run.
 */
export function reportPage(
  entries: readonly EntryStatus[],
  commit: string | undefined,
  mutants?: MutantsReport,
): string {
  const linkTo = linksTo(commit);
  const texts = groupBy(entries, textOf);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What barewire shows of its specifications</title>
<style>${STYLE}</style>
<h1>What barewire shows of its specifications</h1>
<p>Every statement of a text that binds a server, an authorization server or a resource server: in our words, with a link to its source, the lines of code that obey it, and the checks that prove it. Commit ${escapeHtml(commit ?? "unknown")}. <code>make spec</code> writes this page, <code>spec/README.md</code> explains the words.</p>
${faultSentence(mutants)}
${tallyTable(
  "By revision of MCP in which it holds",
  REVISIONS.map((one) => [one, entries.filter(({ revisions }) => revisions.includes(one))]),
  [["all", entries]],
)}
${tallyTable(
  "By text",
  [...texts].map(([text, of]) => [nameOf(text), of]),
  [],
)}
${pagesTable(countPages(readPages(), entries))}
<form id="filter" role="search">
<label>Search <input type="search" name="words" autocomplete="off"></label>
<label>Status <select name="status"><option value="">any</option><option>shown</option><option>excluded</option><option>open</option></select></label>
<label>Level <select name="level"><option value="">any</option><option>MUST</option><option>SHOULD</option></select></label>
<label>Revision <select name="revision"><option value="">any</option>${REVISIONS.map((one) => `<option>${one}</option>`).join("")}</select></label>
<output id="count">${entries.length} of ${entries.length}</output>
</form>
${[...texts].map(([text, of]) => textSection(text, of, (entry) => entryItem(entry, linkTo, mutants))).join("\n")}
<script>${SCRIPT}</script>
</html>
`;
}

/** "of everything" rows stand last. */
function tallyTable(
  caption: string,
  groups: readonly (readonly [string, readonly EntryStatus[]])[],
  totals: readonly (readonly [string, readonly EntryStatus[]])[],
): string {
  const cells = ({ shown, excluded, open }: Tally): string =>
    `<td>${shown}<td>${excluded}<td${open > 0 ? ' class="open"' : ""}>${open}`;
  const rows = [...groups, ...totals].map(
    ([name, of]) =>
      `<tr><th scope="row">${escapeHtml(name)}${cells(tally(of, "MUST"))}${cells(tally(of, "SHOULD"))}`,
  );
  return `<table><caption>${escapeHtml(caption)}</caption>
<thead><tr><td><th colspan="3">MUST (NOT)<th colspan="3">SHOULD (NOT)
<tr><td><th>shown<th>excluded<th>open<th>shown<th>excluded<th>open
<tbody>${rows.join("\n")}
</table>`;
}

function textSection(
  text: string,
  entries: readonly EntryStatus[],
  itemOf: (entry: EntryStatus) => string,
): string {
  const pages = [...groupBy(entries, pageOf)];
  const parts = pages.map(
    ([page, of]) =>
      `${pages.length > 1 ? `<h3>${escapeHtml(page.replace(/^mcp:/, ""))}</h3>` : ""}
<ol>${of.map(itemOf).join("\n")}</ol>`,
  );
  return `<section><h2>${escapeHtml(nameOf(text))}</h2>${parts.join("\n")}</section>`;
}

function entryItem(entry: EntryStatus, linkTo: LinkTo, mutants?: MutantsReport): string {
  const { id, level, since, until, url, text, status, source, also = [], excluded } = entry;
  const dates = until === undefined ? `since ${since}` : `${since} to ${until}`;
  const anchor = source.replace(/^[^#]*#?/, "") || "the page";
  const others = also.length === 0 ? "" : `; also ${escapeHtml(also.join(", "))}`;
  return `<li id="${id}" class="${status}" data-level="${level}" data-revisions="${entry.revisions.join(" ")}"><details><summary><b>${level}</b> ${escapeHtml(text)} <small><code>${id}</code> ${status}</small></summary>
<dl><dt>source<dd><a href="${escapeHtml(url)}">${escapeHtml(anchor)}</a>${others}; ${dates}
<dt>code<dd>${citationList(entry, linkTo)}
${excluded === undefined ? `<dt>checks<dd>${proofList(entry.proofs, linkTo)}` : `<dt>excluded<dd>${escapeHtml(excluded.reason)} ${standInOf(entry, linkTo)}`}${faultList(id, mutants)}</dl></details>`;
}

function citationList({ citations }: EntryStatus, linkTo: LinkTo): string {
  if (citations.length === 0) return "no line alone: it holds by what is absent, or everywhere";
  const items = citations.map(
    (citation) =>
      `<li><a href="${escapeHtml(linkTo(citation))}">${citation.file}:${citation.line}</a> <code>${escapeHtml(citation.code)}</code>`,
  );
  return `<ul>${items.join("")}</ul>`;
}

/** Exchanges with the steps that prove it, vectors with their cases. */
function proofList(proofs: readonly Proof[], linkTo: LinkTo): string {
  const items = [...groupBy(proofs, ({ file, id }) => `${file} ${id}`)].map(([, of]) => {
    const [{ file, id } = { file: "", id: "" }] = of;
    const steps = of.flatMap(({ step }) => (step === undefined ? [] : [step]));
    const where =
      steps.length === 0 ? "" : `, step${steps.length > 1 ? "s" : ""} ${steps.join(", ")}`;
    const line = lineOf(file, id);
    return `<li><a href="${escapeHtml(linkTo({ file, line }))}">${escapeHtml(id)}</a>${where}`;
  });
  return `<ul>${items.join("")}</ul>`;
}

function standInOf({ standIn, excluded }: EntryStatus, linkTo: LinkTo): string {
  if (standIn === undefined) return "";
  return `In its place: <a href="${escapeHtml(linkTo(standIn))}">${escapeHtml(`${standIn.file}: ${excluded?.test?.name}`)}</a>`;
}

const sources = new Map<string, string[]>();

/** The line on which an exchange or a case begins; 1 where it cannot be found. */
function lineOf(file: string, id: string): number {
  const lines = sources.get(file) ?? readFileSync(join(ROOT, file), "utf8").split("\n");
  sources.set(file, lines);
  return (
    1 +
    Math.max(
      0,
      lines.findIndex((line) => line.includes(JSON.stringify(id))),
    )
  );
}

function linksTo(commit: string | undefined): LinkTo {
  const { repository } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    repository?: string | { url: string };
  };
  const named = typeof repository === "object" ? repository.url : repository;
  const web = /github\.com[/:]([\w.-]+\/[\w.-]+?)(\.git)?$/.exec(named ?? "")?.[1];
  const [hash] = commit?.split("-") ?? [];
  const base =
    web === undefined || hash === undefined ? "../.." : `https://github.com/${web}/blob/${hash}`;
  return ({ file, line }) => `${base}/${file}#L${line}`;
}

function nameOf(text: string): string {
  return TEXTS[text] ?? text.replace(/^rfc:/, "RFC ").replace(/^(draft|openid|extauth|html):/, "");
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

const STYLE = `
:root { font: 1rem/1.5 system-ui, sans-serif; --line: #8884; --open: #c22; --quiet: #667; }
@media (prefers-color-scheme: dark) { :root { --open: #f77; --quiet: #99a; } }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding: .3rem 0; }
td, th { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid var(--line); font-weight: normal; }
th[scope=row] { text-align: left; }
td.open { color: var(--open); font-weight: bold; }
#filter { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; padding: .6rem 0; background: Canvas; border-bottom: 1px solid var(--line); }
#filter input { min-width: 14rem; }
input, select { font: inherit; }
ol { list-style: none; padding: 0; }
ol > li { border-bottom: 1px solid var(--line); padding: .3rem 0; }
li.open summary b { color: var(--open); }
summary small, dt { color: var(--quiet); }
summary b { font-size: .8rem; }
li.excluded summary b { font-weight: normal; }
dl { display: grid; grid-template-columns: 6rem 1fr; margin: .4rem 0 .8rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
dd ul { list-style: none; margin: 0; padding: 0; }
[hidden] { display: none; }
`;

const SCRIPT = `
const form = document.getElementById("filter");
const items = [...document.querySelectorAll("ol > li")];
const texts = items.map((item) => item.textContent.toLowerCase());
const apply = () => {
  const { words, status, level, revision } = Object.fromEntries(new FormData(form));
  const wanted = words.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  items.forEach((item, index) => {
    const shown = wanted.every((word) => texts[index].includes(word)) &&
      (status === "" || item.className === status) && item.dataset.level.startsWith(level) &&
      (revision === "" || item.dataset.revisions.split(" ").includes(revision));
    item.hidden = !shown;
    if (shown) count += 1;
  });
  for (const section of document.querySelectorAll("section, h3"))
    section.hidden = section.localName === "h3"
      ? !section.nextElementSibling.querySelector(":scope > li:not([hidden])")
      : !section.querySelector("ol > li:not([hidden])");
  document.getElementById("count").value = count + " of " + items.length;
};
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
const open = () => { const item = document.getElementById(location.hash.slice(1)); if (item?.firstElementChild?.localName === "details") item.firstElementChild.open = true; };
addEventListener("hashchange", open);
open();
apply();
`;
