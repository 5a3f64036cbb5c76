/** Client authentication: each method once as it should be, and many times as it should not. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeBase64 } from "../../../src/base/bytes.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { Result } from "../../../src/base/result.ts";
import { sha256Base64url } from "../../../src/crypto/seal.ts";
import { authenticateClient } from "../../../src/oauth/clients/authenticate.ts";
import type { Client } from "../../../src/oauth/clients/types.ts";
import type { AuthorizationServer } from "../../../src/oauth/authorization-server/types.ts";
import type { ConfiguredClient } from "../../../src/oauth/settings.ts";
import type { OAuthError } from "../../../src/oauth/errors.ts";
import {
  recordingAuthorizationServer,
  IDENTIFIERS,
  registerClient,
  serveResponses,
  createAssertionSigner,
  type RecordingAuthorizationServer,
  type AssertionSigner,
} from "./recording-server.ts";

const TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const TOKEN = `${IDENTIFIERS.issuer}/token`;
/** Characters that Basic must carry form-encoded. */
const SECRET = "s: +%&=\u00E9";
const ID = "ops:1 +%";

const redirects = { client_name: "Ops", redirect_uris: ["https://ops.example/cb"] };

async function secretDesk(): Promise<RecordingAuthorizationServer> {
  const secret: ConfiguredClient = {
    client_id: ID,
    ...redirects,
    client_secret_sha256: await sha256Base64url(SECRET),
  };
  return recordingAuthorizationServer([
    secret,
    { client_id: "public", ...redirects },
    { ...secret, client_id: "other" },
  ]);
}

function basic(id: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams([["", text]]).toString().slice(1);
  return `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}`;
}

function authenticate(
  desk: AuthorizationServer,
  params: Record<string, string>,
  authorization?: string,
): Promise<Result<Client, OAuthError>> {
  const http = new Request(TOKEN, {
    method: "POST",
    headers: authorization === undefined ? {} : { authorization },
  });
  return authenticateClient(desk, http, new Map(Object.entries(params)), IDENTIFIERS);
}

function refusal(reason: string, error: string = "invalid_client"): object {
  return { ok: false, error: { error, reason } };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a public client", () => {
  it("is known by its id alone", async () => {
    const desk = await secretDesk();
    expect(await authenticate(desk, { client_id: "public" })).toMatchObject({
      ok: true,
      value: { id: "public" },
    });
    expect(await authenticate(desk, {}, basic("public", ""))).toMatchObject({
      ok: true,
      value: { id: "public" },
    });
  });

  it("is refused when it shows what it cannot have", async () => {
    const desk = await secretDesk();
    const key = await createAssertionSigner();
    const assertion = await key.sign({ iss: "public", sub: "public" });
    for (const shown of [
      { client_secret: SECRET },
      { client_assertion: assertion, client_assertion_type: TYPE },
    ])
      expect(await authenticate(desk, { client_id: "public", ...shown })).toMatchObject(
        refusal("client.method"),
      );
    expect(await authenticate(desk, {}, basic("public", "x"))).toMatchObject(
      refusal("client.method"),
    );
  });

  it("is refused without an id, or with one that nobody has", async () => {
    const desk = await secretDesk();
    expect(await authenticate(desk, {})).toMatchObject(refusal("client.absent"));
    expect(await authenticate(desk, { client_id: "nobody" })).toMatchObject(
      refusal("client.unknown"),
    );
  });
});

