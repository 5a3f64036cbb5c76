/** The grant and the account as objects: what they hold, when they let go, and what an eviction does to them: nothing. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { GrantRow } from "../../src/oauth/grant-rows.ts";
import { age, bindings, CHALLENGE, cost, deskOf, grantStub, openGrant, place, REDIRECT, TERMS } from "./desk.ts";

const desk = deskOf();
const { graceSeconds, refreshSeconds } = desk.settings;
const code = { client: "cli", resource: place.resource, redirectUri: REDIRECT, challenge: CHALLENGE };
const refreshing = (generation: number, scopes: string[] = []) => ({
  client: "cli",
  resource: place.resource,
  generation,
  scopes,
});
const terms = { ...TERMS, properties: "a.sealed" };
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
    expect(await grantStub(id).status()).toMatchObject({ live: true, generation: 1 });
  });

  it("takes a request without redirect_uri, as OAuth 2.1 sends it", async () => {
    const { id } = await openGrant(desk);
    expect(await grantStub(id).redeem({ ...code, redirectUri: undefined })).toMatchObject({ kind: "granted" });
  });

  it("a second time ends the grant, says so once, and keeps nothing of it", async () => {
    const id = await redeemed();
    expect(await grantStub(id).redeem(code)).toMatchObject({ reason: "code.replayed", revoked: { subject: "ada" } });
    expect(await grantStub(id).redeem(code)).toEqual({ kind: "refused", reason: "grant.over" });
    expect(await refresh(id, 1)).toEqual({ kind: "refused", reason: "grant.over" });
    expect(await grantStub(id).status()).toBeUndefined();
    expect(await rows(id)).toEqual([["grant", "over"]]);
  });

  it("refuses an expired code, and ends nothing by it", async () => {
    const { id } = await openGrant(desk);
    await age(id, 61);
    const expired = { kind: "refused", reason: "code.expired" };
    expect([await grantStub(id).redeem(code), await grantStub(id).redeem(code)]).toEqual([expired, expired]);
    expect(await grantStub(id).status()).toMatchObject({ live: false });
  });

  it("takes a code until its last second", async () => {
    const { id } = await openGrant(desk);
    await age(id, 55);
    expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted" });
  });

  it("knows nothing of an id that was never opened", async () => {
    const grant = bindings.GRANT.get(bindings.GRANT.newUniqueId());
    expect(await grant.redeem(code)).toEqual({ kind: "refused", reason: "grant.over" });
    expect([await grant.status(), await grant.revoke()]).toEqual([undefined, { done: true }]);
    expect(await rows(grant.id.toString())).toEqual([]);
  });
});

describe("refresh", () => {
  it("rotates, and gives the same successor within the grace window", async () => {
    const id = await redeemed();
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    await age(id, 9);
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted", generation: 3 });
  });

  it("after the window, the old generation ends the family", async () => {
    const id = await redeemed();
    await refresh(id, 1);
    await age(id, 10);
    expect(await refresh(id, 1)).toMatchObject({ reason: "refresh.reused", revoked: { subject: "ada" } });
    expect(await refresh(id, 2)).toEqual({ kind: "refused", reason: "grant.over" });
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
    await age(id, 60);
    for (const generation of [1, 2]) {
      const refused = await grantStub(id).refresh({ ...refreshing(generation), ...wrong }, desk.settings);
      expect(refused).toEqual({ kind: "refused", reason });
    }
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted", generation: 3 });
  });

  it("use prolongs, disuse ends", async () => {
    const id = await redeemed();
    await age(id, 3590);
    expect(await refresh(id, 1)).toMatchObject({ kind: "granted" });
    await age(id, 3590);
    expect(await refresh(id, 2)).toMatchObject({ kind: "granted" });
    await age(id, 3600);
    expect(await grantStub(id).status()).toMatchObject({ live: false });
    expect(await refresh(id, 3)).toEqual({ kind: "refused", reason: "refresh.expired" });
  });
});

describe("revoke", () => {
  it("ends a grant once, and of the given client alone", async () => {
    const id = await redeemed();
    expect(await grantStub(id).revoke("web")).toEqual({ done: true });
    expect(await grantStub(id).status()).toMatchObject({ live: true });
    expect(await grantStub(id).revoke("cli")).toMatchObject({ terms: { subject: "ada" }, done: true });
    expect(await grantStub(id).revoke("cli")).toEqual({ done: true });
    expect(await refresh(id, 1)).toEqual({ kind: "refused", reason: "grant.over" });
    expect(await grantStub(id).open(terms, desk.settings)).toBe(false);
  });

  it("a hook that was slower than a revocation brings nothing back", async () => {
    const id = await redeemed();
    await grantStub(id).revoke();
    await grantStub(id).keep("a.renewed");
    expect(await rows(id)).toEqual([["grant", "over"]]);
  });
});

describe("the alarm", () => {
  const alarmOf = (id: string): Promise<number | null> =>
    runInDurableObject(grantStub(id), (_, { storage }) => storage.getAlarm());

  it("clears an unredeemed grant when no form can name it any more", async () => {
    const { id } = await openGrant(desk);
    expect(await alarmOf(id)).toBeGreaterThan(Date.now() + 590_000);
    await age(id, 600);
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
    await age(id, 3601);
    await runDurableObjectAlarm(grantStub(id));
    expect(await rows(id)).toEqual([]);
    expect(await refresh(id, 3)).toEqual({ kind: "refused", reason: "grant.over" });
  });
});

it("an eviction between any two steps changes nothing", async () => {
  const { id } = await openGrant(desk);
  const evict = (): Promise<void> => evictDurableObject(grantStub(id));
  await evict();
  expect(await grantStub(id).redeem({ ...code, challenge: "wrong" })).toMatchObject({ reason: "code.verifier" });
  await evict();
  expect(await grantStub(id).redeem(code)).toMatchObject({ kind: "granted", generation: 1 });
  await evict();
  expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
  await evict();
  expect(await refresh(id, 1)).toMatchObject({ kind: "granted", generation: 2 });
  await evict();
  await grantStub(id).keep("a.renewed");
  await evict();
  expect(await refresh(id, 2)).toMatchObject({ generation: 3, terms: { properties: "a.renewed" } });
  await evict();
  expect(await grantStub(id).redeem(code)).toMatchObject({ reason: "code.replayed" });
  await evict();
  expect(await refresh(id, 3)).toMatchObject({ reason: "grant.over" });
});

it("opening costs a row and an alarm, redeeming and refreshing a row, all else nothing", async () => {
  const objectId = desk.grants.newUniqueId();
  const grant = desk.grants.get(objectId);
  expect((await cost(() => grant.open(terms, desk.settings))).cost).toMatchObject({ requests: 1, rows: 2 });
  expect((await cost(async () => grant.redeem({ ...code, challenge: "wrong" }))).cost).toMatchObject({ rows: 0 });
  expect((await cost(async () => grant.redeem(code))).cost).toMatchObject({ requests: 1, rows: 1 });
  const rotate = async (): Promise<unknown> => grant.refresh(refreshing(1), desk.settings);
  expect((await cost(rotate)).cost).toMatchObject({ requests: 1, rows: 1 });
  expect((await cost(rotate)).cost).toMatchObject({ requests: 1, rows: 0 });
  expect((await cost(() => grant.status())).cost).toMatchObject({ requests: 1, rows: 0 });
  const row = await runInDurableObject(grantStub(objectId.toString()), (_, { storage }) =>
    storage.kv.get<GrantRow>("grant"),
  );
  expect(row?.generation).toBe(2);
});
