/** Storage by handle and by caller, in real objects: whose it is, what it keeps, how it ends, and what it costs. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import { createStorageClient } from "../../src/storage/client.ts";
import type { StoreNamespace, StoreObject } from "../../src/storage/store-object.ts";
import type { Store } from "../../src/storage/types.ts";
import { countedNamespace } from "../world/counting.ts";
import { ringOf } from "../crypto/keys.ts";
import {
  ADA,
  BOB,
  measureCost,
  storageClient,
  uniqueKey,
  storeNamespace,
  WEEK_SECONDS,
} from "./counted-client.ts";
import { thrownMessage } from "../world/thrown-message.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function opened(handle: string, owner: string = ADA): Promise<Store> {
  const store = await storageClient.open(handle, owner);
  if (!store.ok) throw new Error(store.error);
  return store.value;
}

/** The object behind a handle. */
function objectOf(handle: string): DurableObjectStub<StoreObject> {
  const [, random, end] = handle.split(".");
  return storeNamespace.getByName(`state ${random}.${end}`);
}

function reset(name: string): Promise<void> {
  return runInDurableObject(storeNamespace.getByName(name), (_object, state) =>
    state.abort("deployed"),
  ).catch(() => {});
}

describe("an object that is reset", () => {
  it("is read again", async () => {
    const owner = uniqueKey();
    const store = storageClient.ofOwner(owner);
    await store.put("k", 1);
    const name = `owner ${await sha256Base64url(owner)}`;
    for (let turn = 0; turn < 5; turn += 1) {
      const asked = [store.get("k"), store.list()] as const;
      const [got, listed] = await Promise.all([...asked, reset(name)]);
      expect([got, listed]).toEqual([1, [["k", 1]]]);
    }
  });

  it("does not fail each later try of an update", async () => {
    let tries = 0;
    const getByName = (name: string): Pick<StoreObject, "read" | "compareAndSwap"> => {
      const stub = storeNamespace.getByName(name);
      return {
        read: (key) => stub.read(key) as never,
        async compareAndSwap(...given) {
          tries += 1;
          if (tries === 1) await storeNamespace.getByName(name).write("k", "7", undefined);
          else await reset(name);
          return stub.compareAndSwap(...given);
        },
      };
    };
    const client = createStorageClient(ringOf("a"), { getByName } as unknown as StoreNamespace);
    const store = client.ofOwner(uniqueKey());
    expect(await store.update("k", (value) => Number(value ?? 0) + 1)).toBe(8);
    expect(tries).toBe(2);
  });
});

