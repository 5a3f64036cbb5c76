/** Several tabs of a browser that was never here: each gets through, whichever is answered first, and no other browser. */

import { describe, expect, it } from "vitest";
import type { Step } from "../../src/oauth/sign-in.ts";
import { deskOf } from "./desk.ts";
import { authorizeUrl, tab, type Shown, type Tab } from "./tab.ts";

const SIGN_IN = "/authorize/sign-in";
const CONSENT = "/authorize/consent";
const desk = deskOf();
const codeOf = ({ to }: Shown): string | null | undefined => to?.searchParams.get("code");

/** `count` tabs of one browser, opened before any of them was answered. */
async function openTabs(count: number, path: string | URL = authorizeUrl(), at: Tab = tab(desk)) {
  const shown = await Promise.all(Array.from({ length: count }, () => at.go(path)));
  return { at, shown };
}

const signIn = (at: Tab, { hidden }: Shown, more: object = {}): Promise<Shown> =>
  at.go(SIGN_IN, { ...hidden, name: "ada", word: "open", ...more });
const agree = (at: Tab, { hidden }: Shown): Promise<Shown> => at.go(CONSENT, { ...hidden, decision: "allow" });

describe("tabs that are opened at once", () => {
  it.each([
    ["one after the other", false, {}],
    ["in turn", true, {}],
    ["while the first keeps them signed in", true, { remember: "on" }],
  ])("are all answered, %s", async (_, inTurn, more) => {
    const { at, shown } = await openTabs(3);
    const asked: Shown[] = [];
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
    const away: Step = { kind: "away", url: "https://id.test/", memory: {} };
    const known: Step = { kind: "known", subject: "ada", properties: {} };
    let state = "";
    const signIn = {
      ...desk.entrance.signIn,
      submit: async (visit: { readonly state: string }) => ((state = visit.state), away),
      finish: async () => known,
    };
    const { at, shown } = await openTabs(
      2,
      authorizeUrl(),
      tab(deskOf({}, { entrance: { ...desk.entrance, signIn } })),
    );
    const states: string[] = [];
    for (const { hidden } of shown) {
      await at.go(SIGN_IN, hidden);
      states.push(state);
    }
    for (const one of states) {
      const back = await at.go(`${SIGN_IN}?state=${one}&code=x`);
      expect(codeOf(await agree(at, back))).toEqual(expect.any(String));
    }
  });

  it("of the account page both lead to it", async () => {
    const { at, shown } = await openTabs(2, "/account");
    for (const one of shown) expect((await signIn(at, one)).to?.pathname).toBe("/account");
    expect((await at.go("/account")).html).toContain("signed in as <b><bdi>ada</bdi></b>");
  });

  it("are of this browser alone, and end with a sign-out", async () => {
    const { at, shown } = await openTabs(2);
    const other = await openTabs(2);
    for (const one of shown) expect((await signIn(other.at, one)).status).toBe(400);
    await signIn(at, (await openTabs(1, "/account", at)).shown[0] as Shown);
    const { hidden } = await at.go("/account");
    await at.go("/account", { ...hidden, leave: "1" });
    expect([...at.jar]).toEqual([]);
    for (const one of shown) expect((await signIn(at, one)).status).toBe(400);
  });

  it("leave the browser with one cookie each, which names it and says nothing, and no more come later", async () => {
    const { at } = await openTabs(3);
    expect([...at.jar]).toHaveLength(3);
    for (const [name, value] of at.jar) expect([name, value]).toEqual([expect.stringMatching(/\.[\w-]{22}$/), "1"]);
    for (let more = 0; more < 3; more++) await at.go(authorizeUrl());
    expect([...at.jar]).toHaveLength(3);
  });
});

it("however many ids a browser holds, eight are tried, and its newest tab gets through", async () => {
  const other = (number: number): [string, string] => [`__Host-barewire.${String(number).padStart(22, "A")}`, "1"];
  const newest = tab(desk);
  const begun = await newest.go(authorizeUrl());
  const many = Array.from({ length: 50 }, (_, number) => other(number));
  const at = tab(desk, new Map([...many, ...newest.jar]));
  expect((await signIn(at, begun)).html).toContain("wants to use");
  for (let number = 50; number < 58; number++) at.jar.set(...other(number));
  expect((await signIn(at, begun)).status).toBe(400);
});
