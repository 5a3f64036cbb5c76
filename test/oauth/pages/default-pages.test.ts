/** What the pages say and to whom, whatever a client calls itself: names are claims, and each kind of client has its words. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { renderPage } from "../../../src/oauth/pages/default-pages.ts";
import type {
  AccountView,
  ClientView,
  ConsentView,
  MessageView,
  SignInView,
  View,
} from "../../../src/oauth/pages/views.ts";
import { registerClient, serveResponses } from "../clients/recording-server.ts";
import { createAuthorizationServer, REDIRECT } from "../authorization-server.ts";
import { authorizeUrl, openConsentPage, createBrowser } from "../browser.ts";

afterEach(() => vi.restoreAllMocks());

/** Every view, with `text` wherever one has a text of its own, and `other` where only one of several would be shown. */
function viewsOf(text: string, other: Partial<ClientView> = {}): View[] {
  const form = { serverName: text, action: text, form: text };
  const client: ClientView = {
    name: text,
    isConfigured: false,
    metadataHost: text,
    redirectHost: text,
    isLocal: false,
    ...other,
  };
  const field = { name: text, label: text, type: "text" as const, autocomplete: text };
  const grant = {
    id: text,
    clientName: text,
    redirectHost: text,
    scopes: [text],
    createdAt: 0,
    lastUsedAt: 1,
  };
  const signIn: SignInView = {
    view: "sign-in",
    ...form,
    title: text,
    fields: [field],
    client,
    staysSignedIn: true,
    message: text,
  };
  const consent: ConsentView = {
    view: "consent",
    ...form,
    client,
    person: text,
    scopes: [{ name: text, description: text }],
  };
  const ended = { count: 1, clientName: text, failedCount: 1 };
  const account: AccountView = {
    view: "account",
    ...form,
    person: text,
    grants: [grant, grant],
    unreachedCount: 1,
    ended,
  };
  const message: MessageView = { view: "message", serverName: text, title: text, text };
  return [signIn, consent, account, message];
}

/** The elements of a page, each with the names of its attributes, as a parser finds them. */
async function skeleton(html: string): Promise<string[]> {
  const found: string[] = [];
  const rewriter = new HTMLRewriter().on("*", {
    element: ({ tagName, attributes }) => {
      found.push([tagName, ...Array.from(attributes, ([name]) => name)].join(" "));
    },
  });
  await rewriter.transform(new Response(html)).text();
  return found;
}

/** What a person reads in the first element of this name. */
async function read(html: string, selector: string): Promise<string> {
  let text = "";
  const rewriter = new HTMLRewriter().on(selector, {
    text: (chunk) => {
      text += chunk.text;
    },
  });
  await rewriter.transform(new Response(html)).text();
  return text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}

describe("no text of a view becomes markup", () => {
  it.each(['"', "'", "<i>", "&", '" onfocus="alert(1)" x="', "</title><script>alert(1)</script>"])(
    "%s",
    async (hostile) => {
      for (const other of [
        {},
        { metadataHost: undefined },
        { isLocal: true },
        { redirectHost: `${hostile}:` },
      ]) {
        const [shown, plain] = [
          viewsOf(hostile, other),
          viewsOf("x", "redirectHost" in other ? { redirectHost: "x:" } : other),
        ];
        for (const [at, view] of shown.entries())
          expect(await skeleton(renderPage(view, "n"))).toEqual(
            await skeleton(renderPage(plain[at] ?? view, "n")),
          );
      }
    },
  );
});

