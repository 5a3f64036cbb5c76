/** What is remembered between logins: wrong attempts, grants, and assertions that were used. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { AccountRow } from "../../../src/oauth/authorization-server/account-rows.ts";
import type { AccountObject } from "../../../src/oauth/authorization-server/account-object.ts";
import { bindings, measureCost, createAuthorizationServer } from "../authorization-server.ts";

type Stub = DurableObjectStub<AccountObject>;
let count = 0;
const fresh = (accounts: typeof bindings.ACCOUNT = bindings.ACCOUNT): Stub =>
  accounts.getByName(`object ${(count += 1)}`);
const wrong = async (account: Stub, address: string): Promise<unknown> =>
  account.recordSignIn({ address, hasSucceeded: false, grant: "" });
const good = async (account: Stub, address: string, grant: string = ""): Promise<unknown> =>
  account.recordSignIn({ address, hasSucceeded: true, grant });

/** Lets `minutes` pass. */
async function wait(account: Stub, minutes: number): Promise<void> {
  await runInDurableObject(account, (_, { storage }) => {
    const { failed, grants } = storage.kv.get<AccountRow>("account") ?? { failed: [], grants: [] };
    const older = failed.map(({ address, atMs }) => ({ address, atMs: atMs - minutes * 60_000 }));
    storage.kv.put("account", { grants, failed: older });
  });
}

describe("enter", () => {
  it("locks an address after five wrong attempts, for fifteen minutes, even from a good one; no other address", async () => {
    const account = fresh();
    for (let round = 0; round < 5; round += 1) expect(await wrong(account, "a")).toBe("rejected");
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
    for (let round = 0; round < 100; round += 1)
      expect(await wrong(account, `a${round}`)).toBe("rejected");
    expect(await good(account, "z")).toBe(60);
    await wait(account, 20);
    expect(await good(account, "z")).toBe(40);
    await wait(account, 40);
    expect(await good(account, "z")).toBe("ok");
  });

  it("does not lock for longer what a clock ahead noted", async () => {
    const account = fresh();
    for (let round = 0; round < 5; round += 1) await wrong(account, "a");
    await wait(account, -14);
    expect(await good(account, "a")).toEqual(expect.any(Number));
    await wait(account, -2);
    expect(await good(account, "a")).toBe("ok");
    for (let round = 0; round < 100; round += 1) await wrong(account, `a${round}`);
    await wait(account, -61);
    expect(await good(account, "z")).toBe("ok");
  });

  it("parallel guesses get no more than five either", async () => {
    const account = fresh();
    const guesses = await Promise.all(Array.from({ length: 50 }, () => wrong(account, "a")));
    expect(guesses.filter((entered) => entered === "rejected")).toHaveLength(5);
  });

  it("a good attempt clears its own address alone", async () => {
    const account = fresh();
    for (let round = 0; round < 4; round += 1)
      await Promise.all([wrong(account, "a"), wrong(account, "b")]);
    expect(await good(account, "a")).toBe("ok");
    for (let round = 0; round < 4; round += 1) expect(await wrong(account, "a")).toBe("rejected");
    expect([await wrong(account, "b"), await wrong(account, "b")]).toEqual(["rejected", 15]);
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
    await account.dropGrants("g1", "g9");
    expect(await account.grants()).toEqual(["g2"]);
  });

  it("cost a row for a new one, and nothing when there is nothing new", async () => {
    const account = fresh(createAuthorizationServer().accounts);
    expect((await measureCost(() => good(account, "a", "g1"))).cost).toMatchObject({
      requests: 1,
      rows: 1,
    });
    expect((await measureCost(() => good(account, "a", "g1"))).cost).toMatchObject({
      requests: 1,
      rows: 0,
    });
    // A row, and the alarm that clears it.
    expect((await measureCost(() => wrong(account, "a"))).cost).toMatchObject({
      requests: 1,
      rows: 2,
    });
  });

  it("beyond four hundred are named, the oldest first, until they are forgotten", async () => {
    const account = fresh();
    const many = Array.from({ length: 400 }, (_, index) => `g${index}`);
    await runInDurableObject(account, (_, { storage }) =>
      storage.kv.put("account", { failed: [], grants: many }),
    );
    expect(await good(account, "a", "last")).toEqual(["g0"]);
    // Nothing is lost that was not ended.
    expect(await good(account, "a", "one more")).toEqual(["g0", "g1"]);
    await account.dropGrants("g0", "g1");
    expect(await good(account, "a", "last")).toBe("ok");
    expect(await account.grants()).toEqual([...many.slice(2), "last", "one more"]);
  });
});

