/** What is remembered between logins: wrong attempts, grants, and assertions that were used. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { AccountRow } from "../../src/oauth/account-rows.ts";
import type { Account } from "../../src/oauth/account.ts";
import { bindings, cost, deskOf } from "./desk.ts";

type Stub = DurableObjectStub<Account>;
let count = 0;
const fresh = (accounts: typeof bindings.ACCOUNT = bindings.ACCOUNT): Stub =>
  accounts.getByName(`object ${(count += 1)}`);
const wrong = async (account: Stub, address: string): Promise<string | number> =>
  account.enter({ address, good: false, grant: "" });
const good = async (account: Stub, address: string, grant: string = ""): Promise<string | number> =>
  account.enter({ address, good: true, grant });

/** Lets `minutes` pass. */
async function wait(account: Stub, minutes: number): Promise<void> {
  await runInDurableObject(account, (_, { storage }) => {
    const { failed, grants } = storage.kv.get<AccountRow>("account") ?? { failed: [], grants: [] };
    const older = failed.map(({ address, at }) => ({ address, at: at - minutes * 60_000 }));
    storage.kv.put("account", { grants, failed: older });
  });
}

describe("enter", () => {
  it("locks an address after five wrong attempts, for fifteen minutes, even from a good one; no other address", async () => {
    const account = fresh();
    for (let round = 0; round < 5; round += 1) expect(await wrong(account, "a")).toBe("wrong");
    // In how many minutes an attempt counts again.
    expect(await wrong(account, "a")).toBe(15);
    expect(await good(account, "a", "g")).toBe(15);
    expect(await account.grants()).toEqual([]);
    expect(await good(account, "b")).toBe("ok");
    await wait(account, 14);
    expect(await good(account, "a")).toBe(1);
    await wait(account, 1);
    expect(await good(account, "a")).toBe("ok");
  });

  it("locks everybody after a hundred within the hour", async () => {
    const account = fresh();
    for (let round = 0; round < 100; round += 1) expect(await wrong(account, `a${round}`)).toBe("wrong");
    expect(await good(account, "z")).toBe(60);
    await wait(account, 20);
    expect(await good(account, "z")).toBe(40);
    await wait(account, 40);
    expect(await good(account, "z")).toBe("ok");
  });

  it("parallel guesses get no more than five either", async () => {
    const account = fresh();
    const guesses = await Promise.all(Array.from({ length: 50 }, () => wrong(account, "a")));
    expect(guesses.filter((entered) => entered === "wrong")).toHaveLength(5);
  });

  it("a good attempt clears its own address alone", async () => {
    const account = fresh();
    for (let round = 0; round < 4; round += 1) await Promise.all([wrong(account, "a"), wrong(account, "b")]);
    expect(await good(account, "a")).toBe("ok");
    for (let round = 0; round < 4; round += 1) expect(await wrong(account, "a")).toBe("wrong");
    expect([await wrong(account, "b"), await wrong(account, "b")]).toEqual(["wrong", 15]);
  });

  it("counts across evictions", async () => {
    const account = fresh();
    for (let round = 0; round < 5; round += 1) {
      await wrong(account, "a");
      await evictDurableObject(account);
    }
    expect(await good(account, "a")).toBe(15);
  });
});

describe("grants", () => {
  it("are listed once each, oldest first, until forgotten", async () => {
    const account = fresh();
    for (const grant of ["g1", "g2", "g1", ""]) await good(account, "a", grant);
    expect(await account.grants()).toEqual(["g1", "g2"]);
    await account.forget("g1", "g9");
    expect(await account.grants()).toEqual(["g2"]);
  });

  it("cost a row for a new one, and nothing when there is nothing new", async () => {
    const account = fresh(deskOf().accounts);
    expect((await cost(() => good(account, "a", "g1"))).cost).toMatchObject({ requests: 1, rows: 1 });
    expect((await cost(() => good(account, "a", "g1"))).cost).toMatchObject({ requests: 1, rows: 0 });
    expect((await cost(() => wrong(account, "a"))).cost).toMatchObject({ requests: 1, rows: 1 });
  });

  it("of which the newest four hundred are kept", async () => {
    const account = fresh();
    const many = Array.from({ length: 400 }, (_, index) => `g${index}`);
    await runInDurableObject(account, (_, { storage }) => storage.kv.put("account", { failed: [], grants: many }));
    await good(account, "a", "last");
    expect(await account.grants()).toEqual([...many.slice(1), "last"]);
  });
});

describe("spend", () => {
  const soon = (): number => Math.floor(Date.now() / 1000) + 60;

  it("takes an assertion id once, also of many at once and after an eviction", async () => {
    const account = fresh();
    const spent = await Promise.all(Array.from({ length: 50 }, () => account.spend("j1", soon())));
    expect(spent.filter((first) => first)).toHaveLength(1);
    await evictDurableObject(account);
    expect([await account.spend("j1", soon()), await account.spend("j2", soon())]).toEqual([false, true]);
  });

  it("forgets an id a minute after it expired, and not before", async () => {
    const account = fresh();
    for (const [jti, expires] of [
      ["old", soon() - 125],
      ["over", soon() - 90],
      ["new", soon()],
    ] as const)
      await account.spend(jti, expires);
    const kept = await runInDurableObject(account, (_, { storage }) =>
      storage.sql.exec("SELECT jti FROM spent ORDER BY jti").toArray(),
    );
    expect(kept).toEqual([{ jti: "new" }, { jti: "over" }]);
  });
});
