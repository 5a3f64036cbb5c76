/**
 * How the pages of sign-in, consent and account read. A fork may change every word here; what must stay is
 * what a person has to know before they say yes: who asks, who gave them that name, and where the answer goes.
 * Works without script or anything from elsewhere; on phones, in the dark, by keyboard and by ear. Tab goes where the eye
 * goes: what stands first in the document is shown first. The logo is `site.ts`'s.
 */

import { html, type Html } from "../../base/html.ts";
import { writePage } from "../../base/page.ts";
import type {
  AccountView,
  ClientView,
  ConsentView,
  MessageView,
  RenderPage,
  SignInView,
  View,
} from "./views.ts";
import type { SignInField } from "../sign-in/types.ts";

export const renderPage: RenderPage = (view, nonce) => {
  const [title, content, heading] = writeView(view);
  const body = view.view === "message" ? content : writeForm(view, content);
  return writePage({ serverName: view.serverName, title, heading, nonce }, body);
};

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
      return [
        "Allow access?",
        writeConsent(view),
        html`${quote(view.client.name)} wants to use ${view.serverName}`,
      ];
    case "account":
      return ["Apps with access", writeAccount(view)];
    case "message":
      return [view.title, html`<p>${view.text}</p>`];
  }
}

function writeSignIn({ client, fields, message, staysSignedIn }: SignInView): Html {
  const purpose =
    client === undefined
      ? html`<p>See which apps have access, and take it back.</p>`
      : html`<p>${quote(client.name)} asks for access. Sign in first, then decide.</p>${writeClient(client)}`;
  const hasError = message !== undefined;
  return html`${purpose}
${hasError && html`<p class="note bad" id="message" role="alert">${message}</p>`}
${fields.map((field, index) => writeField(field, index === 0, hasError))}
<label class="tick"><input type="checkbox" name="remember"${staysSignedIn && html` checked`}> Keep me signed in here for 30 days</label>
<button>${fields.length === 0 ? "Continue" : "Sign in"}</button>`;
}

function writeField(
  { name, label, type, autocomplete }: SignInField,
  isFirst: boolean,
  hasError: boolean,
): Html {
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" 
${hasError && html`aria-describedby="message" aria-invalid="true"`} ${isFirst && html`autofocus`} required autocapitalize="none" spellcheck="false">`;
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
  const nameSource = isConfigured
    ? "The operator of this server"
    : "The app itself. Nobody checked it.";
  return html`<dl><dt>Name comes from</dt><dd>${metadataHost ?? nameSource}</dd>
<dt>Answer goes to</dt><dd>${isScheme(redirectHost) ? `The app for “${redirectHost}” links` : redirectHost}${isLocal && ", on this device"}</dd></dl>`;
}

function isScheme(redirectHost: string): boolean {
  return redirectHost.endsWith(":");
}

/** What only the person can know. Nothing where nothing is left to check, so that it is read where it stands. */
function writeWarning({
  isConfigured,
  metadataHost,
  redirectHost,
  isLocal,
}: ClientView): Html | undefined {
  const gets = "gets the access, whatever its name.";
  if (isScheme(redirectHost))
    return note(
      "Did an app on this device bring you here?",
      `Whichever app opens “${redirectHost}” links ${gets}`,
    );
  if (isLocal)
    return note(
      "Did you just connect a program on this device?",
      `Whichever program waits at ${redirectHost} ${gets}`,
    );
  if (isConfigured || metadataHost !== undefined) return undefined;
  return note(`Do you come from ${redirectHost}?`, `Whoever runs that site ${gets}`);
}

function note(question: string, reason: string): Html {
  return html`<p class="note"><b>${question} If not, deny.</b> ${reason}</p>`;
}

/**
 * What passes for a double quote: by Unicode's confusables (UTS #39) or by its name, a mark that sits on no letter, and
 * what is part of a word in Hebrew or Japanese, where it stands beside neither.
 */
const DOUBLE_QUOTES =
  /["\p{Pi}\p{Pf}\u02BA\u02DD\u02EE\u02F5\u02F6\u05F4\u1CD3\u1FCD\u1FCE\u1FDD\u1FDE\u201E\u2033\u2034\u2036\u2037\u2057\u275D\u275E\u2760\u2E42\u3003\u301D-\u301F\uFF02\u{1F676}-\u{1F678}]|(?<![\p{L}\p{N}\p{S}\p{M}])\p{M}+|(?<![\p{sc=Hira}\p{sc=Kana}])[\u3099\u309B\uFF9E]|(?<!\p{sc=Hebr})(\u05D9\u05D9|\u05F2)(?!\p{sc=Hebr})/gu;

/** Two or more that each pass for a single one. */
const PAIRED_QUOTES =
  /[\u{16F51}\u{16F52}'`\xB4\u02B9\u02BB-\u02BF\u02C8\u02CA\u02CB\u02F4\u0384\u055A\u055B\u055D\u05F3\u07F4\u07F5\u144A\u16CC\u1FBD\u1FBF\u1FFE\u2032\u2035\u275B\u275C\uA78C\uFF07\uFF40]{2,}/gu;

/** A name in quotes that it cannot close, its direction its own, and not in bold where it stands among our words. */
function quote(name: string): Html {
  if (name === "") return html`An app without a name`;
  return html`“<bdi>${name.replace(DOUBLE_QUOTES, "''").replace(PAIRED_QUOTES, "'")}</bdi>”`;
}

function writeAccount({ person, grants, unreachedCount, ended }: AccountView): Html {
  const none = "No app has access.";
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
  const { count = 0, clientName = "", failedCount = 0 } = ended ?? {};
  const revokedName = count === 1 ? quote(clientName) : countApps(count);
  return html`<p>You are signed in as <b><bdi>${person}</bdi></b>. ${grants.length + unreachedCount === 0 && none}</p>
${count > 0 && html`<p class="note" role="status">${revokedName} can no longer use this server.</p>`}
${failedCount > 0 && html`<p class="note" role="status">${countApps(failedCount)} could not be cut off at once: try again.</p>`}
${unreachedCount > 0 && html`<p class="note" role="status">${countApps(unreachedCount)} cannot be shown: try again.</p>`}
<ul class="apps">${apps}</ul>
${
  grants.length > 1 &&
  html`<details><summary>Take back all access</summary>
<p>Each must ask you again. What it is doing now is cut off.</p>
<button name="all" value="1">Take back all</button></details>`
}
<button class="plain" name="leave" value="1">Sign out</button>`;
}

function countApps(count: number): string {
  return count === 1 ? "1 app" : `${count} apps`;
}

function writeTime(ms: number): Html {
  const time = new Date(ms);
  // "Thu, 05 Nov 2026 14:05:33 GMT", the weekday and the seconds left out.
  return html`<time datetime="${time.toISOString()}">${time.toUTCString().slice(5, 22)} UTC</time>`;
}
