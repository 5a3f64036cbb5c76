/**
 * How the pages of sign-in, consent and account look. A fork may change every word and colour here; what must stay is
 * what a person has to know before they say yes: who asks, who vouches for them, and where the answer goes.
 * Works without script, pictures or anything from elsewhere; on phones, in the dark, by keyboard and by ear.
 */

import { markup, writeHtml, type Html } from "../base/html.ts";
import type { AccountView, ClientView, ConsentView, Pages, SignInView, View } from "../oauth/pages.ts";
import type { Field } from "../oauth/sign-in.ts";

/** Text is at least 4.5 times as bright as its ground or the other way round, edges of controls at least 3 times. */
const STYLE = markup`
:root { color-scheme: light dark; --ground: #f4f3ef; --card: #fff; --ink: #1b1d22; --soft: #5a5f6b; --line: #e2e0da;
  --deed: #2d4fd0; --on: #fff; --edge: #82868f; --warn: #fdf3dc; --rim: #e3c06b; --bad: #a32020 }
@media (prefers-color-scheme: dark) { :root { --ground: #121316; --card: #1c1e23; --ink: #eceef2; --soft: #a3a8b4;
  --line: #33363e; --deed: #9db2ff; --on: #10142b; --edge: #767b87; --warn: #2b2517; --rim: #6d5a26; --bad: #ff9d94 } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; align-content: center; justify-items: center; padding: 1.5rem 1rem;
  background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
main { width: 100%; max-width: 27.5rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; box-shadow: 0 1px 2px #0001, 0 1rem 3rem #0001 }
.brand { display: flex; align-items: center; gap: .6rem; color: var(--soft); font-size: .9rem; margin-bottom: 1.5rem }
.brand i { flex: none; width: 1.75rem; height: 1.75rem; display: grid; place-items: center; border-radius: .5rem;
  background: var(--deed); color: var(--on); font-style: normal; font-weight: 700 }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.015em; text-wrap: balance; margin-bottom: .5rem }
h2 { font-size: 1rem; font-weight: 600 }
p, small, dt { color: var(--soft) }
small { display: block; font-size: .875rem }
b, dd { color: var(--ink); font-weight: 600 }
a { color: var(--deed) }
dl { display: grid; grid-template-columns: auto 1fr; gap: .5rem 1.25rem; margin: 1.25rem 0; padding: 1rem 0;
  border: solid var(--line); border-width: 1px 0; font-size: .925rem }
dd { margin: 0 }
ul { list-style: none; padding: 0 }
.can li { position: relative; padding-left: 1.6rem; margin-top: .4rem }
.can li::before { content: ""; position: absolute; left: .3rem; top: .3rem; width: .4rem; height: .75rem;
  border: solid var(--deed); border-width: 0 2px 2px 0; transform: rotate(40deg) }
.note { margin-top: 1.25rem; padding: .75rem .9rem; border: 1px solid var(--rim); border-radius: .6rem;
  background: var(--warn); color: var(--ink); font-size: .925rem }
.bad { border-color: var(--bad); background: none; color: var(--bad); font-weight: 600 }
form { margin-top: 1.5rem }
label { font-weight: 600 }
input[type=text], input[type=password] { width: 100%; min-height: 3rem; margin: .35rem 0; padding: .6rem .8rem;
  font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--edge); border-radius: .6rem }
[aria-invalid] { border-color: var(--bad) !important }
.tick { display: flex; align-items: center; gap: .65rem; min-height: 3rem; margin: .35rem 0; font-weight: 400 }
.tick input { flex: none; width: 1.25rem; height: 1.25rem; accent-color: var(--deed) }
button { width: 100%; min-height: 3rem; padding: .6rem 1rem; border: 1px solid var(--deed); border-radius: .6rem;
  background: var(--deed); color: var(--on); font: inherit; font-weight: 600; cursor: pointer }
.plain { background: none; color: var(--ink); border-color: var(--edge) }
button:hover { filter: brightness(1.1) }
.plain:hover { background: var(--ground) }
:focus-visible { outline: 3px solid var(--deed); outline-offset: 2px }
.pair { display: flex; flex-direction: row-reverse; gap: .75rem }
.apps { margin-top: 1.25rem }
.apps li { padding: 1.1rem 0; border-top: 1px solid var(--line) }
.apps form { margin-top: .75rem }
.apps button { width: auto; min-height: 2.75rem }
.apps + form { margin-top: 0; padding-top: 1.25rem; border-top: 1px solid var(--line) }
footer { margin-top: 1.25rem }
@media (max-width: 30rem) {
  body { align-content: start; padding: 0; background: var(--card) }
  main { padding: 1.5rem 1.25rem; border: 0; box-shadow: none }
  .pair { flex-direction: column }
  .apps button { width: 100% }
}
`;

export const pages: Pages = (view, nonce) => {
  const [title, content] = write(view);
  return writePage(view.serverName, title, content, nonce);
};

