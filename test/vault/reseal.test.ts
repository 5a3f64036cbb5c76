/** Sealing anew: ten thousand credentials on a real database while they are read and written, and who may ask for it. */

import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { openRow, sealRow } from "../../src/crypto/row-seal.ts";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import { signText } from "../../src/crypto/hmac.ts";
import { createVault } from "../../src/vault/vault.ts";
import { rotateKeys } from "../../src/vault/rotate-keys.ts";
import type { CredentialId } from "../../src/vault/types.ts";
import { ringOf } from "../crypto/keys.ts";
import {
  credentialRow,
  db,
  makeTables,
  storedCredentials,
  tamper,
  uniqueCredential,
  vaultWithKeys,
} from "./database.ts";

const MANY = 10_000;
const idOf = (at: number): CredentialId => ({
  owner: `["i","person ${at % 500}"]`,
  service: `service ${Math.floor(at / 500)}`,
  name: "key",
});

beforeAll(makeTables);

it("ten thousand, read and written meanwhile: none lost, none readable as another's, all under the new key", async () => {
  const [before, after] = [vaultWithKeys("a"), vaultWithKeys("b", "a")];
  // As `put` does it, a hundred a batch: what is measured is the rotation.
  for (let from = 0; from < MANY; from += 100) {
    const rows = await Promise.all(
      Array.from({ length: 100 }, async (_, offset) => {
        const { owner, service, name } = idOf(from + offset);
        const key = [await sha256Base64url(owner), service, name] as const;
        const plain = encodeUtf8(JSON.stringify({ n: from + offset }));
        const { blob } = await sealRow(ringOf("a"), "vault", JSON.stringify(key), plain);
        const text =
          "INSERT INTO credentials (owner, service, name, key, sealed, version, created_at_ms, updated_at_ms) VALUES (?, ?, ?, 'a', ?, ?, 0, 0)";
        return db.prepare(text).bind(...key, blob, `v${from + offset}`);
      }),
    );
    await db.batch(rows);
  }

  let done = false;
  const written = new Map<number, number>();
  const wrong: unknown[] = [];
  const busy = async (seed: number): Promise<void> => {
    for (let count = 0; !done; count++) {
      const at = (seed * 7_919 + count * 104_729) % MANY;
      if (count % 3 === 0 && at % 10 === seed) {
        // Both the old and the new server write while keys change. Each row has one writer here.
        await (count % 2 === 0 ? before : after).put(idOf(at), { n: at, again: count });
        written.set(at, count);
      } else {
        const got = await after.get(idOf(at));
        if (!got.ok || got.value?.reveal()["n"] !== at) wrong.push([at, got]);
      }
    }
  };
  const users = [1, 2, 3, 4].map(busy);
  let [next, total, pages]: [string | undefined, number, number] = ["", 0, 0];
  while (next !== undefined) {
    const page = await after.reseal(next, 100);
    if (!page.ok) throw new Error(page.error.message);
    expect(page.value.unreadable).toEqual({});
    ({ next } = page.value);
    total += page.value.resealed;
    pages += 1;
  }
  done = true;
  await Promise.all(users);
  expect(wrong).toEqual([]);
  expect(pages).toBeGreaterThan(50);
  expect(total).toBeGreaterThan(MANY / 2);
  expect(written.size).toBeGreaterThan(0);

  // What the old server wrote behind the cursor is one more, short, run away.
  for (next = ""; next !== undefined;) {
    const page = await after.reseal(next, 100);
    if (!page.ok) throw new Error(page.error.message);
    ({ next } = page.value);
  }
  const left = await db.prepare("SELECT key, COUNT(*) AS n FROM credentials GROUP BY key").all();
  expect(left.results).toEqual([{ key: "b", n: MANY }]);

  // Without the old key: everything opens, holds its own value, and opens as nobody else's.
  const ring = ringOf("b");
  const results = await storedCredentials();
  const byKey = new Map(
    results.map((row) => [JSON.stringify([row.owner, row.service, row.name]), row]),
  );
  const keys = [...byKey.keys()];
  const owners = await Promise.all(
    Array.from({ length: 500 }, (_, at) => sha256Base64url(idOf(at).owner)),
  );
  for (let at = 0; at < MANY; at++) {
    const { service, name } = idOf(at);
    const key = JSON.stringify([owners[at % 500], service, name]);
    const row = byKey.get(key);
    if (row === undefined) throw new Error(`Lost: ${at}`);
    const sealed = { key: row.key, blob: Uint8Array.from(row.sealed) };
    const opened = await openRow(ring, "vault", key, sealed);
    const again = written.get(at);
    const expected = again === undefined ? { n: at } : { n: at, again };
    expect(opened.ok && JSON.parse(new TextDecoder().decode(opened.value))).toEqual(expected);
    expect(
      await openRow(
        ring,
        "vault",
        keys[(at + 1) % MANY] === key ? "" : (keys[(at + 1) % MANY] ?? ""),
        sealed,
      ),
    ).toEqual({
      ok: false,
      error: "moved",
    });
  }
  await db.exec("DELETE FROM credentials");
}, 180_000);

