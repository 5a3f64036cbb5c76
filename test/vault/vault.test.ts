/** The vault on a real D1 database: what comes back, what does not and why, and what the database itself may do wrong. */

import { beforeAll, describe, expect, it, vi } from "vitest";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import type { CredentialId } from "../../src/vault/types.ts";
import { createVault, type Vault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";
import {
  db,
  uniqueCredential,
  makeTables,
  credentialRow,
  sealedBytes,
  tamper,
  vault,
  vaultWithKeys,
} from "./database.ts";

const VALUE = { kind: "key", key: "sk-0123456789" };

/** What the credential holds, or the reason why it does not open. */
async function read(id: CredentialId, by: Vault = vault): Promise<unknown> {
  const got = await by.get(id);
  return got.ok ? got.value?.reveal() : got.error.reason;
}

// Another file in this workerd may have made them: emptying a database leaves its tables.
beforeAll(async () => {
  await db.batch(
    ["credentials", "d1_migrations"].map((table) => db.prepare(`DROP TABLE IF EXISTS ${table}`)),
  );
});

it("without its tables says so, and what to do", async () => {
  for (const answer of [
    await vault.put(uniqueCredential(), VALUE),
    await vault.get(uniqueCredential()),
    await vault.list("x"),
    await vault.delete(uniqueCredential()),
    await vault.reseal("", 10),
    await vault.token(uniqueCredential(), { tokenUrl: "https://up.test", clientId: "c" }),
  ])
    expect(answer).toMatchObject({
      ok: false,
      error: {
        reason: "unavailable",
        message: expect.stringMatching(/no such table.*make migrate/) as string,
      },
    });
});

it("without a database says so", async () => {
  const none = createVault(undefined, ringOf("a"));
  for (const answer of [
    await none.put(uniqueCredential(), VALUE),
    await none.get(uniqueCredential()),
    await none.reseal("", 1),
  ])
    expect(answer).toMatchObject({
      ok: false,
      error: { reason: "unavailable", message: expect.stringContaining("VAULT") as string },
    });
});

describe("with its tables", () => {
  beforeAll(makeTables);

  it("gives back what was put, as a secret", async () => {
    const id = uniqueCredential();
    expect(await vault.put(id, VALUE)).toEqual({ ok: true, value: undefined });
    const got = await vault.get(id);
    expect(got.ok && got.value?.reveal()).toEqual(VALUE);
    expect(JSON.stringify(got)).not.toContain("sk-");
    expect(`${String(got.ok && got.value)}`).toBe("[secret]");
    expect(await read(uniqueCredential())).toBeUndefined();
  });

  it("replaces, lists and forgets, each owner's own", async () => {
    const [one, other] = [uniqueCredential(), uniqueCredential()];
    await vault.put(one, { n: 1 });
    await vault.put(one, { n: 2 });
    await vault.put({ ...one, service: "mail", name: "login" }, { n: 3 });
    await vault.put(other, { n: 4 });
    expect(await read(one)).toEqual({ n: 2 });
    const listed = await vault.list(one.owner);
    expect(listed.ok && listed.value.map(({ service, name }) => [service, name])).toEqual([
      ["mail", "login"],
      ["tracker", "key"],
    ]);
    expect(listed.ok && Object.keys(listed.value[0] ?? {}).toSorted()).toEqual([
      "createdAtMs",
      "isRevoked",
      "name",
      "service",
      "updatedAtMs",
    ]);
    expect(await vault.list(one.owner, "mail")).toMatchObject({
      value: [{ name: "login", isRevoked: false }],
    });
    expect(await vault.delete(one)).toEqual({ ok: true, value: true });
    expect(await vault.delete(one)).toEqual({ ok: true, value: false });
    expect([await read(one), await read(other)]).toEqual([undefined, { n: 4 }]);
  });

  it("keeps when it began through every change", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    vi.setSystemTime(1_763_700_005_000);
    await vault.put(id, VALUE);
    expect(await vault.list(id.owner)).toMatchObject({
      value: [{ createdAtMs: 1_763_700_000_000, updatedAtMs: 1_763_700_005_000 }],
    });
    vi.useRealTimers();
  });

  it("writes no owner, no value and no plain name of either into the table's bytes", async () => {
    const id = { ...uniqueCredential(), owner: '["https://issuer.test","ada@example.com"]' };
    await vault.put(id, VALUE);
    const text =
      JSON.stringify(await credentialRow(id)) + new TextDecoder().decode(await sealedBytes(id));
    expect(text).not.toMatch(/ada|issuer|sk-|0123456789/);
  });

  it("seals the same value differently each time", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    const first = await sealedBytes(id);
    await vault.put(id, VALUE);
    const second = await sealedBytes(id);
    // Version and length are the same, salt, IV and ciphertext are not; the identity is.
    expect(second.slice(0, 5)).toEqual(first.slice(0, 5));
    expect(second.slice(33, 65)).toEqual(first.slice(33, 65));
    for (const [from, to] of [
      [5, 21],
      [21, 33],
      [65, first.length],
    ] as const)
      expect(second.slice(from, to)).not.toEqual(first.slice(from, to));
  });

  it.each([
    [{ service: "" }, /1 to 64/],
    [{ service: "x".repeat(65) }, /1 to 64/],
    [{ name: "a\nb" }, /1 to 64/],
    [{ name: "ключ" }, /1 to 64/],
  ])("refuses %j as a handler's mistake", async (wrong, says) => {
    await expect(vault.put({ ...uniqueCredential(), ...wrong }, VALUE)).rejects.toThrow(says);
    await expect(vault.get({ ...uniqueCredential(), ...wrong })).rejects.toThrow(says);
  });

  it("refuses what is too large, and keeps what was there", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    await expect(vault.put(id, { key: "x".repeat(65_530) })).rejects.toThrow(/65536 bytes/);
    expect(await read(id)).toEqual(VALUE);
    const large = { key: "x".repeat(65_520) };
    await vault.put(id, large);
    expect(await read(id)).toEqual(large);
  });

  it("opens under every key of the ring, and seals under the first", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    expect(await read(id, vaultWithKeys("b", "a"))).toEqual(VALUE);
    await vaultWithKeys("b", "a").put(id, { n: 2 });
    expect((await credentialRow(id))?.["key"]).toBe("b");
    expect(await read(id)).toBe("key.missing");
  });

  it("names the key that is missing, and loses nothing by it", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    const got = await vaultWithKeys("b").get(id);
    expect(got).toEqual({
      ok: false,
      error: {
        reason: "key.missing",
        message:
          'Cannot open credential "key" of service "tracker": sealed under key "a", which is not in the ring',
      },
    });
    expect(await read(id)).toEqual(VALUE);
  });

  it("tells a moved row, whichever part of its identity changed", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    const blob = await sealedBytes(id);
    for (const elsewhere of [
      uniqueCredential(),
      { ...id, service: "mail" },
      { ...id, name: "other" },
    ]) {
      await vault.put(elsewhere, { mine: true });
      await tamper(elsewhere, { sealed: blob });
      const got = await vault.get(elsewhere);
      expect(got).toMatchObject({ ok: false, error: { reason: "moved" } });
      expect(JSON.stringify(got)).not.toContain("sk-");
    }
    expect(await read(id)).toEqual(VALUE);
    // To move the row itself is no better.
    const owner = await sha256Base64url('["i","thief"]');
    await tamper(id, { owner });
    expect(await read({ ...id, owner: '["i","thief"]' })).toBe("moved");
  });

  it("tells every flipped bit", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    const blob = await sealedBytes(id);
    for (let at = 0; at < blob.length; at++) {
      const flipped = blob.slice();
      flipped[at] = (blob[at] ?? 0) ^ (1 << (at % 8));
      await tamper(id, { sealed: flipped });
      // The version, and a length that says more than is there, speak for themselves.
      const later = at < 5 ? /^(changed|truncated)$/ : /^changed$/;
      const expected = at === 0 ? /^format.unknown$/ : later;
      expect(await read(id), `byte ${at}`).toMatch(expected);
    }
    await tamper(id, { sealed: blob });
    expect(await read(id)).toEqual(VALUE);
  });

  it("tells every truncation, and what was put behind", async () => {
    const id = uniqueCredential();
    await vault.put(id, VALUE);
    const blob = await sealedBytes(id);
    for (let length = 0; length < blob.length; length += length > 60 && length < 90 ? 1 : 7) {
      await tamper(id, { sealed: blob.slice(0, length) });
      expect(await read(id), `${length} bytes`).toBe("truncated");
    }
    await tamper(id, { sealed: Uint8Array.from([...blob, 0]) });
    expect(await read(id)).toBe("changed");
  });

  it("tells a format that it does not know, and a row that claims another key", async () => {
    const id = uniqueCredential();
    await vaultWithKeys("a", "b").put(id, VALUE);
    const blob = await sealedBytes(id);
    await tamper(id, { sealed: Uint8Array.from([2, ...blob.slice(1)]) });
    expect(await read(id)).toBe("format.unknown");
    await tamper(id, { sealed: blob, key: "b" });
    expect(await read(id, vaultWithKeys("a", "b"))).toBe("changed");
  });

  it("is an answer when the database fails, and none that waits for ever", async () => {
    const failing = (run: () => Promise<never>): Vault => {
      const statement = { bind: () => ({ first: run, run, all: run }) };
      return createVault(
        { prepare: () => statement, batch: run } as unknown as D1Database,
        ringOf("a"),
      );
    };
    const down = failing(() => Promise.reject(new Error("D1_ERROR: Network connection lost")));
    expect(await down.get(uniqueCredential())).toMatchObject({
      error: {
        reason: "unavailable",
        message: expect.stringContaining("connection lost") as string,
      },
    });
    vi.useFakeTimers();
    const waiting = failing(() => new Promise(() => undefined)).get(uniqueCredential());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await waiting).toMatchObject({
      error: { reason: "unavailable", message: expect.stringContaining("10 s") as string },
    });
    vi.useRealTimers();
  });
});

it("keeps a credential as it was when it was put", async () => {
  const shared = { kind: "key", key: "" };
  const ids = [1, 2, 3].map(() => uniqueCredential());
  const puts = ids.map((id, at) => {
    shared.key = `key ${at}`;
    return vault.put(id, shared);
  });
  await Promise.all(puts);
  const kept = await Promise.all(ids.map((id) => read(id)));
  expect(kept).toEqual([0, 1, 2].map((at) => ({ kind: "key", key: `key ${at}` })));
});

it("keeps nothing in place of a good credential that would never open", async () => {
  const id = uniqueCredential();
  await vault.put(id, VALUE);
  for (const odd of [null, [VALUE], "sk", undefined, 1n, new Map([["key", "sk"]]), new Error("sk")])
    await expect(vault.put(id, odd as never)).rejects.toThrow(/is an object|is no JSON|BigInt/);
  expect(await read(id)).toEqual(VALUE);
});