describe("a client with a secret", () => {
  it("sends it as Basic, form-encoded, or in the form", async () => {
    const desk = await secretDesk();
    const found = { ok: true, value: { id: ID } };
    expect(await authenticate(desk, {}, basic(ID, SECRET))).toMatchObject(found);
    expect(await authenticate(desk, { client_id: ID }, basic(ID, SECRET))).toMatchObject(found);
    expect(
      await authenticate(desk, {}, basic(ID, SECRET).replace("Basic ", "bAsIc   ")),
    ).toMatchObject(found);
    expect(await authenticate(desk, { client_id: ID, client_secret: SECRET })).toMatchObject(found);
  });

  it.each(["q+3vJ0+7T1r5/w==", "100%", "%41+", "a b", "s:t", "\u00E9+"])(
    "may send %j as Basic without form-encoding it, as many do",
    async (own) => {
      const client = { client_id: "ops+%41", client_secret_sha256: await sha256Base64url(own) };
      const desk = recordingAuthorizationServer([{ ...client, ...redirects }]);
      const asSent = `Basic ${encodeBase64(new TextEncoder().encode(`${client.client_id}:${own}`))}`;
      for (const params of [{}, { client_id: client.client_id }])
        expect(await authenticate(desk, params, asSent)).toMatchObject({ ok: true });
      if (!own.includes("\u00E9"))
        expect(await authenticate(desk, {}, basic(client.client_id, own))).toMatchObject({
          ok: true,
        });
      expect(await authenticate(desk, {}, `${asSent.slice(0, -4)}AAAA`)).toMatchObject({
        ok: false,
      });
    },
  );

  it("may use either way after it registered one", async () => {
    const desk = await secretDesk();
    for (const token_endpoint_auth_method of ["client_secret_basic", "client_secret_post"]) {
      const metadata = { redirect_uris: redirects.redirect_uris, token_endpoint_auth_method };
      const { client_id = "", client_secret = "" } = await registerClient(desk, metadata);
      expect(await authenticate(desk, {}, basic(client_id, client_secret))).toMatchObject({
        ok: true,
      });
      expect(await authenticate(desk, { client_id, client_secret })).toMatchObject({ ok: true });
      expect(await authenticate(desk, { client_id })).toMatchObject(refusal("client.method"));
      const another = await registerClient(desk, metadata);
      const theirs = { client_id, client_secret: another["client_secret"] ?? "" };
      expect(await authenticate(desk, theirs)).toMatchObject(refusal("client.secret"));
    }
  });

  it.each([
    "",
    "x",
    SECRET.slice(0, -1),
    `${SECRET}x`,
    SECRET.toUpperCase(),
    ` ${SECRET}`,
    `${SECRET}\0`,
    `${SECRET}\u0301`,
  ])("is refused with the secret %j", async (secret) => {
    const desk = await secretDesk();
    const reason = secret === "" ? "client.method" : "client.secret";
    expect(await authenticate(desk, {}, basic(ID, secret))).toMatchObject(refusal(reason));
    // An empty parameter never gets here: it counts as absent.
    const form = secret === "" ? {} : { client_secret: secret };
    expect(await authenticate(desk, { client_id: ID, ...form })).toMatchObject(refusal(reason));
  });

  it("is refused with the digest in place of the secret", async () => {
    const desk = await secretDesk();
    expect(
      await authenticate(desk, { client_id: ID, client_secret: await sha256Base64url(SECRET) }),
    ).toMatchObject(refusal("client.secret"));
  });

  it("is refused when it does not use it", async () => {
    const desk = await secretDesk();
    const assertion = await (
      await createAssertionSigner()
    ).sign({ iss: ID, sub: ID, aud: TOKEN, jti: "1", exp: Date.now() / 1000 + 60 });
    for (const shown of [{}, { client_assertion: assertion, client_assertion_type: TYPE }])
      expect(await authenticate(desk, { client_id: ID, ...shown })).toMatchObject(
        refusal("client.method"),
      );
  });

  it.each([
    ["two ids", { client_id: "public" }, "client.mismatch"],
    ["Basic and the form", { client_id: ID, client_secret: SECRET }, "client.methods"],
    [
      "Basic and an assertion",
      { client_assertion: "x", client_assertion_type: TYPE },
      "client.methods",
    ],
  ])("is refused with %s", async (_, params, reason) => {
    expect(await authenticate(await secretDesk(), params, basic(ID, SECRET))).toMatchObject(
      refusal(reason, "invalid_request"),
    );
  });

  it("is refused with the form and an assertion", async () => {
    const params = {
      client_id: ID,
      client_secret: SECRET,
      client_assertion: "x",
      client_assertion_type: TYPE,
    };
    expect(await authenticate(await secretDesk(), params)).toMatchObject(
      refusal("client.methods", "invalid_request"),
    );
  });

  it.each([
    "",
    "Basic",
    "Basic ",
    "Basic !",
    `Basic ${btoa("nocolon")}`,
    `Basic ${btoa(":secret")}`,
    `Basic ${btoa("id:\u00E9")}`,
    `Basic ${btoa("id:x").replaceAll("=", "")}`,
    `Basic ${btoa("id:x")} ${btoa("id:x")}`,
    `Basic=${btoa("id:x")}`,
    `Bearer ${btoa("id:x")}`,
    `Digest username="id"`,
    btoa("id:x"),
  ])("is refused with the header %j", async (header) => {
    expect(await authenticate(await secretDesk(), {}, header)).toMatchObject(
      refusal("client.basic"),
    );
    // Nor does such a header make a client public that has a body to say so.
    expect(await authenticate(await secretDesk(), { client_id: "public" }, header)).toMatchObject(
      refusal("client.basic"),
    );
  });

  it.each([":%", ":%zz", ":%C3", ":s:+x", "%", "%C3", ":s%3A&", ":s&x=", ":s=", ":\0"])(
    "is refused with %j at the end of Basic",
    async (tail) => {
      expect((await authenticate(await secretDesk(), {}, `Basic ${btoa(`other${tail}`)}`)).ok).toBe(
        false,
      );
    },
  );

  it("may hold in its secret what should have been form-encoded, except what that would change", async () => {
    const sloppy = {
      client_id: "sloppy",
      ...redirects,
      client_secret_sha256: await sha256Base64url("a&b=c:d%zz~"),
    };
    expect(
      await authenticate(
        recordingAuthorizationServer([sloppy]),
        {},
        `Basic ${btoa("sloppy:a&b=c:d%zz~")}`,
      ),
    ).toMatchObject({
      ok: true,
    });
  });

  it("is refused when Basic is not form-encoded", async () => {
    const plain = `Basic ${encodeBase64(new TextEncoder().encode(`${ID}:${SECRET}`))}`;
    expect((await authenticate(await secretDesk(), {}, plain)).ok).toBe(false);
  });
});