describe("the name of a client", () => {
  const desk = createAuthorizationServer();
  const cut = (text: string): string => `“${text}…” wants to use Test`;

  it.each([
    ["Claude", "“Claude” wants to use Test"],
    [
      "Google has checked this app.\r\n\r\nIt is safe: Google Drive",
      "“Google has checked this app. It is safe: Google Drive” wants to use Test",
    ],
    ["Safe” was checked by Test. “Drive", "“Safe' was checked by Test. 'Drive” wants to use Test"],
    ['a" «b» „c‟ 〝d〞 ＂e＂ ‹f› ❝g❞', "“a' 'b' 'c' 'd' 'e' 'f' 'g'” wants to use Test"],
    ["\u202Eelgoog\u202C \u2067x\u2069", "“elgoog x” wants to use Test"],
    ["\u05D0\u05D1 \u0627", "“\u05D0\u05D1 \u0627” wants to use Test"],
    ["tab\tbell\u0007escape\u001B[31m", "“tab bell escape [31m” wants to use Test"],
    ["x".repeat(5_000), cut("x".repeat(79))],
    ["\u{1F9D9}".repeat(500), cut("\u{1F9D9}".repeat(79))],
    [`e${"\u0301".repeat(500)}`, "“\u00E9\u0301\u0301” wants to use Test"],
    [" \t\n\u00A0\u2003\u2800\u3000", "An app without a name wants to use Test"],
    ["\u200B\u2060\uFEFF\u00AD\u3164", "An app without a name wants to use Test"],
    ["", "An app without a name wants to use Test"],
    [undefined, "An app without a name wants to use Test"],
  ])("stands in the heading as its own claim: %j", async (name, heading) => {
    const stated = { redirect_uris: [REDIRECT], ...(name !== undefined && { client_name: name }) };
    const { client_id } = await registerClient(desk, stated);
    const at = createBrowser(desk);
    const { html } = await openConsentPage(at, authorizeUrl({ client_id }));
    expect(await read(html, "h1")).toBe(heading);
    expect(await read(html, "dl")).toContain("The app itself. Nobody checked it.");
    // The window is not named in its words.
    expect(await read(html, "title")).toBe("Allow access? · Test");
  });

  /** The heading of a consent page for a client of that name, which nobody has made fit to be shown. */
  const headingOf = (name: string): Promise<string> => {
    const view = viewsOf("x")[1] as ConsentView;
    return read(renderPage({ ...view, client: { ...view.client, name } }, "n"), "h1");
  };
  /** Unicode's confusables of QUOTATION MARK, its other double quotation marks, and what looks like them beside Latin. */
  const doubleQuotes = [
    '"',
    "\u{FF02}",
    "\u{201C}",
    "\u{201D}",
    "\u{201E}",
    "\u{201F}",
    "\u{2033}",
    "\u{2036}",
    "\u{3003}",
    "\u{5F4}",
    "\u{2DD}",
    "\u{2BA}",
    "\u{2F5}",
    "\u{2F6}",
    "\u{2EE}",
    "\u{5F2}",
    "\u{5D9}\u{5D9}",
    "\u{1CD3}",
    "\u{2034}",
    "\u{2037}",
    "\u{2057}",
    "\u{AB}",
    "\u{BB}",
    "\u{275D}",
    "\u{275E}",
    "\u{2760}",
    "\u{2E42}",
    "\u{301D}",
    "\u{301E}",
    "\u{301F}",
    "\u{1FCD}",
    "\u{1FCE}",
    "\u{1FDD}",
    "\u{1FDE}",
    "\u{1F676}",
    "\u{1F677}",
    "\u{1F678}",
    "\u{309B}",
    "\u{3099}",
    "\u{FF9E}",
  ];
  /** Its confusables of APOSTROPHE, but for yod, the other single quotation marks, and what looks like them. */
  const singleQuotes = Array.from(
    `'\u{60}\u{B4}\u{2B9}\u{2BB}\u{2BC}\u{2BD}\u{2BE}\u{2BF}\u{2C8}\u{2CA}\u{2CB}\u{2F4}\u{384}\u{55A}\u{55B}\u{55D}\u{5F3}` +
      `\u{7F4}\u{7F5}\u{144A}\u{16CC}\u{1FBD}\u{1FBF}\u{1FFE}\u{2018}\u{2019}\u{201B}\u{2032}\u{2035}\u{2039}` +
      `\u{203A}\u{275B}\u{275C}\u{A78C}\u{FF07}\u{FF40}\u{16F51}\u{16F52}`,
  );

  it.each([
    ...doubleQuotes,
    ...singleQuotes.flatMap((single) => [
      single.repeat(2),
      `'${single}`,
      `${single}\u2032`,
      `${single}"${single}`,
    ]),
  ])("cannot close the quotes with %j", async (mark) => {
    expect(await headingOf(`Safe${mark} is checked`)).toBe("“Safe' is checked” wants to use x");
  });

  it.each(["\u030B", "\u030E", "\u0301\u0301", "\u0348"])(
    "cannot close them with %j on nothing",
    async (mark) => {
      expect(await headingOf(`Safe ${mark} is checked`)).toBe("“Safe ' is checked” wants to use x");
    },
  );

  it.each([
    "O\u02BCahu",
    "\u02BFAli",
    "D'\u00C9t\u00E9",
    "\u05D7\u05D9\u05D9\u05DD",
    "\u05F2\u05D3\u05D9\u05E9",
    "\uFF76\uFF9E",
    "e\u030B\u0301",
    "\u0E01\u0E34\u0E48",
    "5\u2032",
    "\u{1F44D}\u{1F3FD}",
    "1\u20E3",
  ])("keeps the letters of %j", async (name) => {
    expect(await headingOf(name)).toBe(`“${name}” wants to use x`);
  });

  it("has a direction of its own, and so has the person's, wherever they stand", async () => {
    const rtl = "\u05D0\u05D1";
    const [signIn, consent, account] = viewsOf(rtl).map((view) => renderPage(view, "n"));
    expect(await read(signIn ?? "", "bdi")).toBe(rtl);
    expect(await read(consent ?? "", "bdi")).toBe(rtl.repeat(2));
    // The person, what was just taken back, and two apps.
    expect(await read(account ?? "", "bdi")).toBe(rtl.repeat(4));
  });
});

