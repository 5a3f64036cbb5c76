// Access tokens of an outside issuer: which are taken, which are not and why, and how often the issuer is asked.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { encodeBase64url, encodeUtf8 } from "../../../src/base/bytes.ts";
import type { Caller } from "../../../src/base/caller.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { TokenVerifier } from "../../../src/oauth/resource-server/bearer.ts";
import { readJws, type Jws } from "../../../src/crypto/jws.ts";
import { checkSignature } from "../../../src/oauth/jwks.ts";
import { externalTokenVerifier } from "../../../src/oauth/resource-server/external-issuer.ts";
import { createTtlCache as tokenCache } from "../../../src/base/ttl-cache.ts";
import type { ServerIdentifiers } from "../../../src/base/identifiers.ts";
import { issuerKey, signJws, type IssuerKey } from "../issuer.ts";

const PLACE: ServerIdentifiers = {
  issuer: "https://mcp.example",
  resource: "https://mcp.example/mcp",
  audience: "https://mcp.example/mcp",
};
const START = 1_800_000_000_000;
const first = await issuerKey("EdDSA", "first");
const second = await issuerKey("EdDSA", "second");
const rsa = await issuerKey("RS256", "rsa");

/** Each test has an issuer of its own: key sets are kept for the isolate. */
let issuer = "";
let count = 0;
type Answer = (request: Request) => unknown;
/** What the issuer serves by path, and every request it got. A path that is absent is 404, an Error a broken line. */
let served: { [path: string]: unknown } = {};
let asked: string[] = [];
let verify: TokenVerifier;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  issuer = `https://issuer-${(count += 1)}.example.com`;
  asked = [];
  served = {
    "/.well-known/oauth-authorization-server": {
      issuer,
      jwks_uri: `${issuer}/keys`,
      introspection_endpoint: `${issuer}/introspect`,
    },
    "/keys": { keys: [first.jwk, rsa.jwk] },
  };
  verify = externalTokenVerifier({ issuer });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const path = request.url.replace(issuer, "");
    asked.push(path);
    const answer = served[path];
    if (answer instanceof Error) throw answer;
    const body = typeof answer === "function" ? await (answer as Answer)(request) : answer;
    if (body instanceof Response) return body.clone();
    return body === undefined ? new Response("No", { status: 404 }) : Response.json(body);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const seconds = (): number => Date.now() / 1_000;
const later = (s: number): void => {
  vi.setSystemTime(Date.now() + s * 1_000);
};
const fetches = (path: string): number => asked.filter((one) => one === path).length;
const TYP = { typ: "at+jwt" };

function claims(over: object = {}): object {
  const fixed = {
    iss: issuer,
    aud: PLACE.resource,
    sub: "ada",
    client_id: "app",
    scope: "read write",
  };
  return { ...fixed, iat: seconds(), exp: seconds() + 300, ...over };
}

async function reason(token: string, place: ServerIdentifiers = PLACE): Promise<string> {
  const caller = await verify(token, place);
  return caller.ok ? "taken" : caller.error;
}

/** A token that differs from a good one by claims, header and key. */
async function token(
  over: object = {},
  header: object = {},
  key: IssuerKey = first,
): Promise<string> {
  return signJws(key, claims(over), { ...TYP, ...header });
}

