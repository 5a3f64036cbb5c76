/** Who a client id names: three kinds, told apart by form, and nobody for what was made up. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeBase64url, decodeBase64url } from "../../../src/base/bytes.ts";
import { signText } from "../../../src/crypto/hmac.ts";
import { seal } from "../../../src/crypto/seal.ts";
import { findClient } from "../../../src/oauth/clients/find.ts";
import type { ConfiguredClient } from "../../../src/oauth/settings.ts";
import { ringOf } from "../../crypto/keys.ts";
import {
  recordingAuthorizationServer,
  registerClient,
  serveResponses,
} from "./recording-server.ts";

const configured: ConfiguredClient = {
  client_id: "ops",
  client_name: "Ops",
  redirect_uris: ["https://ops.example/cb"],
};
const METADATA = {
  redirect_uris: ["https://client.example.com/cb"],
  token_endpoint_auth_method: "none",
};
const UNKNOWN = { ok: false, error: { error: "invalid_client", reason: "client.unknown" } };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a configured client", () => {
  it("is found by its exact id, with the defaults of the operator's kind", async () => {
    expect(await findClient(recordingAuthorizationServer([configured]), "ops")).toEqual({
      ok: true,
      value: {
        id: "ops",
        key: "ops",
        name: "Ops",
        metadataHost: undefined,
        redirectUris: ["https://ops.example/cb"],
        grantTypes: ["authorization_code", "refresh_token"],
        scopes: undefined,
        defaultScopes: undefined,
        auth: { method: "none" },
      },
    });
  });

  it("proves itself by its key, or else its secret", async () => {
    const jwks = { keys: [] };
    const both = [
      {
        ...configured,
        client_id: "secret",
        client_secret_sha256: "x",
        scope: "read write",
        grant_types: ["client_credentials"],
      },
      { ...configured, client_id: "key", client_secret_sha256: "x", jwks },
    ];
    expect(await findClient(recordingAuthorizationServer(both), "secret")).toMatchObject({
      value: {
        auth: { method: "secret", sha256: "x" },
        scopes: ["read", "write"],
        grantTypes: ["client_credentials"],
      },
    });
    expect(await findClient(recordingAuthorizationServer(both), "key")).toMatchObject({
      value: { auth: { method: "private_key_jwt", jwks } },
    });
  });

  it("comes before a document at the same URL", async () => {
    const asked = serveResponses({});
    const client_id = "https://ops.example/client.json";
    expect(
      await findClient(recordingAuthorizationServer([{ ...configured, client_id }]), client_id),
    ).toMatchObject({
      value: { name: "Ops" },
    });
    expect(asked).toEqual([]);
  });

  it.each(["OPS", "ops ", " ops", "ops\0", "op", "", "constructor", "__proto__"])(
    "is not %j",
    async (id) => {
      expect(await findClient(recordingAuthorizationServer([configured]), id)).toMatchObject(
        UNKNOWN,
      );
    },
  );
});

describe("a registered client", () => {
  it("has a short key that only its id gives", async () => {
    const desk = recordingAuthorizationServer();
    const ids = [await registerClient(desk, METADATA), await registerClient(desk, METADATA)].map(
      (one) => one["client_id"],
    );
    const [one, other] = await Promise.all(ids.map((id) => findClient(desk, id)));
    const again = await findClient(desk, ids[0]);
    expect(one?.ok && one.value.key).toMatch(/^dcr:[\w-]{22}$/);
    expect(again).toEqual(one);
    expect(one?.ok && other?.ok && one.value.key === other.value.key).toBe(false);
  });

  it("outlives a rotation of keys until its key leaves the ring", async () => {
    const { client_id } = await registerClient(recordingAuthorizationServer([], ringOf("a")), {
      redirect_uris: METADATA.redirect_uris,
    });
    const found = await findClient(recordingAuthorizationServer([], ringOf("a")), client_id);
    expect(await findClient(recordingAuthorizationServer([], ringOf("b", "a")), client_id)).toEqual(
      found,
    );
    expect(found).toMatchObject({ ok: true });
    expect(
      await findClient(recordingAuthorizationServer([], ringOf("b")), client_id),
    ).toMatchObject(UNKNOWN);
  });

  it("is nobody when any bit of its id was changed", async () => {
    const desk = recordingAuthorizationServer();
    const { client_id = "" } = await registerClient(desk, METADATA);
    const bytes = decodeBase64url(client_id.slice(2)) ?? new Uint8Array();
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const flipped = Uint8Array.from(bytes, (byte, at) =>
        at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte,
      );
      expect(await findClient(desk, `k.${encodeBase64url(flipped)}`)).toMatchObject(UNKNOWN);
    }
  });

  it("is nobody when its id was cut, padded, repeated or renamed", async () => {
    const desk = recordingAuthorizationServer([], ringOf("k", "o"));
    const { client_id = "" } = await registerClient(desk, METADATA);
    expect(await findClient(desk, client_id)).toMatchObject({ ok: true });
    for (let length = 0; length < client_id.length; length += 3)
      expect(await findClient(desk, client_id.slice(0, length))).toMatchObject(UNKNOWN);
    const body = client_id.slice(2);
    const others = [
      `${client_id}A`,
      `${client_id}=`,
      ` ${client_id}`,
      `${client_id}\n`,
      `o.${body}`,
      `z.${body}`,
      `K.${body}`,
    ];
    for (const id of [
      ...others,
      body,
      `.${body}`,
      `${client_id}.${body}`,
      `k.${body.replaceAll("-", "+")}+`,
    ])
      expect(await findClient(desk, id)).toMatchObject(UNKNOWN);
  });

  it("is nobody when the ring sealed or signed its id for something else", async () => {
    const desk = recordingAuthorizationServer();
    const held = [["https://evil.example/"], "Evil", ["authorization_code"], null, null];
    for (const purpose of ["access", "pending", "form", "properties", "Client", ""])
      expect(await findClient(desk, await seal(desk.ring, purpose, held))).toMatchObject(UNKNOWN);
    expect(
      await findClient(desk, await seal(desk.ring, "client", held, "elsewhere")),
    ).toMatchObject(UNKNOWN);
    expect(
      await findClient(desk, await signText(desk.ring, "client", JSON.stringify(held))),
    ).toMatchObject(UNKNOWN);
    expect(await findClient(desk, await seal(ringOf("x"), "client", held))).toMatchObject(UNKNOWN);
  });

  it("is nobody when its id is longer than any that was given out", async () => {
    const desk = recordingAuthorizationServer();
    const large = await seal(desk.ring, "client", [
      ["https://client.example.com/"],
      "x".repeat(6_000),
      [],
      null,
      null,
    ]);
    expect(await findClient(desk, large)).toMatchObject(UNKNOWN);
  });
});

describe("findClient", () => {
  it("says so when no client is named", async () => {
    expect(await findClient(recordingAuthorizationServer(), undefined)).toMatchObject({
      error: { error: "invalid_client", reason: "client.absent" },
    });
  });

  it.each([
    "http://client.example.com/c.json",
    "HTTPS://client.example.com/c.json",
    "ftp://client.example.com/c",
    "//client.example.com/c.json",
    "https:/client.example.com/c.json",
    "https:client.example.com/c.json",
    " https://client.example.com/c.json",
  ])("fetches nothing for %j", async (id) => {
    const asked = serveResponses({});
    expect(await findClient(recordingAuthorizationServer(), id)).toMatchObject(UNKNOWN);
    expect(asked).toEqual([]);
  });
});