describe("a page", () => {
  it("leaves what it cannot open, counts it by reason, and goes on behind it", async () => {
    const ids = Array.from({ length: 6 }, () => uniqueCredential("page"));
    for (const id of ids) await vaultWithKeys("a").put(id, { kept: true });
    const [missing, flipped, moved] = ids as [CredentialId, CredentialId, CredentialId];
    await vaultWithKeys("c").put(missing, { kept: true });
    await tamper(flipped, { sealed: new Uint8Array(100).fill(1) });
    await tamper(moved, {
      sealed: Uint8Array.from(
        (await credentialRow(ids[3] as CredentialId))?.["sealed"] as number[],
      ),
    });
    const all = { resealed: 0, unreadable: {} as Record<string, number> };
    for (let next: string | undefined = ""; next !== undefined;) {
      const page = await vaultWithKeys("b", "a").reseal(next, 2);
      if (!page.ok) throw new Error(page.error.message);
      ({ next } = page.value);
      all.resealed += page.value.resealed;
      for (const [reason, n] of Object.entries(page.value.unreadable))
        all.unreadable[reason] = (all.unreadable[reason] ?? 0) + n;
    }
    expect(all).toEqual({
      resealed: 3,
      unreadable: { 'key.missing "c"': 1, truncated: 1, moved: 1 },
    });
    expect(await vaultWithKeys("c").get(missing)).toMatchObject({ ok: true });
    await db.exec("DELETE FROM credentials");
  });

  it("leaves a credential alone that was put, forgotten or put anew after it was read", async () => {
    const ids = Array.from({ length: 4 }, () => uniqueCredential("page"));
    const [kept, put, forgotten, anew] = ids as [
      CredentialId,
      CredentialId,
      CredentialId,
      CredentialId,
    ];
    for (const id of ids) await vaultWithKeys("a").put(id, { value: "old" });
    // What comes between the reading and the writing of a page.
    const meanwhile = async (): Promise<void> => {
      await vaultWithKeys("a").put(put, { value: "new" });
      await vaultWithKeys("a").delete(forgotten);
      await vaultWithKeys("a").delete(anew);
      await vaultWithKeys("a").put(anew, { value: "new" });
    };
    const racing = new Proxy(db, {
      get(target, name) {
        if (name === "prepare") return (text: string) => target.prepare(text);
        return async (statements: D1PreparedStatement[]) => {
          await meanwhile();
          return target.batch(statements);
        };
      },
    });
    const page = await createVault(racing, ringOf("b", "a")).reseal("", 10);
    expect(page).toEqual({ ok: true, value: { next: undefined, resealed: 1, unreadable: {} } });
    const values = async (): Promise<unknown[]> =>
      Promise.all(
        ids.map(async (id) => {
          const got = await vaultWithKeys("b", "a").get(id);
          return got.ok && got.value?.reveal()["value"];
        }),
      );
    expect(await values()).toEqual(["old", "new", undefined, "new"]);
    expect((await credentialRow(kept))?.["key"]).toBe("b");
    // What was left is sealed anew by the next run, with the value that it has now.
    expect(await vaultWithKeys("b", "a").reseal("", 10)).toMatchObject({ value: { resealed: 2 } });
    expect(await values()).toEqual(["old", "new", undefined, "new"]);
    await db.exec("DELETE FROM credentials");
  });

  it("changes neither what a row says nor a renewal under way", async () => {
    const id = uniqueCredential("page");
    await vaultWithKeys("a").put(id, { kept: true });
    await tamper(id, { lease_until_ms: 5, is_revoked: 1 });
    const { sealed: _one, key: _key, ...before } = (await credentialRow(id)) ?? {};
    await vaultWithKeys("b", "a").reseal("", 10);
    const { sealed: _two, key, ...after } = (await credentialRow(id)) ?? {};
    expect([after, key]).toEqual([before, "b"]);
    await db.exec("DELETE FROM credentials");
  });

  it.each(["x", "e30", "WzEsMiwzXQ", "%"])(
    "that starts at a cursor of nobody's (%s) starts at the beginning",
    async (cursor) => {
      const id = uniqueCredential("page");
      await vaultWithKeys("a").put(id, { kept: true });
      expect(await vaultWithKeys("b", "a").reseal(cursor, 10)).toMatchObject({
        value: { resealed: 1 },
      });
      await db.exec("DELETE FROM credentials");
    },
  );
});

