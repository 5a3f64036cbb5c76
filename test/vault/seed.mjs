/** Prints SQL that fills a vault: node seed.mjs <KEYS> <how many>. What it seals is what `src/vault/credential-cipher.ts` would open. */

import { encodeUtf8 } from "../../src/base/bytes.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { sealRow } from "../../src/crypto/row-seal.ts";

const [keys, many] = process.argv.slice(2);
const ring = readKeyRing(keys);
if (!ring.ok) throw new Error(ring.error);
for (let index = 0; index < Number(many); index++) {
  const owner = `owner-${index}`;
  const plain = encodeUtf8(JSON.stringify({ kind: "key", key: `value-${index}` }));
  const { key, blob } = await sealRow(
    ring.value,
    "vault",
    JSON.stringify([owner, "tracker", "key"]),
    plain,
  );
  console.log(`INSERT INTO credentials (owner, service, name, key, sealed, version, created_at_ms, updated_at_ms)
    VALUES ('${owner}', 'tracker', 'key', '${key}', X'${Buffer.from(blob).toString("hex")}', 'v${index}', 1, 1);`);
}