describe("a handle", () => {
  it("is short, fits into a URI, and names nobody", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    expect(handle.length).toBeLessThan(110);
    expect(handle).toMatch(/^[\w.-]+$/);
    expect(handle).not.toContain("ada");
    expect(await storageClient.create(ADA, WEEK_SECONDS)).not.toBe(handle);
  });

  it("opens for its owner, and costs nothing to make, to open or to refuse", async () => {
    let handle = "";
    expect(
      await measureCost(async () => {
        handle = await storageClient.create(ADA, WEEK_SECONDS);
      }),
    ).toEqual({
      requests: 0,
      rows: 0,
    });
    expect(await measureCost(() => opened(handle))).toEqual({ requests: 0, rows: 0 });
    expect(
      await measureCost(async () =>
        expect(await storageClient.open(handle, BOB)).toEqual({ ok: false, error: "forged" }),
      ),
    ).toEqual({
      requests: 0,
      rows: 0,
    });
  });

  it.each<[string, (handle: string) => string]>([
    ["empty", () => ""],
    ["made up", () => "a.AAAAAAAAAAAAAAAA.zzzzzz.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
    [
      "of another name",
      (handle) => handle.replace(/\.(.)/, (_, first: string) => `.${first === "A" ? "B" : "A"}`),
    ],
    ["with a later end", (handle) => handle.replace(/^([^.]+\.[^.]+\.)[^.]+/, "$1zzzzzz")],
    ["made a shared one", (handle) => handle.replace(/^(([^.]+\.){3})/, "$1zzzzzz.")],
    ["cut", (handle) => handle.slice(0, -1)],
    ["with something behind", (handle) => `${handle}A`],
    ["of another key", (handle) => handle.replace(/^a/, "b")],
    ["signed for another purpose", (handle) => handle],
  ])("that is %s opens nothing", async (what, change) => {
    const other = createStorageClient(ringOf("a"), storeNamespace);
    const handle = await (what === "of another key" ? storageClient : other).create(
      ADA,
      WEEK_SECONDS,
    );
    const wrong = what.startsWith("signed")
      ? handle.replace(/[^.]+$/, await sha256Base64url("x"))
      : change(handle);
    expect(
      await measureCost(async () => expect((await storageClient.open(wrong, ADA)).ok).toBe(false)),
    ).toEqual({
      requests: 0,
      rows: 0,
    });
    expect((await storageClient.share(wrong, ADA, 60)).ok).toBe(false);
  });

  it("cannot be read under the signed text of another context", async () => {
    // The owner is signed beside the text: no owner's name may be read as part of it.
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    for (const owner of ["", `${ADA} `, ADA.toUpperCase(), `["${handle}","x"]`])
      expect((await storageClient.open(handle, owner)).ok).toBe(false);
  });

  it("expires to the second", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
    const handle = await storageClient.create(ADA, 60);
    vi.setSystemTime(1_763_700_059_999);
    expect((await storageClient.open(handle, ADA)).ok).toBe(true);
    vi.setSystemTime(1_763_700_060_000);
    expect(await storageClient.open(handle, ADA)).toEqual({ ok: false, error: "expired" });
    expect(await storageClient.share(handle, ADA, 60)).toEqual({ ok: false, error: "expired" });
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity, 1e12])(
    "is not made for %s seconds",
    async (seconds) => {
      expect(await thrownMessage(() => storageClient.create(ADA, seconds))).toMatch(
        /lifetime in seconds/,
      );
      const handle = await storageClient.create(ADA, WEEK_SECONDS);
      expect(await thrownMessage(() => storageClient.share(handle, ADA, seconds))).toMatch(
        /lifetime in seconds/,
      );
    },
  );

  it("lasts over a change of keys as long as the old key stays", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    expect((await createStorageClient(ringOf("b", "a"), storeNamespace).open(handle, ADA)).ok).toBe(
      true,
    );
    expect((await createStorageClient(ringOf("b"), storeNamespace).open(handle, ADA)).ok).toBe(
      false,
    );
  });
});

describe("a shared handle", () => {
  it("opens the same storage for whoever holds it, and says how it was opened", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    const shared = await storageClient.share(handle, ADA, 3_600);
    if (!shared.ok) throw new Error(shared.error);
    await (await opened(handle)).put("a", 1);
    const guest = await opened(shared.value, BOB);
    expect([guest.access, (await opened(handle)).access]).toEqual(["shared", "owner"]);
    expect(await guest.get("a")).toBe(1);
    await guest.put("b", 2);
    expect(await (await opened(handle)).get("b")).toBe(2);
  });

  it("may be shared on, and never lasts longer than what it came from", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
    const handle = await storageClient.create(ADA, 1_000);
    const short = await storageClient.share(handle, ADA, 100);
    const long = await storageClient.share(handle, ADA, 5_000);
    const onward = short.ok ? await storageClient.share(short.value, BOB, 5_000) : short;
    if (!short.ok || !long.ok || !onward.ok) throw new Error("not shared");
    vi.setSystemTime(1_763_700_100_000);
    expect((await storageClient.open(short.value, BOB)).ok).toBe(false);
    expect((await storageClient.open(onward.value, BOB)).ok).toBe(false);
    expect((await storageClient.open(long.value, BOB)).ok).toBe(true);
    vi.setSystemTime(1_763_701_000_000);
    expect((await storageClient.open(long.value, BOB)).ok).toBe(false);
  });

  it("that expires first takes nothing with it, though it wrote first", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    const shared = await storageClient.share(handle, ADA, 1);
    if (!shared.ok) throw new Error(shared.error);
    await (await opened(shared.value, BOB)).put("a", 1);
    const alarm = await runInDurableObject(objectOf(handle), (_, state) =>
      state.storage.getAlarm(),
    );
    expect(alarm).toBe(parseInt(handle.split(".")[2] ?? "", 36) * 1000);
  });
});

