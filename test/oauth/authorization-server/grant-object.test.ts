/** The grant and the account as objects: what they hold, when they let go, and what an eviction does to them: nothing. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { GrantRow } from "../../../src/oauth/authorization-server/grant-rows.ts";
import { verifyText } from "../../../src/crypto/hmac.ts";
import { registerClient } from "../clients/recording-server.ts";
import { authorizeUrl, openConsentPage, createBrowser } from "../browser.ts";
import {
  ageGrant,
  bindings,
  CHALLENGE,
  measureCost,
  createAuthorizationServer,
  EPOCH,
  grantStub,
  openGrant,
  identifiers,
  REDIRECT,
  GRANT_DETAILS,
} from "../authorization-server.ts";

const desk = createAuthorizationServer();
const { graceSeconds, refreshSeconds } = desk.settings;
const code = {
  client: "cli",
  resource: identifiers.resource,
  redirectUri: REDIRECT,
  challenge: CHALLENGE,
  requestId: "redeemed",
  epoch: EPOCH,
};
const refreshing = (
  generation: number,
  scopes: string[] = [],
  requestId: string = "refreshed",
) => ({
  client: "cli",
  resource: identifiers.resource,
  generation,
  scopes,
  epoch: EPOCH,
  requestId,
});
const terms = { ...GRANT_DETAILS, properties: "a.sealed" };
const refresh = (id: string, generation: number, grace: number = graceSeconds) =>
  grantStub(id).refresh(refreshing(generation), { graceSeconds: grace, refreshSeconds });

async function redeemed(): Promise<string> {
  const { id } = await openGrant(desk);
  expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted", generation: 1 });
  return id;
}

const rows = (id: string): Promise<unknown[]> =>
  runInDurableObject(grantStub(id), (_, { storage }) => [...storage.kv.list()]);

describe("a consent form", () => {
  it("opens a grant once", async () => {
    const { id } = await openGrant(desk);
    expect(await grantStub(id).open({ ...terms, subject: "mallory" }, desk.settings)).toBe(false);
    expect(await grantStub(id).redeem(code)).toMatchObject({ terms: { subject: "ada" } });
    expect(await grantStub(id).open(terms, desk.settings)).toBe(false);
  });

  it("does not open what was denied, nor deny what was opened", async () => {
    const grant = bindings.GRANT.get(bindings.GRANT.newUniqueId());
    expect(await grant.deny()).toBe(true);
    expect(await grant.open(terms, desk.settings)).toBe(false);
    expect(await grant.deny()).toBe(false);
    const { id } = await openGrant(desk);
    expect(await grantStub(id).deny()).toBe(false);
    expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted" });
  });

  it.each(["open", "deny"] as const)(
    "works once among fifty parallel answers, whatever they are (%s first)",
    async (first) => {
      const grant = bindings.GRANT.get(bindings.GRANT.newUniqueId());
      const answers = Array.from({ length: 50 }, (_, index) =>
        (index % 2 === 0) === (first === "open") ? grant.open(terms, desk.settings) : grant.deny(),
      );
      expect((await Promise.all(answers)).filter((worked) => worked)).toHaveLength(1);
    },
  );
});

describe("redeem", () => {
  it.each([
    ["client", { client: "web" }, "grant.client"],
    ["redirect URI", { redirectUri: `${REDIRECT}/` }, "code.redirect"],
    ["redirect URI of an attacker", { redirectUri: "https://evil.test/" }, "code.redirect"],
    ["verifier", { challenge: CHALLENGE.toLowerCase() }, "code.verifier"],
    ["resource", { resource: "https://other.test/mcp" }, "grant.resource"],
  ])("a wrong %s harms nothing, before and after", async (_, wrong, reason) => {
    const { id } = await openGrant(desk);
    expect(await grantStub(id).redeem({ ...code, ...wrong })).toEqual({ kind: "refused", reason });
    expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted", generation: 1 });
    expect(await grantStub(id).redeem({ ...code, ...wrong })).toEqual({ kind: "refused", reason });
    expect(await grantStub(id).status()).toMatchObject({ isActive: true, generation: 1 });
  });

  it("takes a request without redirect_uri, as OAuth 2.1 sends it", async () => {
    const { id } = await openGrant(desk);
    expect(await grantStub(id).redeem({ ...code, redirectUri: undefined })).toMatchObject({
      kind: "granted",
    });
  });

  it("a second time ends the grant, says so once, and keeps nothing of it", async () => {
    const id = await redeemed();
    expect(await grantStub(id).redeem(code)).toMatchObject({
      reason: "code.replayed",
      revoked: { subject: "ada" },
    });
    expect(await grantStub(id).redeem(code)).toEqual({ kind: "refused", reason: "grant.ended" });
    expect(await refresh(id, 1)).toEqual({ kind: "refused", reason: "grant.ended" });
    expect(await grantStub(id).status()).toBeUndefined();
    expect(await rows(id)).toEqual([["grant", "ended"]]);
  });

  it("refuses an expired code, and ends nothing by it", async () => {
    const { id } = await openGrant(desk);
    await ageGrant(id, 301);
    const expired = { kind: "refused", reason: "code.expired" };
    expect([await grantStub(id).redeem(code), await grantStub(id).redeem(code)]).toEqual([
      expired,
      expired,
    ]);
    expect(await grantStub(id).status()).toMatchObject({ isActive: false });
  });

  it("takes a code until its last second", async () => {
    const { id } = await openGrant(desk);
    await ageGrant(id, 295);
    expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted" });
  });

  it("knows nothing of an id that was never opened", async () => {
    const grant = bindings.GRANT.get(bindings.GRANT.newUniqueId());
    expect(await grant.redeem(code)).toEqual({ kind: "refused", reason: "grant.ended" });
    expect([await grant.status(), await grant.revoke()]).toEqual([undefined, { isComplete: true }]);
    expect(await rows(grant.id.toString())).toEqual([]);
  });
});

describe("refresh", () => {
  it("rotates, and gives the same successor within the grace window", async () => {
    const id = await redeemed();
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    await ageGrant(id, 9);
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted", generation: 3 });
  });

  it("lets two processes of a client go on, each with the token that it keeps in memory", async () => {
    const id = await redeemed();
    const QUARTER = 900;
    const generations = { first: 1, second: 1 };
    for (let round = 0; round < 6; round += 1) {
      for (const process of ["first", "second"] as const) {
        await ageGrant(id, 440);
        const next = await refresh(id, generations[process], QUARTER);
        if (next.kind !== "granted") throw new Error(`Refused in round ${round}: ${next.reason}`);
        generations[process] = next.generation;
      }
    }
    expect(Math.abs(generations.first - generations.second)).toBeLessThanOrEqual(1);
    await ageGrant(id, QUARTER + 1);
    expect(
      await refresh(id, Math.max(generations.first, generations.second), QUARTER),
    ).toMatchObject({
      kind: "granted",
    });
    await ageGrant(id, QUARTER);
    expect(
      await refresh(id, Math.max(generations.first, generations.second), QUARTER),
    ).toMatchObject({
      reason: "refresh.reused",
    });
  });

  it("after the window, the old generation ends the family", async () => {
    const id = await redeemed();
    await refresh(id, 1);
    await ageGrant(id, 10);
    expect(await refresh(id, 1)).toMatchObject({
      reason: "refresh.reused",
      revoked: { subject: "ada" },
    });
    expect(await refresh(id, 2)).toEqual({ kind: "refused", reason: "grant.ended" });
  });

  it("without a window, every reuse ends the family", async () => {
    const id = await redeemed();
    await refresh(id, 1, 0);
    expect(await refresh(id, 1, 0)).toMatchObject({ reason: "refresh.reused" });
    expect(await grantStub(id).status()).toBeUndefined();
  });

  it("a generation before the last ends the family, window or not", async () => {
    const id = await redeemed();
    await refresh(id, 1);
    await refresh(id, 2);
    expect(await refresh(id, 1)).toMatchObject({ reason: "refresh.reused" });
  });

  it.each([
    ["client", { client: "web" }, "grant.client"],
    ["resource", { resource: "https://other.test/mcp" }, "grant.resource"],
    ["scope", { scopes: ["read", "admin"] }, "scope.wider"],
  ])("a wrong %s harms nothing, with any generation", async (_, wrong, reason) => {
    const id = await redeemed();
    await refresh(id, 1);
    await ageGrant(id, 60);
    for (const generation of [1, 2]) {
      const refused = await grantStub(id).refresh(
        { ...refreshing(generation), ...wrong },
        desk.settings,
      );
      expect(refused).toEqual({ kind: "refused", reason });
    }
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted", generation: 3 });
  });

  it("use prolongs, disuse ends", async () => {
    const id = await redeemed();
    await ageGrant(id, 3590);
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted" });
    await ageGrant(id, 3590);
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted" });
    await ageGrant(id, 3600);
    expect(await grantStub(id).status()).toMatchObject({ isActive: false });
    expect(await refresh(id, 3)).toEqual({ kind: "refused", reason: "refresh.expired" });
  });
});

describe("a row that a clock ahead wrote", () => {
  const HOUR = -3_601;

  it("does not stretch the grace window", async () => {
    const id = await redeemed();
    await refresh(id, 1);
    await ageGrant(id, -9);
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    await ageGrant(id, -60);
    expect(await refresh(id, 1)).toMatchObject({ reason: "refresh.reused" });
  });

  it("does not stretch the life of a code, nor of what lies unused", async () => {
    const { id: unredeemed } = await openGrant(desk);
    await ageGrant(unredeemed, HOUR);
    expect(await grantStub(unredeemed).redeem(code)).toEqual({
      kind: "refused",
      reason: "code.expired",
    });
    const id = await redeemed();
    await ageGrant(id, HOUR);
    expect(await grantStub(id).status()).toMatchObject({ isActive: false });
    expect(await refresh(id, 1)).toEqual({ kind: "refused", reason: "refresh.expired" });
  });
});

describe("a new passphrase", () => {
  const CHANGED = "another epoch";

  it("ends a grant of before when its code or its refresh token comes", async () => {
    const { id: unredeemed } = await openGrant(desk);
    expect(await grantStub(unredeemed).redeem({ ...code, epoch: CHANGED })).toMatchObject({
      reason: "grant.epoch",
      revoked: { subject: "ada" },
    });
    const id = await redeemed();
    expect(
      await grantStub(id).refresh({ ...refreshing(1), epoch: CHANGED }, desk.settings),
    ).toMatchObject({
      reason: "grant.epoch",
      revoked: { subject: "ada" },
    });
    for (const over of [unredeemed, id]) expect(await rows(over)).toEqual([["grant", "ended"]]);
  });

  it("leaves it to its own client to end it", async () => {
    const id = await redeemed();
    const strange = { ...refreshing(1), client: "web", epoch: CHANGED };
    expect(await grantStub(id).refresh(strange, desk.settings)).toEqual({
      kind: "refused",
      reason: "grant.client",
    });
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted" });
  });

  it("is seen by whoever asks for the state", async () => {
    const id = await redeemed();
    expect([await grantStub(id).status(EPOCH), await grantStub(id).status(CHANGED)]).toMatchObject([
      { isActive: true },
      { isActive: false },
    ]);
  });

  it("does not end grants of a version that noted none, until their first refresh", async () => {
    const { epoch: _, ...before } = GRANT_DETAILS;
    const objectId = bindings.GRANT.newUniqueId();
    const old = bindings.GRANT.get(objectId);
    await old.open({ ...before, properties: "a.sealed" }, desk.settings);
    expect(await old.redeem({ ...code, epoch: CHANGED })).toMatchObject({ kind: "granted" });
    expect(await refresh(objectId.toString(), 1)).toMatchObject({ reason: "grant.epoch" });
  });
});

describe("revoke", () => {
  it("ends a grant once, and of the given client alone", async () => {
    const id = await redeemed();
    expect(await grantStub(id).revoke("web")).toEqual({ isComplete: true });
    expect(await grantStub(id).status()).toMatchObject({ isActive: true });
    expect(await grantStub(id).revoke("cli")).toMatchObject({
      terms: { subject: "ada" },
      isComplete: true,
    });
    expect(await grantStub(id).revoke("cli")).toEqual({ isComplete: true });
    expect(await refresh(id, 1)).toEqual({ kind: "refused", reason: "grant.ended" });
    expect(await grantStub(id).open(terms, desk.settings)).toBe(false);
  });

  it("a hook that was slower than a revocation brings nothing back", async () => {
    const id = await redeemed();
    await grantStub(id).revoke();
    expect(await grantStub(id).replaceProperties("a.renewed", 0, true)).toBe(false);
    expect(await rows(id)).toEqual([["grant", "ended"]]);
  });
});

describe("properties", () => {
  const propertiesOf = async (id: string): Promise<string | undefined> =>
    (await grantStub(id).status())?.terms.properties;

  it("that a hook renewed are not replaced by what was made of those before", async () => {
    const id = await redeemed();
    expect(await grantStub(id).replaceProperties("a.first", 0, true)).toBe(true);
    expect(await grantStub(id).replaceProperties("a.slower", 0, true)).toBe(true);
    expect(await grantStub(id).replaceProperties("b.old value, newer key", 0, false)).toBe(true);
    expect(await propertiesOf(id)).toBe("a.first");
    await grantStub(id).replaceProperties("a.next", 1, true);
    expect(await propertiesOf(id)).toBe("a.next");
  });

  it("that move to a newer key are what they were: who renews them meanwhile does so", async () => {
    const id = await redeemed();
    await grantStub(id).replaceProperties("b.moved", 0, false);
    await grantStub(id).replaceProperties("b.renewed", 0, true);
    expect(await propertiesOf(id)).toBe("b.renewed");
  });
});

describe("the alarm", () => {
  const alarmOf = (id: string): Promise<number | null> =>
    runInDurableObject(grantStub(id), (_, { storage }) => storage.getAlarm());

  it("clears an unredeemed grant when no form can name it any more", async () => {
    const { id } = await openGrant(desk);
    expect(await alarmOf(id)).toBeGreaterThan(Date.now() + 590_000);
    await ageGrant(id, 600);
    expect(await runDurableObjectAlarm(grantStub(id))).toBe(true);
    expect(await rows(id)).toEqual([]);
    expect(await alarmOf(id)).toBeNull();
  });

  it("clears what was denied or revoked", async () => {
    const { id } = await openGrant(desk);
    await grantStub(id).redeem(code);
    await grantStub(id).revoke();
    await runDurableObjectAlarm(grantStub(id));
    const denied = desk.grants.newUniqueId().toString();
    await grantStub(denied).deny();
    await runDurableObjectAlarm(grantStub(denied));
    expect([await rows(id), await rows(denied)]).toEqual([[], []]);
  });

  it("lets a redeemed grant live until it was unused for as long as it may be", async () => {
    const id = await redeemed();
    await runDurableObjectAlarm(grantStub(id));
    expect(await alarmOf(id)).toBeGreaterThan(Date.now() + 3_590_000);
    await refresh(id, 1);
    await runDurableObjectAlarm(grantStub(id));
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted", generation: 3 });
    await ageGrant(id, 3601);
    await runDurableObjectAlarm(grantStub(id));
    expect(await rows(id)).toEqual([]);
    expect(await refresh(id, 3)).toEqual({ kind: "refused", reason: "grant.ended" });
  });
});

it("an eviction between any two steps changes nothing", async () => {
  const { id } = await openGrant(desk);
  const evict = (): Promise<void> => evictDurableObject(grantStub(id));
  await evict();
  expect(await grantStub(id).redeem({ ...code, challenge: "wrong" })).toMatchObject({
    reason: "code.verifier",
  });
  await evict();
  expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted", generation: 1 });
  await evict();
  expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
  await evict();
  expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
  await evict();
  await grantStub(id).replaceProperties("a.renewed", 0, true);
  await evict();
  expect(await refresh(id, 2)).toMatchObject({ generation: 3, terms: { properties: "a.renewed" } });
  await evict();
  expect(await grantStub(id).redeem(code)).toMatchObject({ reason: "code.replayed" });
  await evict();
  expect(await refresh(id, 3)).toMatchObject({ reason: "grant.ended" });
});

it("opening costs a row and an alarm, redeeming and refreshing a row, all else nothing", async () => {
  const objectId = desk.grants.newUniqueId();
  const grant = desk.grants.get(objectId);
  expect((await measureCost(() => grant.open(terms, desk.settings))).cost).toMatchObject({
    requests: 1,
    rows: 2,
  });
  expect(
    (await measureCost(async () => grant.redeem({ ...code, challenge: "wrong" }))).cost,
  ).toMatchObject({
    rows: 0,
  });
  expect((await measureCost(async () => grant.redeem(code))).cost).toMatchObject({
    requests: 1,
    rows: 1,
  });
  const rotate = async (): Promise<unknown> => grant.refresh(refreshing(1), desk.settings);
  expect((await measureCost(rotate)).cost).toMatchObject({ requests: 1, rows: 1 });
  // Sent again within the window: counted.
  expect((await measureCost(rotate)).cost).toMatchObject({ requests: 1, rows: 1 });
  expect((await measureCost(() => grant.status())).cost).toMatchObject({ requests: 1, rows: 0 });
  const row = await runInDurableObject(grantStub(objectId.toString()), (_, { storage }) =>
    storage.kv.get<GrantRow>("grant"),
  );
  expect(row?.generation).toBe(2);
});

describe("what a peer can make a grant keep", () => {
  it("is one row of bounded size, whatever a client calls itself and wherever it is", async () => {
    const state = "s".repeat(900);
    const redirect_uri = `https://client.test/${"r".repeat(1_050)}`;
    const metadata = { client_name: "\u{1F600}".repeat(500), redirect_uris: [redirect_uri] };
    const { client_id } = await registerClient(desk, {
      ...metadata,
      token_endpoint_auth_method: "none",
    });
    const at = createBrowser(desk);
    const { hidden } = await openConsentPage(
      at,
      authorizeUrl({ client_id, redirect_uri, state, scope: "x ".repeat(900) }),
    );
    const { to } = await at.request("/authorize/consent", { ...hidden, decision: "allow" });
    const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
    const kept = await rows(id);
    expect(kept).toHaveLength(1);
    const text = JSON.stringify(kept);
    expect(text.length).toBeLessThan(4_000);
    expect(text).not.toContain(state);
  });

  it("does not grow with use", async () => {
    const id = await redeemed();
    const size = async (): Promise<number> => JSON.stringify(await rows(id)).length;
    const before = await size();
    for (let generation = 1; generation < 30; generation += 1) await refresh(id, generation);
    expect((await size()) - before).toBeLessThanOrEqual(2);
  });
});

describe("a request whose answer is lost", () => {
  const DAY_LATER = 20 * 60_000;
  /** The grant is asked by each of these requests, and told by each of those that nothing came of it. */
  const afterwards = async (asked: string[], restored: string[]): Promise<unknown> => {
    const id = await redeemed();
    const settings = { graceSeconds, refreshSeconds };
    for (const one of asked) await grantStub(id).refresh(refreshing(1, [], one), settings);
    for (const one of restored) await grantStub(id).restore(2, one);
    vi.setSystemTime(Date.now() + DAY_LATER);
    return grantStub(id).refresh(refreshing(1, [], "later"), settings);
  };
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each<[string, string[], string[]]>([
    ["is counted once, however often it asks", ["a", "a"], ["a"]],
    ["is counted once, however often it says that nothing came of it", ["a"], ["a", "a"]],
    ["may have been one of several of which nothing came", ["a", "b", "a"], ["b", "a", "b"]],
  ])("%s: the token before is good again", async (_, asked, restored) => {
    expect(await afterwards(asked, restored)).toMatchObject({ kind: "granted", generation: 2 });
  });

  it.each<[string, string[], string[]]>([
    ["says twice that nothing came of it", ["a", "b"], ["b", "b"]],
    ["is one of many", Array.from("abcdefghijklmnopqrstuvwxyz"), ["z", "z"]],
  ])("%s, and another got its tokens: the token before is spent", async (_, asked, restored) => {
    expect(await afterwards(asked, restored)).toMatchObject({ reason: "refresh.reused" });
  });
});
