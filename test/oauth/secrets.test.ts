/** The watch over what is logged sees what it is there for. */

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { readKeyRing } from "../../src/crypto/keyring.ts";
import { sign } from "../../src/crypto/mac.ts";
import { seal } from "../../src/crypto/seal.ts";
import { leaks } from "../secrets.ts";

const { KEYS = "" } = env as { KEYS?: string };
const ring = readKeyRing(KEYS);
if (!ring.ok) throw new Error(ring.error);

describe("leaks", () => {
  it("finds a sealed token, a signed code and the key, wherever they stand in a line", async () => {
    const token = await seal(ring.value, "access", { subject: "ada" });
    const code = await sign(ring.value, "code", "abc");
    for (const secret of [token, code, KEYS.replaceAll("=", "")]) {
      expect(leaks([`{"event":"x","token":"${secret}"}`])).toHaveLength(1);
      expect(leaks([`Bearer ${secret}…`])).toHaveLength(1);
    }
  });

  it("finds nothing in an ordinary line", () => {
    expect(leaks(['{"event":"oauth.refused","endpoint":"resource","reason":"token.absent"}'])).toEqual([]);
  });
});