/** A whole document. `more`: what its style has beyond the others'. */
export function writePage(serverName: string, title: string, content: Html, nonce: string, more?: Html): string {
  const initial = /^./u.exec(serverName)?.[0].toUpperCase();
  return writeHtml(markup`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ${serverName}</title>
<style nonce="${nonce}">${STYLE}${more}</style>
</head>
<body>
<main>
<div class="brand"><i aria-hidden="true">${initial}</i>${serverName}</div>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`);
}

/** Title and content. */
function write(view: View): readonly [string, Html] {
  switch (view.view) {
    case "sign-in":
      return [view.title, writeSignIn(view)];
    case "consent":
      return [`${view.client.name} wants to use ${view.serverName}`, writeConsent(view)];
    case "account":
      return ["Apps with access", writeAccount(view)];
    case "message":
      return [view.title, markup`<p>${view.text}</p>`];
  }
}

function writeSignIn({ client, fields, message, remember, serverName, ...form }: SignInView): Html {
  const purpose =
    client === undefined
      ? markup`<p>See which apps have access to ${serverName}, and take it back.</p>`
      : markup`<p><b>${client.name}</b> asks for access. Sign in first, then decide.</p>${writeClient(client)}`;
  const wrong = message !== undefined;
  return markup`${purpose}
${wrong && markup`<p class="note bad" id="message" role="alert">${message}</p>`}
${writeForm(
  form,
  markup`${fields.map((field, at) => writeField(field, at === 0, wrong))}
<label class="tick"><input type="checkbox" name="remember"${remember && markup` checked`}> Keep me signed in here for 30 days</label>
<button>${fields.length === 0 ? "Continue" : "Sign in"}</button>`,
)}`;
}

function writeField({ name, label, type, autocomplete, hint }: Field, first: boolean, wrong: boolean): Html {
  const about = [wrong && "message", hint !== undefined && `${name}-hint`].filter((id) => id !== false);
  return markup`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" aria-describedby="${about.join(" ")}"
${wrong && markup`aria-invalid="true"`} ${first && markup`autofocus`} required autocapitalize="none" spellcheck="false">
${hint !== undefined && markup`<small id="${name}-hint">${hint}</small>`}`;
}

function writeConsent({ client, person, scopes, serverName, ...form }: ConsentView): Html {
  const all = [{ name: "", description: `Use ${serverName} in your name` }];
  return markup`<p>You are signed in as <b>${person}</b>.</p>
${writeClient(client)}
<h2>It will be able to:</h2>
<ul class="can">${(scopes.length === 0 ? all : scopes).map(({ description }) => markup`<li>${description}</li>`)}</ul>
${
  client.local &&
  markup`<p class="note"><b>Did you just start this yourself?</b> The answer stays on this device, and any program on it
can claim to be ${client.name}. If you did not expect this page, deny.</p>`
}
${writeForm(
  form,
  markup`<div class="pair"><button name="decision" value="allow">Allow</button>
<button class="plain" name="decision" value="deny">Deny</button></div>`,
)}
<footer><small>You can take this back at any time, at <a href="/account">your account</a>.</small></footer>`;
}

/** Who vouches for the client, and where the answer goes. */
function writeClient({ host, redirectHost, local }: ClientView): Html {
  const where = redirectHost.endsWith(":") ? `the app for “${redirectHost}” links` : redirectHost;
  return markup`<dl><dt>Vouched for by</dt><dd>${host ?? "Nobody. It did not prove who it is."}</dd>
<dt>Answer goes to</dt><dd>${where}${local && ", on this device"}</dd></dl>`;
}

function writeAccount({ person, grants, ...form }: AccountView): Html {
  const none = "No app has access to anything here.";
  const apps = grants.map(
    ({ id, clientName, redirectHost, scopes, since, used }) => markup`<li><h2>${clientName}</h2>
<small>At ${redirectHost}, since ${writeDay(since)}, last used ${writeDay(used)}${scopes.length > 0 && `; scopes: ${scopes.join(", ")}`}</small>
${writeForm(form, markup`<button class="plain" name="grant" value="${id}" aria-label="Take back access of ${clientName}">Take back access</button>`)}</li>`,
  );
  return markup`<p>You are signed in as <b>${person}</b>. ${grants.length === 0 && none}</p>
<ul class="apps">${apps}</ul>
${writeForm(form, markup`<button class="plain" name="leave" value="1">Sign out</button>`)}`;
}

function writeForm({ action, hidden }: Pick<SignInView, "action" | "hidden">, content: Html): Html {
  const inputs = Object.entries(hidden).map(
    ([name, value]) => markup`<input type="hidden" name="${name}" value="${value}">`,
  );
  return markup`<form method="post" action="${action}">${inputs}
${content}</form>`;
}

function writeDay(ms: number): Html {
  const day = new Date(ms);
  return markup`<time datetime="${day.toISOString()}">${day.toLocaleDateString("en", { dateStyle: "medium" })}</time>`;
}