describe("what is kept", () => {
  it.each([null, true, 0, "", "text", [1, [2]], { a: { b: "ß𝄞" } }])(
    "%j comes back as it was",
    async (value) => {
      const store = storageClient.ofOwner(ADA);
      const key = uniqueKey();
      await store.put(key, value);
      expect(await store.get(key)).toEqual(value);
      expect(await store.delete(key)).toBe(true);
      expect(await store.get(key)).toBeUndefined();
      expect(await store.delete(key)).toBe(false);
    },
  );

  it.each(["__proto__", "constructor", " ", "a/b", "ключ", "cached", "window", "x".repeat(512)])(
    "may have the key %s",
    async (key) => {
      const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
      expect(await store.get(key)).toBeUndefined();
      await store.put(key, key);
      expect(await store.get(key)).toBe(key);
    },
  );

  it("is refused where it is too large or no JSON, and what was there stays", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    await store.put("a", "before");
    expect(await thrownMessage(() => store.put("a", "x".repeat(1_000_000)))).toMatch(
      /1000000 bytes/,
    );
    expect(await thrownMessage(() => store.put("a", "ß".repeat(500_000)))).toMatch(/1000000 bytes/);
    expect(await thrownMessage(() => store.put("a", undefined as never))).toMatch(/JSON/);
    expect(await thrownMessage(() => store.put("", 1))).toMatch(/1 to 512/);
    expect(await thrownMessage(() => store.get("x".repeat(513)))).toMatch(/1 to 512/);
    expect(await thrownMessage(() => store.put("\ud800", 1))).toMatch(/well-formed/);
    expect(await store.get("a")).toBe("before");
    // The second takes two bytes for each character where it is kept.
    for (const text of ["x".repeat(999_998), `${"x".repeat(999_990)}ж`]) {
      await store.put("b", text);
      expect(await store.get("b")).toBe(text);
    }
  });

  it("is one owner's alone, whatever the owner is called", async () => {
    const key = uniqueKey();
    await storageClient.ofOwner(ADA).put(key, "ada's");
    for (const owner of [BOB, "", "mine", ` ${ADA}`])
      expect(await storageClient.ofOwner(owner).get(key)).toBeUndefined();
    expect(await storageClient.ofOwner(ADA).get(key)).toBe("ada's");
  });

  it("lists in order of keys, by prefix, page by page", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    for (const key of ["b2", "a1", "b1", "b10", "c"]) await store.put(key, key);
    const keys = async (options?: Parameters<Store["list"]>[0]): Promise<string[]> =>
      (await store.list(options)).map(([key]) => key);
    expect(await keys()).toEqual(["a1", "b1", "b10", "b2", "c"]);
    expect(await keys({ prefix: "b" })).toEqual(["b1", "b10", "b2"]);
    expect(await keys({ prefix: "b", limit: 2 })).toEqual(["b1", "b10"]);
    expect(await keys({ prefix: "b", after: "b10" })).toEqual(["b2"]);
    expect(await keys({ after: "zz" })).toEqual([]);
    for (const limit of [0, 1_001, 1.5])
      expect(await thrownMessage(() => store.list({ limit }))).toMatch(/1 to 1000/);
  });

  it("refuses a list that is too large, and says how many entries are not", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    for (let at = 0; at < 6; at++) await store.put(`k${at}`, "x".repeat(900_000));
    // A page that is not full is the last one: a shorter one would look like the end.
    expect(await thrownMessage(() => store.list())).toContain("ask for at most 4");
    const first = await store.list({ limit: 4 });
    const second = await store.list({ limit: 4, after: "k3" });
    expect([...first, ...second].map(([key]) => key)).toEqual(["k0", "k1", "k2", "k3", "k4", "k5"]);
  });

  it("survives the object", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    await (await opened(handle)).put("a", 1);
    await evictDurableObject(objectOf(handle));
    expect(await (await opened(handle)).get("a")).toBe(1);
  });
});