describe("who may ask for it", () => {
  const ring = ringOf("b", "a");
  const vault = vaultWithKeys("b", "a");
  const soon = (seconds: number): string => String(Math.floor(Date.now() / 1000) + seconds);
  const ask = (proof: string | undefined, init: RequestInit = {}): Promise<Response> =>
    rotateKeys(
      new Request("https://mcp.test/admin/rotate-keys", {
        method: "POST",
        body: "{}",
        ...init,
        headers: proof === undefined ? {} : { authorization: `Bearer ${proof}` },
      }),
      vault,
      ring,
    );

  it("whoever holds a key of the ring, now", async () => {
    const id = uniqueCredential("page");
    await vaultWithKeys("a").put(id, { kept: true });
    const response = await ask(await signText(ring, "admin", soon(60)));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ current: "b", resealed: 1, unreadable: {} });
    expect((await ask(await signText(ringOf("a"), "admin", soon(60)))).status).toBe(200);
    await db.exec("DELETE FROM credentials");
  });

  it.each<[string, () => Promise<string | undefined> | undefined]>([
    ["nobody who says nothing", () => undefined],
    [
      "nobody who makes something up",
      async () => "b.99999999999.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
    ["nobody without a key of the ring", () => signText(ringOf("c"), "admin", soon(60))],
    ["nobody with a proof for another purpose", () => signText(ring, "refresh", soon(60))],
    ["nobody with a proof of yesterday", () => signText(ring, "admin", soon(-1))],
    ["nobody with a proof that lasts too long", () => signText(ring, "admin", soon(600))],
    ["nobody with a proof that says no time", () => signText(ring, "admin", "now")],
  ])("%s", async (_who, proof) => {
    const id = uniqueCredential("page");
    await vaultWithKeys("a").put(id, { kept: true });
    expect((await ask(await proof())).status).toBe(403);
    expect((await credentialRow(id))?.["key"]).toBe("a");
  });

  it("not by another verb, nor with a body that is none, and a database that is down is said to be", async () => {
    const proof = await signText(ring, "admin", soon(60));
    const got = await ask(proof, { method: "GET", body: null });
    // RFC 9110 section 15.5.6: a 405 says what is allowed.
    expect([got.status, got.headers.get("allow"), await got.json()]).toEqual([
      405,
      "POST",
      { error: "Use POST" },
    ]);
    expect((await ask(proof, { body: "[]" })).status).toBe(400);
    expect((await ask(proof, { body: "x".repeat(5_000) })).status).toBe(400);
    vi.spyOn(vault, "reseal").mockResolvedValueOnce({
      ok: false,
      error: { reason: "unavailable", message: "down" },
    });
    const down = await ask(proof);
    expect([down.status, await down.json()]).toEqual([503, { error: "down" }]);
  });
});
