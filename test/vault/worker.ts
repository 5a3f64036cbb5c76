/** A Worker of nothing but the vault, for a real upstream and real clients: test/vault/refresh-token.node.test.ts asks it. */

import type { JsonObject } from "../../src/base/json.ts";
import { secret } from "../../src/base/secret.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { createVault } from "../../src/vault/vault.ts";

const ID = { owner: '["i","ada"]', service: "mail", name: "login" };

/** POST / keeps the body; GET / says what is kept; GET /token?url= renews it there. */
export const worker: ExportedHandler<{ readonly VAULT: D1Database; readonly KEYS: string }> = {
  async fetch(http, env) {
    const ring = readKeyRing(env.KEYS);
    if (!ring.ok) throw new Error(ring.error);
    const vault = createVault(env.VAULT, ring.value);
    if (http.method === "POST")
      return Response.json(await vault.put(ID, await http.json<JsonObject>()));
    const { pathname, searchParams } = new URL(http.url);
    if (pathname === "/token") {
      const [tokenUrl, clientSecret] = [searchParams.get("url") ?? "", secret("s/2")];
      const got = await vault.token(ID, { tokenUrl, clientId: "c:1", clientSecret });
      return Response.json(got.ok ? got.value?.reveal() : got.error.reason);
    }
    const kept = await vault.get(ID);
    return Response.json(kept.ok ? kept.value?.reveal() : kept.error.reason);
  },
};
