/** What is kept of a set of keys: its text is bounded where it is fetched, what is made of it here. */

import { describe, expect, it } from "vitest";
import { parseClientMetadataDocument } from "../../src/oauth/clients/metadata-document.ts";
import { readKeys } from "../../src/oauth/jwks.ts";
import { issuerKey, type IssuerKey } from "./issuer.ts";

const { jwk } = JSON.parse(JSON.stringify(await issuerKey("ES256"))) as IssuerKey;
const { use: _, ...made } = jwk;
const junk = Array.from({ length: 1_000 }, () => ({}));

describe("a set of keys", () => {
  it("is kept as what makes a key, a hundred at most, and nothing else of it", () => {
    const others = [{}, { a: 1 }, null, "a", [], { kty: "oct", k: "AAAA" }, { ...jwk, d: "x" }];
    const laden = { ...jwk, x5c: junk, junk };
    expect(readKeys({ keys: [...others, ...junk, laden], junk })).toEqual([made]);
    expect(readKeys({ keys: [{ ...jwk, kid: junk }] })?.[0]).not.toHaveProperty("kid");
    expect(readKeys({ keys: Array.from({ length: 101 }, () => jwk) })).toHaveLength(100);
    for (const none of [{}, { keys: {} }, undefined]) expect(readKeys(none)).toBeUndefined();
  });

  it("is kept so too where a client's document holds it", () => {
    const id = "https://client.example.com/metadata.json";
    const client = parseClientMetadataDocument(
      id,
      {
        client_id: id,
        client_name: "Client",
        redirect_uris: ["https://client.example.com/callback"],
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [...junk, jwk], junk },
      },
      [],
    );
    expect(client).toMatchObject({ ok: true, value: { auth: { jwks: { keys: [made] } } } });
    expect(JSON.stringify(client)).not.toContain("{}");
  });
});