describe("a JWT", () => {
  test("says who calls", async () => {
    expect(await verify(await token(), PLACE)).toEqual({
      ok: true,
      value: { issuer, subject: "ada", client: "app", scopes: ["read", "write"] },
    });
  });

  test.each<[what: string, over: object, header: object]>([
    ["for several audiences", { aud: ["https://other.example", PLACE.resource] }, {}],
    ["typed with its whole media type", {}, { typ: "application/at+jwt" }],
    ["typed in capitals", {}, { typ: "AT+JWT" }],
    ["that names its client as OpenID does", { client_id: undefined, azp: "app" }, {}],
    ["that names its client as Okta does", { client_id: undefined, cid: "app" }, {}],
    ["that names its client as Entra does", { client_id: undefined, appid: "app" }, {}],
    ["without iat", { iat: undefined }, {}],
    [
      "from a clock ahead of ours, by a minute",
      { iat: START / 1_000 + 60, nbf: START / 1_000 + 60 },
      {},
    ],
    ["for a clock behind ours, by less than a minute", { exp: START / 1_000 - 59 }, {}],
    ["that names no key", {}, { kid: undefined }],
  ])("%s is taken", async (_, over, header) =>
    expect(await reason(await token(over, header))).toBe("taken"),
  );

  test("signed with RS256 is taken", async () =>
    expect(await reason(await token({}, {}, rsa))).toBe("taken"));

  test("for any name that the metadata of this server have for it is taken", async () => {
    for (const aud of [PLACE.resource, PLACE.issuer, `${PLACE.issuer}/`, ["other", PLACE.issuer]])
      expect([aud, await reason(await token({ aud }))]).toEqual([aud, "taken"]);
  });

  test("may name client and scopes as Okta does", async () => {
    const over = { client_id: undefined, scope: undefined, cid: "app", scp: ["read"] };
    expect(await verify(await token(over), PLACE)).toMatchObject({
      ok: true,
      value: { client: "app", scopes: ["read"] },
    });
  });

  test.each<[scope: unknown, scopes: string[]]>([
    ["", []],
    [undefined, []],
    ["read", ["read"]],
    [" read  write ", ["read", "write"]],
    [
      ["read", "write"],
      ["read", "write"],
    ],
    [[1, null, "read"], ["read"]],
    [{ read: true }, []],
    [7, []],
  ])("with scope %j carries %j", async (scope, scopes) => {
    expect(await verify(await token({ scope }), PLACE)).toMatchObject({
      ok: true,
      value: { scopes },
    });
  });

  test("may say null where it says nothing", async () => {
    for (const name of ["nbf", "iat", "scope", "cnf", "client_id"]) {
      const over = { azp: "app", [name]: null };
      expect([name, await reason(await token(over))]).toEqual([name, "taken"]);
    }
    served["/keys"] = { keys: [{ ...first.jwk, use: null, alg: null, key_ops: null }] };
    expect(await reason(await token())).toBe("taken");
  });

  test.each<[reason: string, over: object, header: object]>([
    ["token.issuer", { iss: "https://evil.example" }, {}],
    ["token.issuer", { iss: undefined }, {}],
    ["token.issuer", { iss: ["https://issuer.example"] }, {}],
    ["token.audience", { aud: "https://other.example/mcp" }, {}],
    ["token.audience", { aud: `${PLACE.issuer}//` }, {}],
    ["token.audience", { aud: `${PLACE.issuer}/other` }, {}],
    ["token.audience", { aud: `${PLACE.resource}/` }, {}],
    ["token.audience", { aud: "https://mcp.example/mcp2" }, {}],
    ["token.audience", { aud: undefined }, {}],
    ["token.audience", { aud: [] }, {}],
    ["token.audience", { aud: [[PLACE.resource]] }, {}],
    ["token.audience", { aud: { [PLACE.resource]: true } }, {}],
    ["token.expired", { exp: START / 1_000 - 60 }, {}],
    ["token.expired", { exp: undefined }, {}],
    ["token.expired", { exp: String(START) }, {}],
    ["token.expired", { exp: null }, {}],
    ["token.early", { nbf: START / 1_000 + 61 }, {}],
    ["token.early", { iat: START / 1_000 + 61 }, {}],
    ["token.malformed", { nbf: "0" }, {}],
    ["token.malformed", { iat: "now" }, {}],
    ["token.subject", { sub: undefined }, {}],
    ["token.subject", { sub: "" }, {}],
    ["token.subject", { sub: 7 }, {}],
    ["token.subject", { client_id: undefined }, {}],
    ["token.subject", { client_id: { a: 1 } }, {}],
    ["token.bound", { cnf: { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }, {}],
    ["token.type", {}, { typ: "JWT" }],
    ["token.type", {}, { typ: undefined }],
    ["token.type", {}, { typ: "at+jwt;a=b" }],
    ["token.type", {}, { typ: "logout+jwt" }],
    ["token.type", {}, { typ: ["at+jwt"] }],
    ["token.malformed", {}, { crit: ["exp"] }],
    ["token.malformed", {}, { alg: "none" }],
    ["token.malformed", {}, { alg: "HS256" }],
    ["token.malformed", {}, { alg: undefined }],
    ["token.signature", {}, { alg: "RS256" }],
    ["token.signature", {}, { kid: "rsa" }],
    ["token.signature", {}, { kid: 1 }],
    ["token.signature", {}, { kid: "__proto__" }],
  ])("is refused as %s: %j %j", async (why, over, header) => {
    expect(await reason(await token(over, header))).toBe(why);
  });

  test("without a signature, or signed with what everybody knows, is refused", async () => {
    const good = await token();
    const [, body = ""] = good.split(".");
    const none = encodeBase64url(encodeUtf8('{"alg":"none","typ":"at+jwt"}'));
    expect(await reason(`${none}.${body}.`)).toBe("token.malformed");
    expect(await reason(`${good.slice(0, good.lastIndexOf("."))}.`)).toBe("token.signature");
    const head = encodeBase64url(encodeUtf8('{"alg":"HS256","typ":"at+jwt","kid":"first"}'));
    for (const text of [String(first.jwk["x"]), JSON.stringify(first.jwk)]) {
      const secret = await crypto.subtle.importKey(
        "raw",
        encodeUtf8(text),
        { name: "HMAC", hash: "SHA-256" },
        false,
        ["sign"],
      );
      const mac = new Uint8Array(
        await crypto.subtle.sign("HMAC", secret, encodeUtf8(`${head}.${body}`)),
      );
      expect(await reason(`${head}.${body}.${encodeBase64url(mac)}`)).toBe("token.malformed");
    }
  });

  test("signed by a key it brings along is refused", async () => {
    const mine = await issuerKey("EdDSA", "mine");
    served["https://evil.example/keys"] = { keys: [mine.jwk] };
    for (const header of [
      { jwk: mine.jwk },
      { jku: "https://evil.example/keys" },
      { kid: "first", jwk: mine.jwk },
    ]) {
      expect(await reason(await token({}, header, mine))).toBe("token.signature");
      later(31);
    }
    expect(fetches("https://evil.example/keys")).toBe(0);
  });

  test("with another payload under a good signature is refused", async () => {
    const [head, , signature] = (await token()).split(".");
    const other = encodeBase64url(encodeUtf8(JSON.stringify(claims({ sub: "root" }))));
    expect(await reason(`${head}.${other}.${signature}`)).toBe("token.signature");
  });

  test.each(["JWT", undefined, "application/jwt"])(
    "of type %j is taken where the operator says so",
    async (typ) => {
      verify = externalTokenVerifier({ issuer, acceptsAnyJwtType: true });
      expect(await reason(await token({}, { typ }))).toBe("taken");
      expect(await reason(await token({}, { typ: "dpop+jwt" }))).toBe("token.type");
    },
  );

  test("that cannot be good by its claims costs the issuer nothing", async () => {
    for (const over of [{ iss: "https://evil.example" }, { aud: "x" }, { exp: 1 }])
      await reason(await token(over));
    await reason("not.a.token");
    expect(asked).toEqual([]);
  });
});

describe("a verdict", () => {
  test("is remembered for a minute, and never beyond the token's life", async () => {
    const good = await token();
    expect(await reason(good)).toBe("taken");
    served = {};
    later(59);
    const verified = vi.spyOn(crypto.subtle, "verify");
    expect(await reason(good)).toBe("taken");
    expect(verified).toHaveBeenCalledTimes(0);
    later(2);
    expect(await reason(good)).toBe("taken");
    expect(verified).toHaveBeenCalledTimes(1);
    later(299);
    expect(await reason(good)).toBe("token.expired");
  });

  test("holds for one resource", async () => {
    const good = await token();
    expect(await reason(good)).toBe("taken");
    const other = {
      issuer: "https://other.example",
      resource: "https://other.example/mcp",
      audience: "https://other.example/mcp",
    };
    expect(await reason(good, other)).toBe("token.audience");
  });

  test("is never given for an issuer that is this server", async () => {
    const own = { issuer, resource: `${issuer}/mcp`, audience: `${issuer}/mcp` };
    expect(await reason(await token({ aud: own.resource }), own)).toBe("issuer.self");
    expect(asked).toEqual([]);
  });
});

describe("keys", () => {
  test("are fetched once for many tokens, and metadata too", async () => {
    for (const sub of ["a", "b", "c"]) expect(await reason(await token({ sub }))).toBe("taken");
    expect(asked).toEqual(["/.well-known/oauth-authorization-server", "/keys"]);
  });

  test("that are new are found at once; after that the issuer is left alone for half a minute", async () => {
    await reason(await token());
    served["/keys"] = { keys: [second.jwk] };
    later(31);
    expect(await reason(await token({}, {}, second))).toBe("taken");
    expect(fetches("/keys")).toBe(2);
    // Nobody can say meanwhile whether there is such a key: a stranger's must not have good tokens of a new one refused.
    for (let n = 0; n < 5; n += 1) {
      const unknown = await token({ sub: `n${n}` }, { kid: `unknown ${n}` }, second);
      expect(await reason(unknown)).toBe("issuer.keys");
    }
    expect(await reason(await token({}, { kid: second.kid }, first))).toBe("token.signature");
    expect(fetches("/keys"), "a flood of unknown key ids").toBe(2);
    later(31);
    expect(await reason(await token({ sub: "bob" })), "the old key is gone").toBe(
      "token.signature",
    );
    expect(fetches("/keys")).toBe(3);
  });

  test("that were withdrawn are known to be wrong by whoever holds an older token, not by one in half a minute", async () => {
    const exp = Date.now() / 1_000 + 3_600;
    const older = await Promise.all(["a", "b", "c", "d"].map((sub) => token({ sub, exp })));
    expect(await reason(older[0] ?? "")).toBe("taken");
    served["/keys"] = { keys: [second.jwk] };
    later(601);
    for (const one of older.slice(1)) expect(await reason(one)).toBe("token.signature");
    // Of one that was issued since, nobody can say.
    expect(await reason(await token({}, { kid: "newer" }, second))).toBe("issuer.keys");
    expect(fetches("/keys")).toBe(2);
  });

  test("that were withdrawn stop working after ten minutes", async () => {
    await reason(await token());
    served["/keys"] = { keys: [second.jwk] };
    later(599);
    expect(await reason(await token())).toBe("taken");
    later(2);
    expect(await reason(await token({ sub: "bob" }))).toBe("token.signature");
  });

  test.each<[string, unknown, string]>([
    ["a broken line", new Error("Network connection lost"), "issuer.keys"],
    ["404", undefined, "issuer.keys_unusable"],
    ["a page", { hello: "world" }, "issuer.keys_unusable"],
    ["keys that are no list", { keys: { first: 1 } }, "issuer.keys_unusable"],
  ])("stay when a fetch of new ones fails (%s), for an hour", async (_, failure, fault) => {
    await reason(await token());
    served["/keys"] = failure;
    for (const minutes of [11, 11, 11, 11, 11]) {
      later(minutes * 60);
      expect(await reason(await token())).toBe("taken");
    }
    expect(fetches("/keys")).toBe(6);
    later(6 * 60);
    // Nothing can be said of a token then, which may be good.
    expect(await reason(await token())).toBe(fault);
    served["/keys"] = { keys: [first.jwk] };
    later(6);
    expect(await reason(await token({ sub: "bob" })), "and come back").toBe("taken");
  });

  test("that are new are not known while they cannot be fetched: nobody's token is called wrong for that", async () => {
    await reason(await token());
    served["/keys"] = new Response(null, { status: 503 });
    later(31);
    for (const seconds of [0, 10]) {
      later(seconds);
      expect(await reason(await token({ sub: String(seconds) }, {}, second))).toBe("issuer.keys");
      expect(await reason(await token({ sub: `known ${seconds}` }))).toBe("taken");
    }
    served["/keys"] = { keys: [first.jwk] };
    later(31);
    expect(await reason(await token({}, {}, second))).toBe("token.signature");
  });

  test("that are new and have no names are found at once too, and are not known while they cannot be fetched", async () => {
    const unnamed = ({ jwk: { kid: _, ...jwk } }: IssuerKey): JsonObject => jwk;
    const by = (key: IssuerKey, sub: string) => token({ sub }, { kid: undefined }, key);
    served["/keys"] = { keys: [unnamed(first)] };
    expect(await reason(await by(first, "a"))).toBe("taken");
    served["/keys"] = new Response(null, { status: 503 });
    later(31);
    for (const sub of ["b", "c"]) expect(await reason(await by(second, sub))).toBe("issuer.keys");
    expect(fetches("/keys")).toBe(2);
    served["/keys"] = { keys: [unnamed(second)] };
    later(31);
    expect(await reason(await by(second, "d"))).toBe("taken");
    for (const sub of ["e", "f"]) expect(await reason(await by(first, sub))).toBe("issuer.keys");
    expect(fetches("/keys"), "a flood of wrong signatures").toBe(3);
    later(31);
    expect(await reason(await by(first, "g")), "the old key is gone").toBe("token.signature");
  });

  test("that could not be fetched at first are asked for once in five seconds, whoever sends tokens", async () => {
    served["/keys"] = new Response(null, { status: 503 });
    for (let n = 0; n < 20; n += 1)
      expect(await reason(await token({ sub: `n${n}` }))).toBe("issuer.keys");
    expect(fetches("/keys")).toBe(1);
    served["/keys"] = { keys: [first.jwk] };
    later(5);
    expect(await reason(await token())).toBe("taken");
  });

  test("that are asked for at the same time, by a cold isolate, are there for everyone", async () => {
    const tokens = await Promise.all(["a", "b", "c", "d"].map((sub) => token({ sub })));
    expect(await Promise.all(tokens.map((one) => reason(one)))).toEqual([
      "taken",
      "taken",
      "taken",
      "taken",
    ]);
  });

  test("that are being fetched again do not hold up tokens of known ones", async () => {
    await reason(await token());
    later(601);
    served["/keys"] = () => new Promise(() => {});
    const waiting = verify(await token({ sub: "bob" }), PLACE);
    const other = await token({ sub: "eve" });
    await vi.waitFor(() => expect(fetches("/keys")).toBe(2));
    expect(await reason(other)).toBe("taken");
    void waiting;
  });

  test("among many of another kind are found, and no more than four are tried", async () => {
    const verified = vi.spyOn(crypto.subtle, "verify");
    const others = Array.from({ length: 9 }, () => ({ ...second.jwk }));
    served["/keys"] = { keys: [null, "a", [], rsa.jwk, ...others, first.jwk] };
    expect(await reason(await token())).toBe("taken");
    verified.mockClear();
    expect(await reason(await token({ sub: "bob" }, { kid: undefined }))).toBe("issuer.keys");
    expect(verified).toHaveBeenCalledTimes(4);
  });
});

describe("key sets that strangers name", () => {
  const signed = async (): Promise<Jws> => {
    const jws = readJws(await token());
    if (jws === undefined) throw new Error("Not a JWS");
    return jws;
  };

  test("are inline, or at a public https URL", async () => {
    expect((await checkSignature(await signed(), { keys: [first.jwk] })).ok).toBe(true);
    for (const none of [{}, { keys: {} }, { keys: [] }, { keys: [second.jwk] }])
      expect((await checkSignature(await signed(), none as JsonObject)).ok).toBe(false);
    expect((await checkSignature(await signed(), `${issuer}/keys`)).ok).toBe(true);
    asked = [];
    for (const url of [
      "http://127.0.0.1/keys",
      "https://127.0.0.1/keys",
      "https://localhost/keys",
      "keys",
    ]) {
      served[url] = { keys: [first.jwk] };
      expect((await checkSignature(await signed(), url)).ok, url).toBe(false);
    }
    expect(asked).toEqual([]);
  });

  test("are kept up to a hundred, and push out none of the issuer's", async () => {
    await reason(await token());
    const jws = await signed();
    for (let n = 0; n <= 100; n += 1) {
      served[`/${n}`] = { keys: [first.jwk] };
      expect((await checkSignature(jws, `${issuer}/${n}`)).ok).toBe(true);
    }
    asked = [];
    await checkSignature(jws, `${issuer}/100`);
    await reason(await token({ sub: "bob" }));
    expect(asked).toEqual([]);
    await checkSignature(jws, `${issuer}/0`);
    expect(asked).toEqual(["/0"]);
  });
});

describe("the cache of verified tokens", () => {
  const caller = (): Caller => ({ issuer, subject: "ada", client: "app", scopes: [] });

  test("keeps a caller until its time and no longer", () => {
    const cache = tokenCache();
    cache.put("a", caller(), 1_000);
    expect(cache.get("a", 999)).toEqual(caller());
    expect(cache.get("b", 0)).toBeUndefined();
    expect(cache.get("a", 1_000)).toBeUndefined();
    expect(cache.get("a", 0), "gone for good").toBeUndefined();
  });

  test("holds a thousand, and lets the oldest go", () => {
    const cache = tokenCache();
    for (let n = 0; n <= 1_000; n += 1) cache.put(`${n}`, caller(), 1);
    expect(["0", "1", "1000"].map((key) => cache.get(key, 0) !== undefined)).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe("metadata", () => {
  const document = (over: object = {}): object => ({ issuer, jwks_uri: `${issuer}/keys`, ...over });
  test.each([
    ["", "/.well-known/oauth-authorization-server"],
    ["", "/.well-known/openid-configuration"],
    ["/api/auth", "/.well-known/oauth-authorization-server/api/auth"],
    ["/api/auth", "/.well-known/openid-configuration/api/auth"],
    ["/api/auth", "/api/auth/.well-known/openid-configuration"],
    ["/", "/.well-known/oauth-authorization-server"],
    ["/tenant/", "/.well-known/oauth-authorization-server/tenant"],
    ["/tenant/", "/tenant/.well-known/openid-configuration"],
  ])("of an issuer with path %j are found at %s", async (path, where) => {
    served = { [where]: document({ issuer: issuer + path }), "/keys": served["/keys"] };
    verify = externalTokenVerifier({ issuer: issuer + path });
    expect(await reason(await token({ iss: issuer + path }))).toBe("taken");
  });

  test.each<[what: string, answer: unknown, reason: string]>([
    ["of another issuer", { issuer: "https://evil.example" }, "issuer.metadata_unusable"],
    [
      "of the issuer with a slash",
      { issuer: "https://issuer.example/" },
      "issuer.metadata_unusable",
    ],
    ["of no issuer", { issuer: undefined }, "issuer.metadata_unusable"],
    ["that are not there", new Response(null, { status: 404 }), "issuer.metadata_unusable"],
    ["that cannot be had now", new Response(null, { status: 503 }), "issuer.metadata"],
    ["that do not come", new Error("Network connection lost"), "issuer.metadata"],
    ["without keys", { jwks_uri: undefined }, "issuer.no_jwks_uri"],
  ])("%s are not taken", async (_, answer, why) => {
    const isDocument = !(answer instanceof Response) && !(answer instanceof Error);
    served["/.well-known/oauth-authorization-server"] = isDocument
      ? document(answer as object)
      : answer;
    expect(await reason(await token())).toBe(why);
    expect(fetches("/keys")).toBe(0);
  });

  test.each([undefined, null])(
    "may lack in one document what stands in the other (%s)",
    async (jwks_uri) => {
      served["/.well-known/oauth-authorization-server"] = document({ jwks_uri });
      served["/.well-known/openid-configuration"] = document({});
      expect(await reason(await token())).toBe("taken");
      served["/.well-known/openid-configuration"] = document({ issuer: "https://evil.example" });
      verify = externalTokenVerifier({ issuer });
      expect(await reason(await token())).toBe("issuer.no_jwks_uri");
    },
  );

  test("are no less than they were where the document with the rest cannot be had", async () => {
    served["/.well-known/oauth-authorization-server"] = document({ jwks_uri: undefined });
    served["/.well-known/openid-configuration"] = new Response(null, { status: 503 });
    expect(await reason(await token())).toBe("issuer.metadata");
    later(6);
    served["/.well-known/openid-configuration"] = document({});
    expect(await reason(await token({ sub: "a" }))).toBe("taken");
    served["/.well-known/openid-configuration"] = new Response(null, { status: 503 });
    later(3_601);
    expect(await reason(await token({ sub: "b" }))).toBe("taken");
  });

  test("are asked for where they stand alone, and no further", async () => {
    served["/.well-known/oauth-authorization-server"] = document({
      introspection_endpoint: undefined,
    });
    expect(await reason(await token())).toBe("taken");
    expect(fetches("/.well-known/openid-configuration")).toBe(0);
  });

  test("are looked at again after an hour, and kept while they cannot be", async () => {
    await reason(await token());
    const where = "/.well-known/oauth-authorization-server";
    served[where] = undefined;
    later(3_601);
    for (const sub of ["a", "b", "c"]) expect(await reason(await token({ sub }))).toBe("taken");
    expect(fetches(where)).toBe(2);
    served[where] = document({ jwks_uri: `${issuer}/keys2` });
    served["/keys2"] = { keys: [second.jwk] };
    later(31);
    expect(await reason(await token({}, {}, second))).toBe("taken");
  });
});

describe("what the metadata name and cannot be had", () => {
  const where = "/.well-known/oauth-authorization-server";

  test("is looked for again within half a minute: keys may have moved", async () => {
    await reason(await token());
    const moved = { issuer, jwks_uri: `${issuer}/keys2` };
    Object.assign(served, { [where]: moved, "/keys": undefined, "/keys2": { keys: [second.jwk] } });
    later(60);
    for (const sub of ["a", "b", "c"])
      expect(await reason(await token({ sub }, {}, second))).toMatch(/^issuer\.keys/);
    expect(fetches(where)).toBe(1);
    later(31);
    expect(await reason(await token({}, {}, second))).toBe("taken");
    expect(fetches(where)).toBe(2);
  });

  test("is looked for again within half a minute: introspection may have moved", async () => {
    verify = externalTokenVerifier({ issuer, introspection: "id:secret" });
    served["/introspect"] = new Response(null, { status: 410 });
    expect(await reason("opaque")).toBe("issuer.introspection_unusable");
    served[where] = { issuer, introspection_endpoint: `${issuer}/introspect2` };
    served["/introspect2"] = { active: false };
    later(31);
    expect(await reason("opaque")).toBe("token.inactive");
  });
});

describe("a document of the issuer that fails for a moment", () => {
  const where = "/.well-known/oauth-authorization-server";
  const document = "/.well-known/openid-configuration";
  const page = (status: number): Response =>
    new Response("<h1>soon back</h1>", { status, headers: { "content-type": "text/html" } });

  test.each([404, 403, 200, 503])("changes nothing that it said before: %s", async (status) => {
    served[where] = { issuer };
    const said = { issuer, jwks_uri: `${issuer}/keys` };
    served[document] = said;
    expect(await reason(await token())).toBe("taken");
    served[document] = page(status);
    later(3_700);
    expect(await reason(await token({ sub: "b" }))).toBe("taken");
    // It is looked at again soon, by one in half a minute.
    const looks = fetches(document);
    expect(await reason(await token({ sub: "c" }))).toBe("taken");
    expect(fetches(document)).toBe(looks);
    served[document] = { issuer, jwks_uri: `${issuer}/keys2` };
    served["/keys2"] = served["/keys"];
    later(31);
    expect(await reason(await token({ sub: "d" }))).toBe("taken");
    expect(fetches("/keys2")).toBe(1);
  });

  test("and is not there after ten minutes has been withdrawn", async () => {
    verify = externalTokenVerifier({ issuer, introspection: "id:secret" });
    served[where] = { issuer, jwks_uri: `${issuer}/keys` };
    served[document] = { issuer, introspection_endpoint: `${issuer}/introspect` };
    served["/introspect"] = { active: false };
    expect(await reason("opaque")).toBe("token.inactive");
    served[document] = page(404);
    later(20_000);
    expect(await reason("opaque")).toBe("token.inactive");
    later(590);
    expect(await reason("opaque")).toBe("token.inactive");
    later(31);
    expect(await reason("opaque")).toBe("issuer.no_introspection_endpoint");
    expect(await reason(await token())).toBe("taken");
  });

  test("is waited for by each who comes where nothing is known yet", async () => {
    served[where] = { issuer };
    const answers: ((said: object) => void)[] = [];
    served[document] = () => new Promise<object>((resolve) => answers.push(resolve));
    const verdicts: Promise<string>[] = [];
    for (const sub of ["a", "b", "c"]) {
      verdicts.push(reason(await token({ sub })));
      await vi.waitUntil(() => answers.length === verdicts.length);
    }
    for (const answer of answers) answer({ issuer, jwks_uri: `${issuer}/keys` });
    expect(await Promise.all(verdicts)).toEqual(["taken", "taken", "taken"]);
  });

  test("is believed where it does not say any more what it said", async () => {
    verify = externalTokenVerifier({ issuer, introspection: "id:secret" });
    served["/introspect"] = { active: false };
    expect(await reason("opaque")).toBe("token.inactive");
    served[where] = { issuer, jwks_uri: `${issuer}/keys` };
    later(3_601);
    expect(await reason("opaque")).toBe("issuer.no_introspection_endpoint");
    expect(fetches("/introspect")).toBe(1);
  });

  test("is not stood in for by another that names other keys", async () => {
    served[where] = { issuer, jwks_uri: `${issuer}/keys` };
    served[document] = { issuer, jwks_uri: `${issuer}/other` };
    served["/other"] = { keys: [] };
    expect(await reason(await token())).toBe("taken");
    const said = served[where];
    served[where] = page(503);
    later(3_700);
    for (const sub of ["b", "c"]) expect(await reason(await token({ sub }))).toBe("taken");
    served[where] = said;
    // One that comes anew takes what there is, and looks again soon.
    verify = externalTokenVerifier({ issuer });
    served[where] = page(503);
    expect(await reason(await token())).not.toBe("taken");
    served[where] = said;
    later(31);
    expect(await reason(await token({ sub: "d" }))).toBe("taken");
  });

  test.each([
    [404, "issuer.no_jwks_uri"],
    [503, "issuer.metadata"],
  ])("is asked again at once where nothing was known: %s", async (status, why) => {
    served[where] = { issuer };
    served[document] = page(status);
    expect(await reason(await token())).toBe(why);
    served[document] = { issuer, jwks_uri: `${issuer}/keys` };
    later(31);
    expect(await reason(await token())).toBe("taken");
  });

  test.each([404, 503])("keeps nobody out who needs nothing of it: %s", async (status) => {
    verify = externalTokenVerifier({ issuer, introspection: "id:secret" });
    served[where] = { issuer, jwks_uri: `${issuer}/keys` };
    served[document] = page(status);
    expect(await reason(await token())).toBe("taken");
    const why = status === 404 ? "issuer.no_introspection_endpoint" : "issuer.metadata";
    expect(await reason("opaque")).toBe(why);
  });
});

describe("an opaque token", () => {
  const introspection = "mcp server:s:e/c€";
  let said: JsonObject | undefined;
  const forms: { authorization: string | null; form: object }[] = [];

  beforeEach(() => {
    forms.length = 0;
    said = { active: true, aud: PLACE.resource, sub: "ada", client_id: "app", scope: "read" };
    served["/introspect"] = async (request: Request) => {
      const form = Object.fromEntries(
        new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer())),
      );
      forms.push({ authorization: request.headers.get("authorization"), form });
      return said;
    };
    verify = externalTokenVerifier({ issuer, introspection });
  });

  test("is what the issuer says of it", async () => {
    expect(await verify("opaque", PLACE)).toEqual({
      ok: true,
      value: { issuer, subject: "ada", client: "app", scopes: ["read"] },
    });
    const authorization = `Basic ${btoa("mcp%20server:s%3Ae%2Fc%E2%82%AC")}`;
    expect(forms).toEqual([
      { authorization, form: { token: "opaque", token_type_hint: "access_token" } },
    ]);
  });

  test.each<[string, unknown, boolean]>([
    ["in the form where the issuer takes it there alone", ["client_secret_post"], false],
    ["by HTTP Basic where it takes both", ["client_secret_post", "client_secret_basic"], true],
    ["in the form where it names neither", ["bearer"], false],
    ["by HTTP Basic where it says nothing that is a list", "client_secret_post", true],
  ])("is asked about with the secret %s", async (_, methods, isBasic) => {
    served["/.well-known/oauth-authorization-server"] = {
      issuer,
      introspection_endpoint: `${issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: methods as JsonObject[],
    };
    verify = externalTokenVerifier({ issuer, introspection });
    expect(await reason("opaque")).toBe("taken");
    expect(forms[0]?.authorization !== null).toBe(isBasic);
    const inForm = { client_id: "mcp server", client_secret: "s:e/c€" };
    expect(forms[0]?.form).toEqual({
      token: "opaque",
      token_type_hint: "access_token",
      ...(!isBasic && inForm),
    });
  });

  test("is so too when the issuer writes null for what it does not say", async () => {
    for (const name of [
      "iss",
      "exp",
      "nbf",
      "iat",
      "scope",
      "cnf",
      "client_id",
      "azp",
      "username",
    ]) {
      said = { active: true, aud: PLACE.resource, sub: "ada", client_id: "app", [name]: null };
      if (name === "client_id") said = { ...said, azp: "app" };
      expect([name, await reason(`opaque ${name}`)]).toEqual([name, "taken"]);
    }
  });

  test("is refused where the operator configured no introspection", async () => {
    verify = externalTokenVerifier({ issuer });
    expect(await reason("opaque")).toBe("token.malformed");
    expect(asked).toEqual([]);
  });

  test.each<[reason: string, over: JsonObject]>([
    ["token.inactive", { active: false }],
    ["issuer.introspection_unusable", { active: "true" }],
    ["issuer.introspection_unusable", { active: 1 }],
    ["issuer.introspection_unusable", { active: null }],
    ["token.audience", { aud: "https://other.example" }],
    ["token.audience", { aud: [] }],
    ["token.audience", { aud: null }],
    ["token.issuer", { iss: "https://evil.example" }],
    ["token.expired", { exp: 1 }],
    ["token.early", { nbf: START / 1_000 + 61 }],
    ["token.bound", { cnf: { jkt: "a" } }],
    ["token.subject", { sub: 7 }],
    ["token.type", { token_use: "refresh_token" }],
    ["token.type", { typ: "Offline" }],
    ["token.type", { typ: "DPoP" }],
    ["token.type", { token_type: "DPoP" }],
    ["token.type", { token_type: "dpop", cnf: { jkt: "a" } }],
    ["token.type", { token_type: "MAC" }],
    ["token.type", { token_type: "PoP" }],
    ["token.type", { token_type: "N_A" }],
    ["token.type", { token_type: "refresh_token" }],
    ["token.type", { token_type: "Bearer DPoP" }],
    ["token.type", { token_type: "Bearer\n" }],
    ["token.type", { token_type: "" }],
    ["token.type", { token_type: 0 }],
    ["token.type", { token_type: false }],
    ["token.type", { token_type: ["Bearer", "DPoP"] }],
    ["token.type", { token_type: { Bearer: true } }],
    ["token.type", { token_type: "DPoP", token_use: "access_token", typ: "Bearer" }],
    // Keycloak, Ory Hydra, oidc-provider; and BetterAuth, which does not say.
    ["taken", { typ: "Bearer", token_type: "Bearer", azp: "app" }],
    ["taken", { token_use: "access_token", token_type: "Bearer" }],
    ["taken", { token_type: "bearer" }],
    ["taken", { token_type: "BEARER" }],
    ["taken", { token_type: null, token_use: null, typ: null }],
    ["taken", { token_use: "access_token", typ: "Bearer" }],
  ])("is refused as %s: %j", async (why, over) => {
    said = { ...said, ...over };
    expect(await reason("opaque")).toBe(why);
  });

  test("is refused, and not remembered, when the issuer says nothing", async () => {
    const asks = served["/introspect"];
    const status = (code: number) => Response.json({ error: "invalid_request" }, { status: code });
    for (const [failure, why] of [
      [{}, "issuer.introspection_unusable"],
      [{ title: "Down for maintenance" }, "issuer.introspection_unusable"],
      [new Response(null), "issuer.introspection_unusable"],
      // Some issuers cannot read what is none of theirs.
      [status(400), "token.inactive"],
      [Response.json({ active: false }, { status: 400 }), "token.inactive"],
      [Response.json({ active: false }, { status: 401 }), "token.inactive"],
      [Response.json({ active: false }, { status: 503 }), "issuer.introspection"],
      // Whatever stands before it says nothing of a token.
      [new Response("<html>Bad Request", { status: 400 }), "issuer.introspection_unusable"],
      [Response.json({ error: 400 }, { status: 400 }), "issuer.introspection_unusable"],
      [
        Response.json({ error: "invalid_client" }, { status: 400 }),
        "issuer.introspection_unusable",
      ],
      [status(401), "issuer.introspection_unusable"],
      [status(404), "issuer.introspection_unusable"],
      [status(429), "issuer.introspection"],
      [status(503), "issuer.introspection"],
      [new Error("Network connection lost"), "issuer.introspection"],
    ] as const) {
      served["/introspect"] = failure;
      expect(await reason("opaque")).toBe(why);
    }
    served["/introspect"] = asks;
    expect(await reason("opaque")).toBe("taken");
  });

  test("is none where the issuer introspects nothing", async () => {
    served["/.well-known/oauth-authorization-server"] = { issuer, jwks_uri: `${issuer}/keys` };
    expect(await reason("opaque")).toBe("issuer.no_introspection_endpoint");
  });

  test("is asked about once a minute, and not after it expired", async () => {
    said = { ...said, exp: START / 1_000 + 90 };
    for (let n = 0; n < 3; n += 1) expect(await reason("opaque")).toBe("taken");
    expect(fetches("/introspect")).toBe(1);
    said = { active: false };
    later(59);
    expect(await reason("opaque")).toBe("taken");
    later(2);
    expect(await reason("opaque")).toBe("token.inactive");
    expect(fetches("/introspect")).toBe(2);
  });

  test("that expires sooner than in a minute is forgotten then", async () => {
    said = { ...said, exp: START / 1_000 + 5 };
    expect(await reason("opaque")).toBe("taken");
    said = { active: false };
    later(6);
    expect(await reason("opaque")).toBe("token.inactive");
  });
});