describe("a change", () => {
  it("is lost by none of fifty that come at once", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    await Promise.all(
      Array.from({ length: 50 }, () => store.update<number>("n", (old = 0) => old + 1)),
    );
    expect(await store.get("n")).toBe(50);
  }, 120_000);

  it("is made though others write without end: what it read before a pause is not what it writes upon", async () => {
    const stub = storeNamespace.getByName(uniqueKey());
    let [reads, writes] = [0, 0];
    let isFresh = false;
    // Others write before each answer that comes of an older read than the last pause.
    const busy = {
      read(key: string) {
        reads += 1;
        isFresh = reads > 1;
        return stub.read(key);
      },
      async compareAndSwap(...args: Parameters<StoreObject["compareAndSwap"]>) {
        if (!isFresh) await stub.write(args[0], String((writes += 1)), undefined);
        isFresh = false;
        return stub.compareAndSwap(...args);
      },
    };
    const stores = { getByName: () => busy } as unknown as StoreNamespace;
    const store = createStorageClient(ringOf("a"), stores).ofOwner(ADA);
    expect(await store.update<number>("n", (old = 0) => old + 10)).toBe(12);
    expect([reads, writes]).toEqual([2, 2]);
  });

  it("gives what was written, and leaves all as it was when it throws", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    expect(await store.update<string[]>("list", (old = []) => [...old, "a"])).toEqual(["a"]);
    const failing = store.update("list", () => {
      throw new Error("not like this");
    });
    expect(await thrownMessage(() => failing)).toBe("not like this");
    expect(await store.get("list")).toEqual(["a"]);
  });

  it("is made again on what somebody else wrote meanwhile", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    await store.put("a", "one");
    const seen: unknown[] = [];
    let meanwhile: Promise<void> | undefined;
    await store.update<string>("a", (old) => {
      seen.push(old);
      meanwhile ??= store.put("a", "two");
      return `${old}!`;
    });
    await meanwhile;
    // Both orders are possible; neither loses a write.
    expect([
      ["one!", 1],
      ["two!", 2],
      ["two", 1],
    ]).toContainEqual([await store.get("a"), seen.length]);
  });
});

describe("SQL", () => {
  it("has tables of its own, with bound parameters", async () => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    await store.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
    await store.sql("INSERT INTO note (text) VALUES (?), (?)", "it's", "); DROP TABLE note; --");
    expect(await store.sql("SELECT text FROM note ORDER BY id")).toEqual([
      { text: "it's" },
      { text: "); DROP TABLE note; --" },
    ]);
  });

  it.each([
    ["SELEKT 1", /syntax error/],
    ["SELECT * FROM nowhere", /no such table: nowhere/],
    ["SELECT * FROM _cf_KV", /prohibited/],
    ["UPDATE _cf_KV SET value = 1", /not authorized/],
    ["DROP TABLE _cf_KV", /not authorized/],
    ["DELETE FROM sqlite_master", /may not be modified/],
    ["PRAGMA writable_schema = 1", /not authorized/],
    ["ATTACH ':memory:' AS x", /not authorized/],
    ["INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (1)", /no such table: nowhere/],
    ["INSERT INTO t VALUES (?)", /parameter|binding/i],
    ["BEGIN", /transaction/],
    [
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 1001) SELECT n FROM c",
      /more than 1000 rows/,
    ],
    [
      `INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 1001) SELECT n FROM c
       RETURNING a`,
      /more than 1000 rows/,
    ],
    [
      "SELECT hex(zeroblob(1000000)) AS a, zeroblob(1000000) AS b, hex(zeroblob(500001)) AS c",
      /more than 4000000/,
    ],
  ])("that is wrong says so and loses nothing: %s", async (statement, says) => {
    const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
    await store.sql("CREATE TABLE t (a)");
    await store.put("a", 1);
    expect(await thrownMessage(() => store.sql(statement))).toMatch(says);
    expect([await store.get("a"), await store.sql("SELECT COUNT(*) AS n FROM t")]).toEqual([
      1,
      [{ n: 0 }],
    ]);
  });
});

describe("its end", () => {
  it("comes by alarm, and takes all of it", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    const store = await opened(handle);
    await store.put("a", 1);
    // The names under which the other kinds keep theirs hold up no end.
    await store.put("cached", { usableUntilMs: Number.MAX_SAFE_INTEGER });
    await store.put("window", { slot: Number.MAX_SAFE_INTEGER, slotMs: 1, counts: [] });
    await store.sql("CREATE TABLE t (a)");
    expect(await runDurableObjectAlarm(objectOf(handle))).toBe(true);
    for (const key of ["a", "cached", "window"]) expect(await store.get(key)).toBeUndefined();
    expect(await thrownMessage(() => store.sql("SELECT * FROM t"))).toMatch(/no such table/);
    expect(
      await runInDurableObject(objectOf(handle), (_, { storage }) => storage.sql.databaseSize),
    ).toBeLessThan(20_000);
  });

  it("is set by a statement too", async () => {
    const handle = await storageClient.create(ADA, WEEK_SECONDS);
    await (await opened(handle)).sql("CREATE TABLE t (a)");
    expect(await runDurableObjectAlarm(objectOf(handle))).toBe(true);
  });

  it("refuses a write that was on its way", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
    const store = await opened(await storageClient.create(ADA, 60));
    vi.setSystemTime(1_763_700_060_000);
    expect(await thrownMessage(() => store.put("a", 1))).toMatch(/has ended/);
  });

  it("is never set for a caller's own", async () => {
    await storageClient.ofOwner(ADA).put(uniqueKey(), 1);
    const object = storeNamespace.getByName(`owner ${await sha256Base64url(ADA)}`);
    expect(await runDurableObjectAlarm(object)).toBe(false);
  });
});

