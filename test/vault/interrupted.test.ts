/**
 * A rotation that is stopped after each of its pages, and between the writing of a page and its answer, while credentials
 * are read, written and forgotten by servers with the old ring and the new one. Whatever happened, one more run ends it.
 */

import { beforeAll, describe, expect, it } from "vitest";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import { openRow } from "../../src/crypto/row-seal.ts";
import type { CredentialId } from "../../src/vault/types.ts";
import { createVault, type Vault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";
import { db, makeTables, storedCredentials, uniqueCredential, vaultWithKeys } from "./database.ts";

/** Four pages, and a part of one. */
const MANY = 9;
const PAGE = 2;
const STOPS: readonly number[] = [0, 1, 2, 3, 4, 5];

beforeAll(makeTables);

/** What must be found at the end, by identity; undefined where it was forgotten. */
type Expected = Map<CredentialId, string | undefined>;

async function fill(): Promise<Expected> {
  await db.exec("DELETE FROM credentials");
  const all: Expected = new Map();
  const { owner } = uniqueCredential("stopped");
  for (let at = 0; at < MANY; at += 1)
    all.set({ owner, service: `service ${at}`, name: "key" }, `value ${at}`);
  await Promise.all(
    [...all].map(([id, value]) => vaultWithKeys("a").put(id, { value: value ?? null })),
  );
  return all;
}

/** So many pages from `after` on; the cursor of the next, or undefined at the end. */
async function pages(
  count: number,
  ids: readonly string[],
  after: string = "",
): Promise<string | undefined> {
  let next: string | undefined = after;
  for (let done = 0; done < count && next !== undefined; done += 1) {
    const got = await vaultWithKeys(...ids).reseal(next, PAGE);
    if (!got.ok) throw new Error(got.error.message);
    expect(got.value.unreadable).toEqual({});
    next = got.value.next;
  }
  return next;
}

/** People go on: servers of both rings read, write, forget and put anew, at places all over the table. */
async function use(all: Expected, round: string, before: Vault, now: Vault): Promise<void> {
  const ids = [...all.keys()];
  for (let at = 0; at < ids.length; at += 4) {
    const [id, other, gone, anew] = ids.slice(at, at + 4);
    if (id === undefined || other === undefined || gone === undefined || anew === undefined) break;
    for (const one of [id, other]) {
      const got = await now.get(one);
      expect(got.ok && got.value?.reveal()["value"]).toBe(all.get(one));
    }
    await before.put(id, { value: `${round}, by the old ring` });
    all.set(id, `${round}, by the old ring`);
    await now.put(other, { value: `${round}, by the new ring` });
    all.set(other, `${round}, by the new ring`);
    await now.delete(gone);
    all.set(gone, undefined);
    await now.delete(anew);
    await before.put(anew, { value: `${round}, put anew` });
    all.set(anew, `${round}, put anew`);
  }
}

/** Nothing lost, nothing left under another key than `key`, nothing forgotten that is back, nothing readable as another's. */
async function check(all: Expected, key: string): Promise<void> {
  const results = await storedCredentials();
  const kept = [...all].filter(([, value]) => value !== undefined);
  expect(results.map((row) => row.key)).toEqual(kept.map(() => key));
  const owner = await sha256Base64url([...all.keys()][0]?.owner ?? "");
  const ring = ringOf(key);
  const openAs = (row: (typeof results)[number], service: string) =>
    openRow(ring, "vault", JSON.stringify([owner, service, row.name]), {
      key: row.key,
      blob: Uint8Array.from(row.sealed),
    });
  for (const [{ service }, value] of kept) {
    const row = results.find((one) => one.service === service);
    if (row === undefined) throw new Error(`Lost: ${service}`);
    const opened = await openAs(row, service);
    expect(opened.ok && JSON.parse(new TextDecoder().decode(opened.value))).toEqual({ value });
    for (const other of results) {
      if (other !== row)
        expect(await openAs(row, other.service)).toEqual({ ok: false, error: "moved" });
    }
  }
}

describe.each(STOPS)("stopped after page %i", (stop) => {
  it("begun again from the start, it loses nothing and leaves nothing", async () => {
    const all = await fill();
    const next = await pages(stop, ["b", "a"]);
    expect(next === undefined).toBe(stop === 5);
    await use(all, `after ${stop}`, vaultWithKeys("a"), vaultWithKeys("b", "a"));
    expect(await pages(Infinity, ["b", "a"])).toBeUndefined();
    await check(all, "b");
  });

  it("gone on with where it was, and once more for what was written behind it, it does too", async () => {
    const all = await fill();
    const next = await pages(stop, ["b", "a"]);
    await use(all, `after ${stop}`, vaultWithKeys("a"), vaultWithKeys("b", "a"));
    if (next !== undefined) await pages(Infinity, ["b", "a"], next);
    await pages(Infinity, ["b", "a"]);
    await check(all, "b");
  });

  it("by a database that dies before it writes, or after it wrote and before it says so", async () => {
    const all = await fill();
    const next = await pages(stop, ["b", "a"]);
    for (const writes of [false, true]) {
      const dying = new Proxy(db, {
        get(target, name) {
          if (name === "prepare") return (text: string) => target.prepare(text);
          return async (statements: D1PreparedStatement[]) => {
            if (writes) await target.batch(statements);
            throw new Error("D1_ERROR: connection lost");
          };
        },
      });
      const died = await createVault(dying, ringOf("b", "a")).reseal(next ?? "", PAGE);
      // At the end there is nothing to write.
      if (next !== undefined)
        expect(died).toMatchObject({ ok: false, error: { reason: "unavailable" } });
      await use(all, `died ${writes}`, vaultWithKeys("a"), vaultWithKeys("b", "a"));
    }
    await pages(Infinity, ["b", "a"]);
    await check(all, "b");
  });
});

it("stopped in its middle and followed by another rotation that is stopped too, it ends under the third key", async () => {
  const all = await fill();
  await pages(2, ["b", "a"]);
  await use(all, "second", vaultWithKeys("b", "a"), vaultWithKeys("c", "b", "a"));
  await pages(2, ["c", "b", "a"]);
  await use(all, "third", vaultWithKeys("b", "a"), vaultWithKeys("c", "b", "a"));
  await pages(Infinity, ["c", "b", "a"]);
  await check(all, "c");
});
