/** The watch over what is logged sees what it is there for. */

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { readKeyRing } from "../src/crypto/key-ring.ts";
import { signText } from "../src/crypto/hmac.ts";
import { seal } from "../src/crypto/seal.ts";
import { linesWithSecrets } from "./secrets.ts";

const { KEYS = "" } = env as { KEYS?: string };
const ring = readKeyRing(KEYS);
if (!ring.ok) throw new Error(ring.error);

describe("leaks", () => {
  it("finds a sealed token, a signed code and the key, wherever they stand in a line", async () => {
    const token = await seal(ring.value, "access", { subject: "ada" });
    const code = await signText(ring.value, "code", "abc");
    for (const secret of [token, code, KEYS.replaceAll("=", "")]) {
      expect(linesWithSecrets([`{"event":"x","token":"${secret}"}`])).toHaveLength(1);
      expect(linesWithSecrets([`Bearer ${secret}…`])).toHaveLength(1);
    }
  });

  it("finds nothing in an ordinary line", () => {
    expect(
      linesWithSecrets(['{"event":"oauth.refused","endpoint":"resource","reason":"token.absent"}']),
    ).toEqual([]);
  });
});
