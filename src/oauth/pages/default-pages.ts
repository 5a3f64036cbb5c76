/**
 * How the pages of sign-in, consent and account look. A fork may change every word and colour here; what must stay is
 * what a person has to know before they say yes: who asks, who gave them that name, and where the answer goes.
 * Works without script or anything from elsewhere; on phones, in the dark, by keyboard and by ear. Tab goes where the eye
 * goes: what stands first in the document is shown first. The logo is `site.ts`'s.
 */

import { html, writeHtml, type Html } from "../../base/html.ts";
import type { AccountView, ClientView, ConsentView, MessageView, RenderPage, SignInView, View } from "./views.ts";
import type { SignInField } from "../sign-in/types.ts";

/** Where browsers look for the icon of a page by themselves; it is the logo in the corner as well. */
export const ICON_PATH = "/favicon.ico";

/** Text is at least 4.5 times as bright as its ground or the other way round, edges of controls at least 3 times. */
const STYLE = html`
:root { color-scheme: light dark; --ground: #f4f3ef; --card: #fff; --ink: #1b1d22; --soft: #5a5f6b; --line: #e2e0da;
  --deed: #2d4fd0; --on: #fff; --edge: #82868f; --warn: #fdf3dc; --rim: #e3c06b; --bad: #a32020 }
@media (prefers-color-scheme: dark) { :root { --ground: #121316; --card: #1c1e23; --ink: #eceef2; --soft: #a3a8b4;
  --line: #33363e; --deed: #9db2ff; --on: #10142b; --edge: #767b87; --warn: #2b2517; --rim: #6d5a26; --bad: #ff9d94 } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; align-content: center; justify-items: center; padding: 1.5rem 1rem;
  background: var(--ground); color: var(--ink); overflow-wrap: anywhere; font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 27.5rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem }
.brand { display: flex; align-items: center; gap: .6rem; color: var(--soft); margin-bottom: 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.25; text-wrap: balance; margin-bottom: .5rem }
h1 bdi { font-weight: 400 }
h2 { font-size: 1rem; font-weight: 600 }
p, small, dt { color: var(--soft) }
small { display: block }
small, dl, .brand, .note { font-size: .9rem }
b, dd, label, summary { color: var(--ink); font-weight: 600 }
a, .link { color: var(--deed) }
dl { display: grid; grid-template-columns: auto 1fr; gap: .5rem 1.25rem; margin: 1.25rem 0; padding: 1rem 0;
  border: solid var(--line); border-width: 1px 0 }
ul { padding: 0; list-style: none }
.can { padding-left: 1.5rem; list-style: "✓  " }
.note { margin-top: 1.25rem; padding: .75rem .9rem; border: 1px solid var(--rim); border-radius: .6rem;
  background: var(--warn); color: var(--ink) }
.bad { border-color: var(--bad); background: none; color: var(--bad); font-weight: 600 }
label, details { display: block; margin-top: 1rem }
input[type=text], input[type=password] { width: 100%; min-height: 3rem; margin: .35rem 0; padding: .6rem .8rem;
  font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--edge); border-radius: .6rem }
[aria-invalid] { border-color: var(--bad) !important }
.tick { display: flex; align-items: center; gap: .65rem; font-weight: 400 }
.tick input { flex: none; width: 1.25rem; height: 1.25rem; accent-color: var(--deed) }
button { width: 100%; min-height: 3rem; margin-top: 1rem; padding: .6rem 1rem; border: 1px solid var(--deed); border-radius: .6rem;
  background: var(--deed); color: var(--on); font: inherit; font-weight: 600; cursor: pointer }
.plain { background: none; color: var(--ink); border-color: var(--edge) }
.link { width: auto; min-height: 0; margin: 0; padding: 0; border: 0; background: none; text-decoration: underline }
button:hover { filter: brightness(1.1) }
:focus-visible { outline: 3px solid var(--deed); outline-offset: 2px }
.pair { display: flex; gap: 0 .75rem; margin: .5rem 0 1.25rem }
.apps button { width: auto }
.apps li { padding: 1rem 0; border-bottom: 1px solid var(--line) }
@media (max-width: 30rem) {
  body { align-content: start; padding: 0; background: var(--card) }
  main { padding: 1.5rem 1.25rem; border: 0 }
  .pair { display: block }
}
`;