interface Signing {
  readonly desk: RecordingAuthorizationServer;
  readonly key: AssertionSigner;
  readonly claims: JsonObject & { readonly exp: number };
}

async function signing(): Promise<Signing> {
  const key = await createAssertionSigner();
  const machine = {
    client_id: "machine",
    ...redirects,
    jwks: { keys: [(await createAssertionSigner("old")).jwk, key.jwk] },
  };
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "machine",
    sub: "machine",
    aud: IDENTIFIERS.issuer,
    iat: now,
    exp: now + 60,
    jti: crypto.randomUUID(),
  };
  return {
    desk: recordingAuthorizationServer([machine, { client_id: "other", ...redirects }]),
    key,
    claims,
  };
}

function asserting(
  desk: AuthorizationServer,
  assertion: string,
  more: Record<string, string> = {},
): Promise<Result<Client, OAuthError>> {
  return authenticate(desk, { client_assertion: assertion, client_assertion_type: TYPE, ...more });
}

describe("a client with a key", () => {
  it.each<[string, JsonObject, JsonObject]>([
    ["the issuer as audience", {}, {}],
    ["the issuer as a URL parser writes it", { aud: `${IDENTIFIERS.issuer}/` }, {}],
    ["the token endpoint as audience", { aud: TOKEN }, {}],
    ["both in a list", { aud: [IDENTIFIERS.issuer, TOKEN] }, {}],
    ["the longest life", { exp: Math.floor(Date.now() / 1000) + 3_600 }, {}],
    ["a clock that is a little fast", { iat: Math.floor(Date.now() / 1000) + 30 }, {}],
    ["a type", {}, { typ: "JWT" }],
    ["its own type", {}, { typ: "client-authentication+jwt" }],
    ["no key id", {}, { kid: undefined as unknown as string }],
  ])("signs an assertion with %s", async (_, more, header) => {
    const { desk, key, claims } = await signing();
    const assertion = await key.sign({ ...claims, ...more }, header);
    expect(await asserting(desk, assertion)).toMatchObject({ ok: true, value: { id: "machine" } });
    expect(desk.requestedAccounts).toHaveLength(1);
  });

  it("may name itself beside the assertion, but nobody else", async () => {
    const { desk, key, claims } = await signing();
    expect(await asserting(desk, await key.sign(claims), { client_id: "machine" })).toMatchObject({
      ok: true,
    });
    expect(
      await asserting(desk, await key.sign({ ...claims, jti: "2" }), { client_id: "other" }),
    ).toMatchObject({
      ok: false,
    });
    const theirs = await key.sign({ ...claims, iss: "other", sub: "other", jti: "3" });
    expect(await asserting(desk, theirs, { client_id: "machine" })).toMatchObject(
      refusal("assertion.client"),
    );
    expect(desk.requestedAccounts).toHaveLength(1);
  });

  it("uses an assertion once", async () => {
    const { desk, key, claims } = await signing();
    const assertion = await key.sign(claims);
    expect(await asserting(desk, assertion)).toMatchObject({ ok: true });
    expect(await asserting(desk, assertion)).toMatchObject(refusal("assertion.replayed"));
    expect(await asserting(desk, await key.sign({ ...claims, exp: claims.exp + 1 }))).toMatchObject(
      refusal("assertion.replayed"),
    );
  });

  it("gets in once with 40 copies of an assertion sent together", async () => {
    const { desk, key, claims } = await signing();
    const assertion = await key.sign(claims);
    const answers = await Promise.all(Array.from({ length: 40 }, () => asserting(desk, assertion)));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
  });

  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, (now: number) => JsonObject, string]>([
    ["another issuer", () => ({ iss: "other" }), "client"],
    ["no issuer", () => ({ iss: null }), "client"],
    ["an issuer of another case", () => ({ iss: "Machine" }), "client"],
    ["another audience", () => ({ aud: "https://other.example" }), "audience"],
    ["no audience", () => ({ aud: null }), "audience"],
    ["an empty audience", () => ({ aud: [] }), "audience"],
    [
      "a second audience",
      () => ({ aud: [IDENTIFIERS.issuer, "https://other.example"] }),
      "audience",
    ],
    [
      "an audience that starts alike",
      () => ({ aud: `${IDENTIFIERS.issuer}.evil.example` }),
      "audience",
    ],
    ["two slashes behind the issuer", () => ({ aud: `${IDENTIFIERS.issuer}//` }), "audience"],
    ["the resource as audience", () => ({ aud: IDENTIFIERS.resource }), "audience"],
    ["an audience in an object", () => ({ aud: { 0: IDENTIFIERS.issuer } }), "audience"],
    ["an audience in a nested list", () => ({ aud: [[IDENTIFIERS.issuer]] }), "audience"],
    ["no expiry", () => ({ exp: null }), "expired"],
    ["an expiry in a string", (seconds) => ({ exp: String(seconds + 60) }), "expired"],
    ["an expiry that is now", (seconds) => ({ exp: seconds }), "expired"],
    ["an expiry in the past", (seconds) => ({ exp: seconds - 1 }), "expired"],
    ["an expiry in milliseconds", (seconds) => ({ exp: seconds * 1000 }), "long"],
    ["an expiry far ahead", (seconds) => ({ exp: seconds + 3_800 }), "long"],
    ["an endless expiry", () => ({ exp: 1e308 }), "long"],
    ["a time not yet come", (seconds) => ({ nbf: seconds + 120 }), "early"],
    ["an issue in the future", (seconds) => ({ iat: seconds + 120 }), "early"],
    ["times in strings", () => ({ nbf: "0" }), "early"],
    ["no id", () => ({ jti: null }), "jti"],
    ["an empty id", () => ({ jti: "" }), "jti"],
    ["an id that is a number", () => ({ jti: 7 }), "jti"],
  ])("is refused with %s", async (_, change, reason) => {
    const { desk, key, claims } = await signing();
    expect(await asserting(desk, await key.sign({ ...claims, ...change(now()) }))).toMatchObject(
      refusal(`assertion.${reason}`),
    );
    expect(desk.requestedAccounts).toHaveLength(0);
  });

  it.each<[string, JsonObject, string]>([
    ["no algorithm", { alg: "none" }, "malformed"],
    ["an HMAC", { alg: "HS256" }, "malformed"],
    ["another algorithm", { alg: "ES384" }, "signature"],
    ["an RSA algorithm", { alg: "RS256" }, "signature"],
    ["an algorithm in lower case", { alg: "es256" }, "malformed"],
    ["a critical extension", { crit: ["exp"] }, "malformed"],
    ["a key id that no key has", { kid: "two" }, "signature"],
    ["the id of another key", { kid: "old" }, "signature"],
    ["a key id that is no string", { kid: 1 }, "signature"],
  ])("is refused with %s in the header", async (_, header, reason) => {
    const { desk, key, claims } = await signing();
    expect(await asserting(desk, await key.sign(claims, header))).toMatchObject(
      refusal(`assertion.${reason}`),
    );
    expect(desk.requestedAccounts).toHaveLength(0);
  });

  it("is refused with a key of its own choice, even in the header", async () => {
    const { desk, claims } = await signing();
    const thief = await createAssertionSigner();
    for (const header of [
      {},
      { jwk: thief.jwk },
      { jku: "https://evil.example/jwks.json" },
      { kid: undefined as unknown as string },
    ])
      expect(await asserting(desk, await thief.sign(claims, header))).toMatchObject(
        refusal("assertion.signature"),
      );
    expect(desk.requestedAccounts).toHaveLength(0);
  });

  it("is refused with an assertion of anybody else's form", async () => {
    const { desk, key, claims } = await signing();
    const good = await key.sign(claims);
    const [header = "", payload = "", signature = ""] = good.split(".");
    const flipped = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    for (const bad of [
      "x",
      "..",
      `${header}.${payload}`,
      `${good}.x`,
      `${good}=`,
      `${header}..${signature}`,
    ])
      expect(await asserting(desk, bad)).toMatchObject(refusal("assertion.malformed"));
    for (const bad of [flipped, ""])
      expect(await asserting(desk, `${header}.${payload}.${bad}`)).toMatchObject(
        refusal("assertion.signature"),
      );
    expect(await asserting(desk, await key.sign({ ...claims, sub: 7 }))).toMatchObject(
      refusal("assertion.malformed"),
    );
    for (const client_assertion_type of [
      "",
      TYPE.toUpperCase(),
      "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
    ])
      expect(await asserting(desk, good, { client_assertion_type })).toMatchObject(
        refusal("assertion.malformed"),
      );
    expect(await authenticate(desk, { client_assertion: good })).toMatchObject(
      refusal("assertion.malformed"),
    );
    expect(desk.requestedAccounts).toHaveLength(0);
    expect(await asserting(desk, good)).toMatchObject({ ok: true });
  });

  it("is refused when it shows anything else", async () => {
    const { desk } = await signing();
    expect(await authenticate(desk, { client_id: "machine" })).toMatchObject(
      refusal("client.method"),
    );
    expect(await authenticate(desk, { client_id: "machine", client_secret: "x" })).toMatchObject(
      refusal("client.method"),
    );
    expect(
      await authenticate(desk, { client_id: "machine", client_assertion_type: TYPE }),
    ).toMatchObject(refusal("client.method"));
  });

  it("is told to try again where its keys cannot be fetched, not that they are wrong", async () => {
    const { desk, key, claims } = await signing();
    const id = "https://signer.example.com/away.json";
    const keys = "https://signer.example.com/away-keys.json";
    let status = 503;
    serveResponses({
      [id]: () =>
        Response.json({
          client_id: id,
          ...redirects,
          token_endpoint_auth_method: "private_key_jwt",
          jwks_uri: keys,
        }),
      // Of a server that fails the page may be of any size.
      [keys]: () =>
        Response.json(
          { keys: [key.jwk], padding: status === 503 ? "x".repeat(70_000) : "" },
          { status },
        ),
    });
    const assertion = await key.sign({ ...claims, iss: id, sub: id });
    expect(await asserting(desk, assertion)).toMatchObject({
      ok: false,
      error: { error: "temporarily_unavailable" },
    });
    status = 200;
    expect(await asserting(desk, assertion)).toMatchObject({ ok: true, value: { id } });
  });

  it.each<[string, () => Response]>([
    ["403", () => new Response("<p>", { status: 403 })],
    ["a page", () => new Response("<p>", { headers: { "content-type": "text/html" } })],
    ["404", () => new Response("", { status: 404 })],
    ["no key that can be used", () => Response.json({ keys: [] })],
    ["503", () => new Response("", { status: 503 })],
  ])("is not told that it is unknown where its host answers with %s", async (what, bad) => {
    const { desk, key, claims } = await signing();
    const id = `https://signer.example.com/${encodeURIComponent(what)}.json`;
    const keysUrl = `${id}?keys`;
    const stated = {
      client_id: id,
      ...redirects,
      token_endpoint_auth_method: "private_key_jwt",
      jwks_uri: keysUrl,
    };
    const assertion = await key.sign({ ...claims, iss: id, sub: id });
    const outage = { ok: false, error: { error: "temporarily_unavailable" } };
    serveResponses({ [id]: bad, [keysUrl]: bad });
    expect(await asserting(desk, assertion)).toMatchObject(outage);
    vi.restoreAllMocks();
    serveResponses({ [id]: () => Response.json(stated), [keysUrl]: bad });
    expect(await asserting(desk, assertion)).toMatchObject(outage);
    vi.restoreAllMocks();
    serveResponses({ [keysUrl]: () => Response.json({ keys: [key.jwk] }) });
    expect(await asserting(desk, assertion)).toMatchObject({ ok: true, value: { id } });
  });

  it("may publish the key in a document, or beside it", async () => {
    const { desk, key, claims } = await signing();
    for (const [index, jwks] of [
      { jwks: { keys: [key.jwk] } },
      { jwks_uri: "https://signer.example.com/jwks.json" },
    ].entries()) {
      const id = `https://signer.example.com/${index}.json`;
      const stated = {
        client_id: id,
        ...redirects,
        token_endpoint_auth_method: "private_key_jwt",
        ...jwks,
      };
      const asked = serveResponses({
        [id]: () => Response.json(stated),
        "https://signer.example.com/jwks.json": () => Response.json({ keys: [key.jwk] }),
      });
      const assertion = await key.sign({ ...claims, iss: id, sub: id });
      expect(await asserting(desk, assertion)).toMatchObject({ ok: true, value: { id } });
      expect(await asserting(desk, assertion)).toMatchObject(refusal("assertion.replayed"));
      expect(await authenticate(desk, { client_id: id })).toMatchObject(refusal("client.method"));
      expect(asked).toHaveLength(index + 1);
      vi.restoreAllMocks();
    }
  });
});
