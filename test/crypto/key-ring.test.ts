// Keys and what they seal: weak rings are refused, values open only where they belong, keys rotate without loss.
import { describe, expect, test } from "vitest";
import { encodeBase64url, decodeBase64url } from "../../src/base/bytes.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { open, seal } from "../../src/crypto/seal.ts";
import { keyText, ringOf } from "./keys.ts";

/** Says what is wrong with a ring, after checking that it tells nothing of the keys. */
function faultOf(text: string): string | undefined {
  const ring = readKeyRing(text);
  const secrets = text.split(",").map((part) => part.slice(part.indexOf(":") + 1).trim());
  for (const secret of secrets)
    if (secret.length > 8 && !ring.ok) expect(ring.error).not.toContain(secret);
  return ring.ok ? undefined : ring.error;
}

describe("a key ring", () => {
  test("names its keys; the first one seals", () => {
    const ring = readKeyRing(` ${keyText("2026-03")} , ${keyText("2025_12", 9)}`);
    expect(ring.ok && ring.value.currentId).toBe("2026-03");
    const holds = (id: string): boolean => ring.ok && ring.value.subkey(id, "any") !== undefined;
    expect(["2026-03", "2025_12", "2024"].map(holds)).toEqual([true, true, false]);
  });

  test("takes base64url too", () => {
    const text = keyText("k", 230);
    expect(text).toMatch(/[+/]/);
    expect(
      faultOf(text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")),
    ).toBeUndefined();
  });

  test.each([0, 1, 16, 31, 33, 64])("refuses a key of %i bytes", (length) => {
    expect(faultOf(keyText("k", 0, length))).toMatch(
      length === 0 ? /must be "id:base64"/ : /Key "k" is not 32 bytes/,
    );
  });

  test.each<[string, (index: number) => number]>([
    ["zeros", () => 0],
    ["one letter", () => 97],
    ["a short text over and over", (index) => "passwor".charCodeAt(index % 7)],
  ])("refuses a key of %s", (_, byte) => {
    const weak = btoa(
      String.fromCharCode(...Array.from({ length: 32 }, (_none, index) => byte(index))),
    );
    expect(faultOf(`k:${weak}`)).toBe('Key "k" is too regular');
    expect(faultOf(`${keyText("good")},k:${weak}`), "behind a good one").toBe(
      'Key "k" is too regular',
    );
  });

  test("refuses an id twice", () => {
    expect(faultOf(`${keyText("k")},${keyText("k", 7)}`)).toBe('Key id "k" appears twice');
  });

  test.each([
    "",
    ",",
    "k",
    ":",
    `:${keyText("").slice(1)}`,
    keyText("a b"),
    keyText("a.b"),
    keyText("x".repeat(33)),
  ])("refuses %j as a ring", (text) => expect(faultOf(text)).toBe('A key must be "id:base64"'));

  test("refuses text that is not base64", () => {
    expect(faultOf("k:not base64 at all, is it")).toMatch(/^Key "k" is not 32 bytes of base64$/);
    expect(faultOf(`${keyText("k")}=`)).toMatch(/not 32 bytes/);
  });
});

describe("sealing", () => {
  const ring = ringOf("a");

  // Made with another implementation: HKDF-SHA-256 without salt, info "barewire/vector", AES-256-GCM; the IV is 100 to 111.
  test.each([
    [
      "",
      "test.ZGVmZ2hpamtsbW5vzV_3bjaYociE8MD-28zZ7tsvyA2vooi8FuQBx8omy9fuknE",
      { a: [1, "é", null] },
    ],
    ["row 1", "test.ZGVmZ2hpamtsbW5v7SDwgH_hP5G-xPdJYJdWBGbD", []],
  ])(
    "opens what another implementation sealed in the context %j",
    async (context, sealed, value) => {
      const known = readKeyRing(keyText("test"));
      if (!known.ok) throw new Error(known.error);
      expect(await open(known.value, "vector", sealed, context)).toEqual({ ok: true, value });
    },
  );

  test.each([null, true, 0, "", "é\0😀", [], {}, { a: [{ b: null }] }])(
    "gives back %j",
    async (value) => {
      expect(await open(ring, "p", await seal(ring, "p", value))).toEqual({ ok: true, value });
    },
  );

  test("never makes the same text twice", async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => seal(ring, "p", 1)));
    expect(new Set(all.map((one) => one.slice(0, 18))).size).toBe(50);
  });

  test("opens only for its purpose and in its context", async () => {
    const sealed = await seal(ring, "p", 1, "row 1");
    expect(await open(ring, "p", sealed, "row 1")).toEqual({ ok: true, value: 1 });
    for (const [purpose, context] of [
      ["q", "row 1"],
      ["p", "row 2"],
      ["p", ""],
    ] as const)
      expect(await open(ring, purpose, sealed, context)).toEqual({
        ok: false,
        error: "not authentic",
      });
  });

  test("older keys open, the newest seals, a removed one is named as unknown", async () => {
    const old = await seal(ring, "p", 1);
    const rotated = ringOf("b", "a");
    expect(await open(rotated, "p", old)).toEqual({ ok: true, value: 1 });
    expect(await seal(rotated, "p", 1)).toMatch(/^b\./);
    expect(await open(ringOf("b"), "p", old)).toEqual({ ok: false, error: "unknown key" });
  });

  test("another key of the same name does not open", async () => {
    const other = readKeyRing(keyText("a", 1));
    if (!other.ok) throw new Error(other.error);
    expect(await open(other.value, "p", await seal(ring, "p", 1))).toEqual({
      ok: false,
      error: "not authentic",
    });
  });

  test("refuses every single bit that flips", async () => {
    const sealed = await seal(ring, "p", 1);
    const bytes = decodeBase64url(sealed.slice(2)) ?? new Uint8Array();
    expect(bytes.length).toBe(12 + 1 + 16);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = bytes.map((byte, index) =>
        index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte,
      );
      expect(await open(ring, "p", `a.${encodeBase64url(flipped)}`), `bit ${bit}`).toEqual({
        ok: false,
        error: "not authentic",
      });
    }
  });

  test.each(["", ".", "a", "a.", ".AAAA", "a.A", "a.é", "a.AA==", `a.${"A".repeat(16)}`])(
    "calls %j malformed",
    async (text) => expect(await open(ring, "p", text)).toEqual({ ok: false, error: "malformed" }),
  );
});