it("is paid by the request and the row", async () => {
  const store = await opened(await storageClient.create(ADA, WEEK_SECONDS));
  expect(await measureCost(() => store.get("a"))).toEqual({ requests: 1, rows: 0 });
  expect(await measureCost(() => store.put("a", 1))).toEqual({ requests: 1, rows: 2 });
  expect(await measureCost(() => store.put("a", 2))).toEqual({ requests: 1, rows: 1 });
  expect(await measureCost(() => store.get("a"))).toEqual({ requests: 1, rows: 0 });
  expect(await measureCost(() => store.update<number>("a", (old = 0) => old + 1))).toEqual({
    requests: 2,
    rows: 1,
  });
  expect(await measureCost(() => store.list())).toEqual({ requests: 1, rows: 0 });
  expect(
    await measureCost(() =>
      createStorageClient(ringOf("a"), countedNamespace(storeNamespace))
        .ofOwner(ADA)
        .put(uniqueKey(), 1),
    ),
  ).toEqual({
    requests: 1,
    rows: 1,
  });
});

it("keeps a value as it was when it was put", async () => {
  const store = storageClient.ofOwner(uniqueKey());
  const state = { balance: 0 };
  const writes = [1, 2, 3].map((amount) => {
    state.balance += amount;
    return store.put(`after ${amount}`, state);
  });
  await Promise.all(writes);
  const kept = await Promise.all([1, 2, 3].map((amount) => store.get(`after ${amount}`)));
  expect(kept).toEqual([{ balance: 1 }, { balance: 3 }, { balance: 6 }]);
});

it("takes what an update gives, bindings and options as they are at the call", async () => {
  const store = storageClient.ofOwner(uniqueKey());
  const state = { balance: 1 };
  await store.update("state", () => {
    queueMicrotask(() => (state.balance = 2));
    return state;
  });
  expect(await store.get("state")).toEqual({ balance: 1 });

  await store.sql("CREATE TABLE t (bytes BLOB)");
  const bytes = new Uint8Array([1, 2, 3]);
  const inserted = store.sql("INSERT INTO t VALUES (?)", bytes as unknown as SqlStorageValue);
  bytes.fill(9);
  await inserted;
  expect(await store.sql("SELECT hex(bytes) AS hex FROM t")).toEqual([{ hex: "010203" }]);

  await store.put("other", true);
  const options = { prefix: "state" };
  const listed = store.list(options);
  options.prefix = "other";
  expect(await listed).toEqual([["state", { balance: 1 }]]);
});

it("gives what was written, and not the object that it was told", async () => {
  const state = { who: "" };
  const updated = ["ada", "bob"].map((who) =>
    storageClient.ofOwner(uniqueKey()).update("k", () => Object.assign(state, { who })),
  );
  expect(await Promise.all(updated)).toEqual([{ who: "ada" }, { who: "bob" }]);
});

it("keeps nothing in place of what is no JSON", async () => {
  const store = storageClient.ofOwner(uniqueKey());
  await store.put("k", ["milk"]);
  for (const value of [Promise.resolve(1), { a: Promise.resolve() }, [new Map()], new Set()])
    await expect(store.put("k", value as never)).rejects.toThrow("is no JSON");
  const added = store.update("k", (async (old: string[]) => [...old, "bread"]) as never);
  await expect(added).rejects.toThrow("is no JSON");
  await expect(store.put("k", undefined as never)).rejects.toThrow("undefined is no JSON");
  expect(await store.get("k")).toEqual(["milk"]);
});
