/** Several tabs of a browser that was never here: each gets through, whichever is answered first, and no other browser. */

import { describe, expect, it } from "vitest";
import type { SignInResult } from "../../../src/oauth/sign-in/types.ts";
import { createAuthorizationServer } from "../authorization-server.ts";
import { authorizeUrl, createBrowser, type BrowserPage, type TestBrowser } from "../browser.ts";

const SIGN_IN = "/authorize/sign-in";
const CONSENT = "/authorize/consent";
const desk = createAuthorizationServer();
const codeOf = ({ to }: BrowserPage): string | null | undefined => to?.searchParams.get("code");

/** `count` tabs of one browser, opened before any of them was answered. */
async function openTabs(
  count: number,
  path: string | URL = authorizeUrl(),
  at: TestBrowser = createBrowser(desk),
) {
  const shown = await Promise.all(Array.from({ length: count }, () => at.request(path)));
  return { at, shown };
}

const signIn = (
  at: TestBrowser,
  { hidden }: BrowserPage,
  more: object = {},
): Promise<BrowserPage> => at.request(SIGN_IN, { ...hidden, name: "ada", word: "open", ...more });
const agree = (at: TestBrowser, { hidden }: BrowserPage): Promise<BrowserPage> =>
  at.request(CONSENT, { ...hidden, decision: "allow" });

describe("tabs that are opened at once", () => {
  it.each([
    ["one after the other", false, {}],
    ["in turn", true, {}],
    ["while the first keeps them signed in", true, { remember: "on" }],
  ])("are all answered, %s", async (_, inTurn, more) => {
    const { at, shown } = await openTabs(3);
    const asked: BrowserPage[] = [];
    const codes: unknown[] = [];
    for (const one of shown) {
      const consent = await signIn(at, one, more);
      if (inTurn) asked.push(consent);
      else codes.push(codeOf(await agree(at, consent)));
    }
    for (const one of asked) codes.push(codeOf(await agree(at, one)));
    expect(new Set(codes).size).toBe(3);
    expect(codes).not.toContain(undefined);
  });

  it("are all answered when each was away at a provider", async () => {
    const away: SignInResult = { kind: "redirect", url: "https://id.test/", upstreamState: {} };
    const known: SignInResult = { kind: "authenticated", subject: "ada", properties: {} };
    let state = "";
    const signIn = {
      ...desk.login.signIn,
      submit: async (visit: { readonly state: string }) => {
        state = visit.state;
        return away;
      },
      finish: async () => known,
    };
    const { at, shown } = await openTabs(
      2,
      authorizeUrl(),
      createBrowser(createAuthorizationServer({}, { login: { ...desk.login, signIn } })),
    );
    const states: string[] = [];
    for (const { hidden } of shown) {
      await at.request(SIGN_IN, hidden);
      states.push(state);
    }
    for (const one of states) {
      const back = await at.request(`${SIGN_IN}?state=${one}&code=x`);
      expect(codeOf(await agree(at, back))).toEqual(expect.any(String));
    }
  });

  it("of the account page both lead to it", async () => {
    const { at, shown } = await openTabs(2, "/account");
    for (const one of shown) expect((await signIn(at, one)).to?.pathname).toBe("/account");
    expect((await at.request("/account")).html).toContain("signed in as <b><bdi>ada</bdi></b>");
  });

  it("are of this browser alone, and end with a sign-out", async () => {
    const { at, shown } = await openTabs(2);
    const other = await openTabs(2);
    for (const one of shown) expect((await signIn(other.at, one)).status).toBe(400);
    await signIn(at, (await openTabs(1, "/account", at)).shown[0] as BrowserPage);
    const { hidden } = await at.request("/account");
    await at.request("/account", { ...hidden, leave: "1" });
    expect([...at.cookies]).toEqual([]);
    for (const one of shown) expect((await signIn(at, one)).status).toBe(400);
  });

  it("leave the browser with one cookie each, which names it and says nothing, and no more come later", async () => {
    const { at } = await openTabs(3);
    expect([...at.cookies]).toHaveLength(3);
    for (const [name, value] of at.cookies)
      expect([name, value]).toEqual([expect.stringMatching(/\.[\w-]{22}$/), "1"]);
    for (let more = 0; more < 3; more++) await at.request(authorizeUrl());
    expect([...at.cookies]).toHaveLength(3);
  });
});

it("however many ids a browser holds, eight are tried, and its newest tab gets through", async () => {
  const other = (number: number): [string, string] => [
    `__Host-barewire.${String(number).padStart(22, "A")}`,
    "1",
  ];
  const newest = createBrowser(desk);
  const begun = await newest.request(authorizeUrl());
  const many = Array.from({ length: 50 }, (_, number) => other(number));
  const at = createBrowser(desk, new Map([...many, ...newest.cookies]));
  expect((await signIn(at, begun)).html).toContain("wants to use");
  for (let number = 50; number < 58; number++) at.cookies.set(...other(number));
  expect((await signIn(at, begun)).status).toBe(400);
});