describe("what is said about a client", () => {
  const note = async (client: Partial<ClientView>): Promise<string> => {
    const all = {
      name: "App",
      isConfigured: false,
      metadataHost: undefined,
      redirectHost: "app.test",
      isLocal: false,
      ...client,
    };
    const view = viewsOf("x")[1] as ConsentView;
    return read(renderPage({ ...view, client: all }, "n"), ".note");
  };
  const loopback = { redirectHost: "127.0.0.1:4711", isLocal: true };
  const scheme = { redirectHost: "cursor:", isLocal: true };

  it("tells the person to look at the host where nobody vouches for it", async () => {
    expect(await note({})).toBe(
      "Do you come from app.test? If not, deny. Whoever runs that site gets the access, whatever its name.",
    );
  });

  it("is nothing more than the facts where the operator or a host vouches for it, and the answer goes to a site", async () => {
    expect(await note({ isConfigured: true })).toBe("");
    expect(await note({ metadataHost: "app.test" })).toBe("");
  });

  it("says what loopback and schemes of apps mean, whoever vouches for the client", async () => {
    const kinds = [{}, { isConfigured: true }, { metadataHost: "app.test" }];
    const notes = await Promise.all(
      kinds.flatMap((kind) => [note({ ...kind, ...loopback }), note({ ...kind, ...scheme })]),
    );
    const [ofLoopback = "", ofScheme = ""] = notes;
    expect(ofLoopback).toContain("Whichever program waits at 127.0.0.1:4711 gets the access");
    expect(ofScheme).toContain("Whichever app opens “cursor:” links gets the access");
    expect(notes).toEqual(kinds.flatMap(() => [ofLoopback, ofScheme]));
    // No two kinds of danger have the same words.
    expect(
      new Set([ofLoopback, ofScheme, await note({})].map((text) => text.split("?")[0])).size,
    ).toBe(3);
  });

  it("names the host of a metadata document, in place of the app itself", async () => {
    const client_id = "https://published.example.com/client.json";
    const document = {
      client_id,
      client_name: "Published",
      redirect_uris: ["https://other.example.com/cb"],
    };
    serveResponses({ [client_id]: () => Response.json(document) });
    const url = authorizeUrl({ client_id, redirect_uri: "https://other.example.com/cb" });
    const { html } = await openConsentPage(createBrowser(createAuthorizationServer()), url);
    expect(await read(html, "dl")).toBe(
      "Name comes frompublished.example.com\nAnswer goes toother.example.com",
    );
    expect(await read(html, ".note")).toBe("");
  });
});