export const renderPage: RenderPage = (view, nonce) => {
  const [title, content, heading] = writeView(view);
  const body = view.view === "message" ? content : writeForm(view, content);
  return writePage({ serverName: view.serverName, title, heading, nonce }, body);
};

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
export function writePage({ serverName, title, heading, nonce, extraStyle }: PageParts, content: Html): string {
  return writeHtml(html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${serverName}</title>
<style nonce="${nonce}">${STYLE}${extraStyle}</style>
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

/** A page has one form with all of its buttons, each where the eye looks for it. */
function writeForm({ action, form }: Exclude<View, MessageView>, content: Html): Html {
  return html`<form method="post" action="${action}"><input type="hidden" name="form" value="${form}">
${content}</form>`;
}

/** Title, content, and the heading where it is not the title: a window is not named in a stranger's words. */
function writeView(view: View): readonly [string, Html, Html?] {
  switch (view.view) {
    case "sign-in":
      return [view.title, writeSignIn(view)];
    case "consent":
      return ["Allow access?", writeConsent(view), html`${quote(view.client.name)} wants to use ${view.serverName}`];
    case "account":
      return ["Apps with access", writeAccount(view)];
    case "message":
      return [view.title, html`<p>${view.text}</p>`];
  }
}

function writeSignIn({ client, fields, message, staysSignedIn, serverName }: SignInView): Html {
  const purpose =
    client === undefined
      ? html`<p>See which apps have access to ${serverName}, and take it back.</p>`
      : html`<p>${quote(client.name)} asks for access. Sign in first, then decide.</p>${writeClient(client)}`;
  const hasError = message !== undefined;
  return html`${purpose}
${hasError && html`<p class="note bad" id="message" role="alert">${message}</p>`}
${fields.map((field, index) => writeField(field, index === 0, hasError))}
<label class="tick"><input type="checkbox" name="remember"${staysSignedIn && html` checked`}> Keep me signed in here for 30 days</label>
<button>${fields.length === 0 ? "Continue" : "Sign in"}</button>`;
}

function writeField({ name, label, type, autocomplete, hint }: SignInField, isFirst: boolean, hasError: boolean): Html {
  const describedBy = [hasError && "message", hint !== undefined && `${name}-hint`].filter((id) => id !== false);
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" aria-describedby="${describedBy.join(" ")}"
${hasError && html`aria-invalid="true"`} ${isFirst && html`autofocus`} required autocapitalize="none" spellcheck="false">
${hint !== undefined && html`<small id="${name}-hint">${hint}</small>`}`;
}

function writeConsent({ client, person, scopes, serverName }: ConsentView): Html {
  const unscopedAccess = [{ name: "", description: `Use ${serverName} in your name` }];
  return html`<p>You are signed in as <b><bdi>${person}</bdi></b>.
<button class="link" name="decision" value="switch">Not you?</button></p>
${writeClient(client)}
<h2>It will be able to:</h2>
<ul class="can">${(scopes.length === 0 ? unscopedAccess : scopes).map(({ description }) => html`<li>${description}</li>`)}</ul>
${writeWarning(client)}
<div class="pair"><button name="decision" value="allow">Allow</button>
<button class="plain" name="decision" value="deny">Deny</button></div>
<small>You can take this back at any time, at <a href="/account">your account</a>.</small>`;
}

/** Who gave the client its name, and where the answer goes. */
function writeClient({ isConfigured, metadataHost, redirectHost, isLocal }: ClientView): Html {
  const nameSource = isConfigured ? "The operator of this server" : "The app itself. Nobody checked it.";
  return html`<dl><dt>Name comes from</dt><dd>${metadataHost ?? nameSource}</dd>
<dt>Answer goes to</dt><dd>${isScheme(redirectHost) ? `The app for “${redirectHost}” links` : redirectHost}${isLocal && ", on this device"}</dd></dl>`;
}

function isScheme(redirectHost: string): boolean {
  return redirectHost.endsWith(":");
}

/** What only the person can know. Nothing where nothing is left to check, so that it is read where it stands. */
function writeWarning({ isConfigured, metadataHost, redirectHost, isLocal }: ClientView): Html | undefined {
  const gets = "gets the access, whatever the app is called.";
  if (isScheme(redirectHost))
    return note("Did an app on this device bring you here?", `Whichever app opens “${redirectHost}” links ${gets}`);
  if (isLocal)
    return note("Did you just connect a program on this device?", `Whichever program waits at ${redirectHost} ${gets}`);
  if (isConfigured || metadataHost !== undefined) return undefined;
  return note(`Do you come from ${redirectHost}?`, `Whoever runs that site ${gets}`);
}

function note(question: string, reason: string): Html {
  return html`<p class="note"><b>${question} If not, deny.</b> ${reason}</p>`;
}

/** A name in quotes that it cannot close, its direction its own, and not in bold where it stands among our words. */
function quote(name: string): Html {
  if (name === "") return html`An app without a name`;
  return html`“<bdi>${name.replace(/["\p{Pi}\p{Pf}„❝❞〝-〟＂]/gu, "'")}</bdi>”`;
}

function writeAccount({ person, grants, ended }: AccountView): Html {
  const none = "No app has access to anything here.";
  const apps = grants.map(
    ({
      id,
      clientName,
      redirectHost,
      scopes,
      createdAt,
      lastUsedAt,
    }) => html`<li><h2 id="${id}">${quote(clientName)}</h2>
<small>At ${redirectHost}, since ${writeTime(createdAt)}, last used ${writeTime(lastUsedAt)}${scopes.length > 0 && `; scopes: ${scopes.join(", ")}`}</small>
<button class="plain" name="grant" value="${id}" aria-describedby="${id}">Take back access</button></li>`,
  );
  const revokedName = ended?.count === 1 ? quote(ended.clientName) : `${ended?.count} apps`;
  return html`<p>You are signed in as <b><bdi>${person}</bdi></b>. ${grants.length === 0 && none}</p>
${ended && html`<p class="note" role="status">${revokedName} can no longer use this server for you.</p>`}
<ul class="apps">${apps}</ul>
${
  grants.length > 1 &&
  html`<details><summary>Take back access of all apps</summary>
<p>Each must ask you again before it can go on. What it is doing now is cut off.</p>
<button name="all" value="1">Take back all</button></details>`
}
<button class="plain" name="leave" value="1">Sign out</button>`;
}

function writeTime(ms: number): Html {
  const time = new Date(ms);
  // "Thu, 05 Nov 2026 14:05:33 GMT", the weekday and the seconds left out.
  return html`<time datetime="${time.toISOString()}">${time.toUTCString().slice(5, 22)} UTC</time>`;
}