describe("spend", () => {
  const soon = (): number => Math.floor(Date.now() / 1000) + 60;

  it("takes an assertion id once, also of many at once and after an eviction", async () => {
    const account = fresh();
    const spent = await Promise.all(
      Array.from({ length: 50 }, () => account.consumeJti("j1", soon())),
    );
    expect(spent.filter((first) => first)).toHaveLength(1);
    await evictDurableObject(account);
    expect([
      await account.consumeJti("j1", soon()),
      await account.consumeJti("j2", soon()),
    ]).toEqual([false, true]);
  });

  it("forgets an id a minute after it expired, and not before", async () => {
    const account = fresh();
    for (const [jti, expires] of [
      ["old", soon() - 125],
      ["expired", soon() - 90],
      ["new", soon()],
    ] as const)
      await account.consumeJti(jti, expires);
    const kept = await runInDurableObject(account, (_, { storage }) =>
      storage.sql.exec("SELECT jti FROM used_assertions ORDER BY jti").toArray(),
    );
    expect(kept).toEqual([{ jti: "expired" }, { jti: "new" }]);
  });
});

describe("what a peer can make an account keep", () => {
  const all = (account: Stub): Promise<unknown[]> =>
    runInDurableObject(account, (_, { storage }) => [...storage.kv.list()]);
  const alarmOf = (account: Stub): Promise<number | null> =>
    runInDurableObject(account, (_, { storage }) => storage.getAlarm());
  const HOUR = 3_600_000;

  it("is a hundred wrong attempts, however many come from however many addresses", async () => {
    const account = fresh();
    for (let round = 0; round < 130; round += 1) await wrong(account, `address ${round}`);
    const kept = await runInDurableObject(account, (_, { storage }) =>
      storage.kv.get<AccountRow>("account"),
    );
    expect(kept?.failed).toHaveLength(100);
  });

  it("is nothing an hour after the last wrong attempt, but for the grants of a person", async () => {
    const [guessed, known] = [fresh(), fresh()];
    await good(known, "a", "g1");
    for (const account of [guessed, known]) {
      await wrong(account, "b");
      expect(await alarmOf(account)).toBeGreaterThan(Date.now() + HOUR - 60_000);
      expect(await runDurableObjectAlarm(account)).toBe(true);
      expect(await alarmOf(account)).toBeNull();
    }
    expect(await all(guessed)).toEqual([]);
    expect(await all(known)).toEqual([["account", { grants: ["g1"], failed: [] }]]);
  });

  it("is ten thousand assertions at once, and none that expired", async () => {
    const account = fresh();
    const expires = Math.floor(Date.now() / 1000) + 60;
    await account.consumeJti("first", expires);
    await runInDurableObject(account, (_, { storage: { sql } }) => {
      const numbers =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) SELECT i FROM n";
      sql.exec(`INSERT INTO used_assertions SELECT 'j' || i, ? FROM (${numbers})`, expires);
    });
    expect([
      await account.consumeJti("one more", expires),
      await account.consumeJti("first", expires),
    ]).toEqual([false, false]);
    await runInDurableObject(account, (_, { storage: { sql } }) => {
      sql.exec(
        "UPDATE used_assertions SET expires_at_seconds = ? WHERE jti <> 'first'",
        expires - 200,
      );
    });
    expect([
      await account.consumeJti("one more", expires),
      await account.consumeJti("first", expires),
    ]).toEqual([true, false]);
    expect(await runDurableObjectAlarm(account)).toBe(true);
    const left = await runInDurableObject(account, (_, { storage: { sql } }) =>
      sql.exec("SELECT name FROM sqlite_master WHERE name = 'used_assertions'").toArray(),
    );
    expect(left).toEqual([]);
    expect(await account.consumeJti("later", expires)).toBe(true);
  });

  it("of an assertion outlives the assertion, so that none is forgotten while it is good", async () => {
    const account = fresh();
    await account.consumeJti("j", Math.floor(Date.now() / 1000) + 3_660);
    // The longest that an assertion may be good (client-auth.ts), and the minute that clocks differ by.
    expect(await alarmOf(account)).toBeGreaterThan(Date.now() + (3_660 + 60) * 1_000);
  });
});
