/** The token endpoint, from the form to the answer: what each grant type gives, and all that it refuses. */

import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { encodeBase64url } from "../../../src/base/bytes.ts";
import { randomBytes } from "../../../src/base/time.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { signText } from "../../../src/crypto/hmac.ts";
import { open, sha256Base64url } from "../../../src/crypto/seal.ts";
import { CODE_SECONDS } from "../../../src/oauth/lifetimes.ts";
import { openAccessToken } from "../../../src/oauth/authorization-server/access-token.ts";
import type {
  AuthorizationServer,
  LoginHooks,
  TokenSubject,
} from "../../../src/oauth/authorization-server/types.ts";
import { signRefreshToken } from "../../../src/oauth/authorization-server/grant-reference.ts";
import { tokenEndpoint } from "../../../src/oauth/authorization-server/token.ts";
import { ringOf } from "../../crypto/keys.ts";
import { namespaces } from "../../world/empty-storage.ts";
import { authorizeUrl, openConsentPage, createBrowser } from "../browser.ts";
import {
  ageGrant,
  measureCost,
  CLIENTS,
  createAuthorizationServer,
  grantStub,
  openGrant,
  identifiers,
  formRequest,
  REDIRECT,
  CLIENT_SECRET,
  corruptions,
  VERIFIER,
} from "../authorization-server.ts";

const desk = createAuthorizationServer();
const WEB = ["web", CLIENT_SECRET] as const;
const MACHINE = ["machine", CLIENT_SECRET] as const;

type Answer = { status: number; body: JsonObject; headers: Headers };
async function ask(
  form: Record<string, string>,
  basic?: readonly [string, string],
  at: AuthorizationServer = desk,
): Promise<Answer> {
  const response = await tokenEndpoint(at, formRequest("/token", form, basic), identifiers);
  return { status: response.status, body: await response.json(), headers: response.headers };
}

const codeForm = (code: string, changes: Record<string, string> = {}): Record<string, string> => ({
  grant_type: "authorization_code",
  client_id: "cli",
  code,
  code_verifier: VERIFIER,
  redirect_uri: REDIRECT,
  ...changes,
});
const refreshForm = (
  refresh_token: unknown,
  changes: Record<string, string> = {},
): Record<string, string> => ({
  grant_type: "refresh_token",
  client_id: "cli",
  refresh_token: String(refresh_token),
  ...changes,
});

/** A login up to its first tokens. */
async function login(
  at: AuthorizationServer = desk,
): Promise<{ id: string; code: string; body: JsonObject }> {
  const grant = await openGrant(at);
  const { status, body } = await ask(codeForm(grant.code), undefined, at);
  expect(status).toBe(200);
  return { ...grant, body };
}

const callerOf = async (body: JsonObject, at: AuthorizationServer = desk) => {
  const access = await openAccessToken(
    at.ring,
    String(body["access_token"]),
    identifiers.resource,
    Date.now(),
  );
  return access.ok ? access.value.caller : access.error;
};
const refusal = ({ status, body }: Answer): unknown[] => [status, body["error"]];

/** All that objects have stored, as JSON. */
async function storedText(): Promise<string> {
  const texts: string[] = [];
  for (const [, namespace] of namespaces())
    for (const id of await listDurableObjectIds(namespace))
      await runInDurableObject(namespace.get(id), (_, { storage }) => {
        texts.push(JSON.stringify([...storage.kv.list()]));
        const tables = storage.sql.exec(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
        );
        for (const { name } of tables.toArray())
          texts.push(JSON.stringify(storage.sql.exec(`SELECT * FROM "${String(name)}"`).toArray()));
      });
  return texts.join("\n");
}

describe("a code", () => {
  it("gives an access token and a refresh token, and no store keeps them", async () => {
    const { id, code } = await openGrant(desk);
    const { status, body, headers } = await ask(codeForm(code, { resource: identifiers.resource }));
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^a\.[\w-]+$/) as unknown,
      token_type: "Bearer",
      expires_in: 900,
      scope: "read write",
      refresh_token: expect.stringMatching(/^a\.[0-9a-f]{64}\.1\.[\w-]{43}$/) as unknown,
    });
    expect([headers.get("cache-control"), headers.get("pragma")]).toEqual(["no-store", "no-cache"]);
    expect(await callerOf(body)).toEqual({
      issuer: identifiers.issuer,
      subject: "ada",
      client: "cli",
      scopes: ["read", "write"],
      grant: id,
      properties: { shoe: "42" },
    });
  });

  it("gives an access token for as long as it says, and no longer, also when the grant was revoked elsewhere", async () => {
    const { id, code } = await openGrant(desk);
    const { body } = await ask(codeForm(code));
    await grantStub(id).revoke();
    const issued = Date.now();
    const [text, seconds] = [String(body["access_token"]), Number(body["expires_in"])];
    const at = (after: number) =>
      openAccessToken(desk.ring, text, identifiers.resource, issued + after * 1_000);
    expect([seconds, await at(seconds - 2), await at(seconds + 1)]).toMatchObject([
      900,
      { ok: true },
      { ok: false },
    ]);
  });

  it("holds no name of a person, nor does what it gives", async () => {
    const grant = await openGrant(desk, { subject: "ada.lovelace" });
    const { body } = await ask(codeForm(grant.code));
    for (const text of [grant.code, String(body["access_token"]), String(body["refresh_token"])])
      for (const part of text.split(".")) {
        expect(part).not.toContain("lovelace");
        expect(
          atob(part.replace(/[-_]/g, "A").slice(0, part.length - (part.length % 4))),
        ).not.toContain("lovelace");
      }
  });

  it("gives nothing that any storage holds, nor does a refresh", async () => {
    const { code, body } = await login();
    const next = await ask(refreshForm(body["refresh_token"]));
    expect(next.status).toBe(200);
    const stored = await storedText();
    expect(stored).toContain('"generation":2');
    for (const answer of [body, next.body])
      for (const token of [answer["access_token"], answer["refresh_token"], code])
        expect(stored).not.toContain(String(token).slice(-20));
  });

  it("gives no refresh token to a client that has no use for one, and no scope where there are none", async () => {
    const once = await openGrant(desk, { client: "once", scopes: [] });
    const { body } = await ask(codeForm(once.code, { client_id: "once" }));
    expect(Object.keys(body)).toEqual(["access_token", "token_type", "expires_in"]);
  });

  it("is taken from a client that proves itself, and only then", async () => {
    const { code } = await openGrant(desk, { client: "web" });
    const { client_id: _, ...form } = codeForm(code);
    expect(refusal(await ask(codeForm(code, { client_id: "web" })))).toEqual([
      401,
      "invalid_client",
    ]);
    const wrong = await ask(form, ["web", "wrong"]);
    expect(refusal(wrong)).toEqual([401, "invalid_client"]);
    expect(wrong.headers.get("www-authenticate")).toMatch(/^Basic /);
    expect((await ask(form, WEB)).status).toBe(200);
  });

  it.each([
    ["verifier", { code_verifier: VERIFIER.replace("d", "e") }, "invalid_grant"],
    [
      "verifier: the challenge itself",
      { code_verifier: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" },
      "invalid_grant",
    ],
    ["short verifier", { code_verifier: VERIFIER.slice(1) }, "invalid_grant"],
    ["long verifier", { code_verifier: VERIFIER.repeat(3) }, "invalid_grant"],
    ["verifier of other characters", { code_verifier: `${VERIFIER}+` }, "invalid_grant"],
    ["absent verifier", { code_verifier: "" }, "invalid_request"],
    ["redirect URI", { redirect_uri: "https://client.test/other" }, "invalid_grant"],
    ["client", { client_id: "once" }, "invalid_grant"],
    ["resource", { resource: "https://evil.test/mcp" }, "invalid_target"],
    ["code", { code: "" }, "invalid_request"],
    ["grant type", { grant_type: "password" }, "unsupported_grant_type"],
    [
      "grant type: a member of every object",
      { grant_type: "constructor" },
      "unsupported_grant_type",
    ],
    ["absent grant type", { grant_type: "" }, "invalid_request"],
  ])("with a wrong %s is refused, and good afterwards", async (_, changes, error) => {
    const { code } = await openGrant(desk);
    expect(refusal(await ask(codeForm(code, changes)))).toEqual([400, error]);
    const right = await ask(codeForm(code));
    expect(right.status).toBe(200);
    expect(refusal(await ask(codeForm(code, changes)))).toEqual([400, error]);
    expect((await ask(refreshForm(right.body["refresh_token"]))).status).toBe(200);
  });

  it.each(["a".repeat(42), "a".repeat(129), `${VERIFIER}+`, `${VERIFIER}\u00e9`, `${VERIFIER}\n`])(
    "refuses a verifier that no client may use, though it fits: %j",
    async (code_verifier) => {
      const { code } = await openGrant(desk, { challenge: await sha256Base64url(code_verifier) });
      const { value, cost: spent } = await measureCost(() =>
        ask(codeForm(code, { code_verifier })),
      );
      expect(refusal(value)).toEqual([400, "invalid_grant"]);
      expect(spent.requests).toBe(0);
    },
  );

  it.each(["a".repeat(43), "~".repeat(128)])(
    "takes the shortest and the longest verifier: %s",
    async (code_verifier) => {
      const { code } = await openGrant(desk, { challenge: await sha256Base64url(code_verifier) });
      expect((await ask(codeForm(code, { code_verifier }))).status).toBe(200);
    },
  );

  it("presented twice takes back what it gave, everywhere", async () => {
    const heard: string[] = [];
    const own = createAuthorizationServer(
      {},
      {
        hooks: {
          onRevoke: async (...who) => {
            heard.push(who.join(" "));
          },
        },
      },
    );
    const { id, code, body } = await login(own);
    expect(refusal(await ask(codeForm(code), undefined, own))).toEqual([400, "invalid_grant"]);
    expect(refusal(await ask(refreshForm(body["refresh_token"]), undefined, own))).toEqual([
      400,
      "invalid_grant",
    ]);
    expect(own.closedGrants).toEqual([id]);
    expect(heard).toEqual([`ada cli ${id}`]);
    await ask(codeForm(code), undefined, own);
    expect([own.closedGrants.length, heard.length]).toEqual([1, 1]);
  });

  it("is too old after its five minutes", async () => {
    const { id, code } = await openGrant(desk);
    await ageGrant(id, 301);
    expect(refusal(await ask(codeForm(code)))).toEqual([400, "invalid_grant"]);
  });
});

describe("a refresh token", () => {
  it("is rotated, and repeated within the window", async () => {
    const { id, body } = await login();
    const next = await ask(
      refreshForm(body["refresh_token"], { resource: `${identifiers.issuer}/` }),
    );
    expect(next.status).toBe(200);
    expect(next.body["refresh_token"]).toBe(await signRefreshToken(desk.ring, id, 2));
    expect(await callerOf(next.body)).toMatchObject({
      subject: "ada",
      grant: id,
      properties: { shoe: "42" },
    });
    const again = await ask(refreshForm(body["refresh_token"]));
    expect(again.body["refresh_token"]).toBe(next.body["refresh_token"]);
    expect((await ask(refreshForm(next.body["refresh_token"]))).status).toBe(200);
  });

  it("reused after the window takes everything back", async () => {
    const own = createAuthorizationServer();
    const { id, body } = await login(own);
    const next = await ask(refreshForm(body["refresh_token"]), undefined, own);
    await ageGrant(id, 11);
    expect(refusal(await ask(refreshForm(body["refresh_token"]), undefined, own))).toEqual([
      400,
      "invalid_grant",
    ]);
    expect(refusal(await ask(refreshForm(next.body["refresh_token"]), undefined, own))).toEqual([
      400,
      "invalid_grant",
    ]);
    expect(own.closedGrants).toHaveLength(1);
  });

  it("gives fewer scopes for one token, and all of them again to the next; never more", async () => {
    const { id, body } = await login();
    const less = await ask(refreshForm(body["refresh_token"], { scope: "read offline_access" }));
    expect(less.body["scope"]).toBe("read");
    expect(await callerOf(less.body)).toMatchObject({ scopes: ["read"] });
    const all = await ask(refreshForm(less.body["refresh_token"]));
    expect(all.body["scope"]).toBe("read write");
    for (const [scope, granted] of [
      ["admin", "read write"],
      ["openid offline_access", "read write"],
      ["read admin", "read"],
      ["read Write", "read"],
      ["constructor", "read write"],
    ] as const) {
      const { body: given } = await ask(refreshForm(all.body["refresh_token"], { scope }));
      expect([scope, given["scope"]]).toEqual([scope, granted]);
      expect(await callerOf(given)).toMatchObject({ scopes: granted.split(" "), grant: id });
    }
  });

  it("takes the scope text that login took, whatever else that named", async () => {
    const reader = {
      client_id: "reader",
      client_name: "R",
      redirect_uris: [REDIRECT],
      scope: "read",
    };
    const own = createAuthorizationServer({ clients: [reader] });
    const scope = "openid read write mcp:tools";
    const at = createBrowser(own);
    const { hidden } = await openConsentPage(at, authorizeUrl({ client_id: "reader", scope }));
    const { to } = await at.request("/authorize/consent", { ...hidden, decision: "allow" });
    const client_id = "reader";
    const { body } = await ask(
      codeForm(to?.searchParams.get("code") ?? "", { client_id }),
      undefined,
      own,
    );
    expect(body["scope"]).toBe("read");
    const again = await ask(
      refreshForm(body["refresh_token"], { client_id, scope }),
      undefined,
      own,
    );
    expect([again.status, again.body["scope"]]).toEqual([200, "read"]);
  });

  it.each<[string, string | undefined, unknown]>([
    ["read", undefined, [200, "read"]],
    ["read", "read write", [200, "read"]],
    ["read", "write", [400, "invalid_scope"]],
    ["other", undefined, [400, "invalid_grant"]],
  ])(
    "gives no more than what CLIENTS says now: %s, where %s is asked for",
    async (now, scope, expected) => {
      const { id, code } = await openGrant(desk, { client: "web" });
      const { client_id: _, ...login } = codeForm(code);
      const { body } = await ask(login, WEB);
      const clients = CLIENTS.map((one) =>
        one.client_id === "web" ? { ...one, scope: now } : one,
      );
      const scopes = { ...desk.settings.scopes, other: { description: "Other" } };
      const narrowed = createAuthorizationServer({ clients, scopes });
      const form = { grant_type: "refresh_token", refresh_token: String(body["refresh_token"]) };
      const answer = await ask(scope === undefined ? form : { ...form, scope }, WEB, narrowed);
      expect([answer.status, answer.body["scope"] ?? answer.body["error"]]).toEqual(expected);
      // What was refused is as it was.
      await ageGrant(id, 60);
      if (answer.status !== 200) expect((await ask(form, WEB)).body["scope"]).toBe("read write");
    },
  );

  it("never gives a scope that the person did not grant, though the server has it", async () => {
    const { code } = await openGrant(desk, { scopes: ["read"] });
    const { body } = await ask(codeForm(code));
    expect(refusal(await ask(refreshForm(body["refresh_token"], { scope: "read write" })))).toEqual(
      [400, "invalid_scope"],
    );
  });

  it.each([
    ["client", { client_id: "once" }, "unauthorized_client"],
    ["resource", { resource: "https://evil.test/mcp" }, "invalid_target"],
    ["resource, twice over", { resource: `${identifiers.resource}#x` }, "invalid_target"],
    ["token", { refresh_token: "" }, "invalid_request"],
  ])("with a wrong %s is refused, and good afterwards", async (_, changes, error) => {
    const { id, body } = await login();
    expect(refusal(await ask(refreshForm(body["refresh_token"], changes)))).toEqual([400, error]);
    await ageGrant(id, 60);
    expect((await ask(refreshForm(body["refresh_token"]))).status).toBe(200);
  });

  it("of another client is refused, however often, and harms nothing", async () => {
    const { body } = await login();
    const { client_id: _, ...form } = refreshForm(body["refresh_token"]);
    for (let round = 0; round < 3; round += 1)
      expect(refusal(await ask(form, WEB))).toEqual([400, "invalid_grant"]);
    expect((await ask(refreshForm(body["refresh_token"]))).status).toBe(200);
  });

  it("costs one object request and at most one row", async () => {
    const { body } = await login();
    // The second is given the same successor.
    for (let time = 1; time <= 2; time++) {
      const { cost } = await measureCost(() => ask(refreshForm(body["refresh_token"])));
      expect(cost).toMatchObject({ requests: 1, rows: 1 });
    }
    const { code } = await openGrant(desk);
    expect((await measureCost(() => ask(codeForm(code)))).cost).toMatchObject({
      requests: 1,
      rows: 1,
    });
  });

  it("is good under an older key, and moves what the grant holds to the current one", async () => {
    const { id, body } = await login();
    const rotated = createAuthorizationServer({}, { ring: ringOf("b", "a") });
    const next = await ask(refreshForm(body["refresh_token"]), undefined, rotated);
    expect(next.body["refresh_token"]).toBe(await signRefreshToken(rotated.ring, id, 2));
    const alone = createAuthorizationServer({}, { ring: ringOf("b") });
    const last = await ask(refreshForm(next.body["refresh_token"]), undefined, alone);
    expect(await callerOf(last.body, alone)).toMatchObject({ properties: { shoe: "42" } });
  });
});

describe("a token that is none", () => {
  const woken = async (form: Record<string, string>): Promise<void> => {
    const { value, cost: spent } = await measureCost(() => ask(form));
    expect(refusal(value)).toEqual([400, "invalid_grant"]);
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
  };

  it("truncated, flipped or lengthened wakes no object", async () => {
    const { id, code, body } = await login();
    for (const bad of corruptions(code)) await woken(codeForm(bad));
    for (const bad of corruptions(String(body["refresh_token"]))) await woken(refreshForm(bad));
    expect(await grantStub(id).status()).toMatchObject({ isActive: true, generation: 1 });
  });

  it("made of a true name and a false proof wakes no object", async () => {
    const { id } = await login();
    const proof = encodeBase64url(randomBytes(32));
    for (const name of [id, `a.${id}`, `a.${id}.`]) await woken(codeForm(`${name}.${proof}`));
    for (const name of [`${id}.1`, `a.${id}.1`, `a.${id}.2`])
      await woken(refreshForm(`${name}.${proof}`));
  });

  it("of another purpose wakes no object", async () => {
    const { id, code, body } = await login();
    const access = String(body["access_token"]);
    const other = await signText(desk.ring, "form", id);
    for (const wrong of [String(body["refresh_token"]), access, other])
      await woken(codeForm(wrong));
    for (const wrong of [code, access, await signText(desk.ring, "code", `${id}.1`)])
      await woken(refreshForm(wrong));
  });

  it("of another ring wakes no object, whether or not the key has the same name", async () => {
    const { id } = await login();
    const foreign = [ringOf("z"), { ...ringOf("z"), current: "z" }];
    for (const ring of foreign) {
      const [, ...rest] = (await signText(ring, "code", id)).split(".");
      await woken(codeForm(["a", ...rest].join(".")));
      await woken(codeForm(["z", ...rest].join(".")));
      await woken(refreshForm(await signRefreshToken(ring, id, 1)));
    }
  });

  it("whose object this server never had wakes no object, though the proof is right", async () => {
    for (const name of ["f".repeat(64), "", "x", "__proto__"])
      await woken(codeForm(await signText(desk.ring, "code", name)));
    await woken(refreshForm(await signRefreshToken(desk.ring, "f".repeat(64), 1)));
  });

  it("a generation that was never reached ends the family", async () => {
    const { id } = await login();
    expect(refusal(await ask(refreshForm(await signRefreshToken(desk.ring, id, 7))))).toEqual([
      400,
      "invalid_grant",
    ]);
    expect(await grantStub(id).status()).toBeUndefined();
  });
});

describe("client credentials", () => {
  const form = (changes: Record<string, string> = {}) => ({
    grant_type: "client_credentials",
    ...changes,
  });

  it("give a token for the client itself: no refresh token, no grant, no object", async () => {
    const { value, cost: spent } = await measureCost(() =>
      ask(form({ resource: identifiers.resource }), MACHINE),
    );
    expect(value.body).toMatchObject({ token_type: "Bearer", scope: "read" });
    expect(value.body["refresh_token"]).toBeUndefined();
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
    expect(await callerOf(value.body)).toEqual({
      issuer: identifiers.issuer,
      subject: "machine",
      client: "machine",
      scopes: ["read"],
      properties: {},
    });
  });

  it("are narrowed to what the operator gave", async () => {
    expect((await ask(form({ scope: "read write" }), MACHINE)).body["scope"]).toBe("read");
    expect(refusal(await ask(form({ scope: "write" }), MACHINE))).toEqual([400, "invalid_scope"]);
  });

  it("are for clients that have them and prove it", async () => {
    expect(refusal(await ask(form(), WEB))).toEqual([400, "unauthorized_client"]);
    expect(refusal(await ask(form({ client_id: "cli" })))).toEqual([400, "unauthorized_client"]);
    expect(refusal(await ask(form(), ["machine", "wrong"]))).toEqual([401, "invalid_client"]);
    expect(refusal(await ask(form({ resource: "https://evil.test/" }), MACHINE))).toEqual([
      400,
      "invalid_target",
    ]);
    const grant_types = ["client_credentials"];
    const open = createAuthorizationServer({
      clients: [{ client_id: "p", client_name: "P", redirect_uris: [], grant_types }],
    });
    expect(refusal(await ask(form({ client_id: "p" }), undefined, open))).toEqual([
      400,
      "unauthorized_client",
    ]);
  });

  it("do not come by way of a code", async () => {
    const { code } = await openGrant(desk, { client: "machine" });
    const { client_id: _, ...rest } = codeForm(code);
    expect(refusal(await ask(rest, MACHINE))).toEqual([400, "unauthorized_client"]);
  });
});

describe("the issuing hook", () => {
  it("renews the caller's properties, which stay with the grant", async () => {
    const heard: [string, TokenSubject][] = [];
    const own = createAuthorizationServer(
      {},
      {
        hooks: {
          onTokenIssue: (holder, cause) => {
            heard.push([cause, holder]);
            return Promise.resolve(cause === "code" ? { shoe: "43" } : undefined);
          },
        },
      },
    );
    const { body } = await login(own);
    expect(await callerOf(body)).toMatchObject({ properties: { shoe: "43" } });
    const next = await ask(refreshForm(body["refresh_token"], { scope: "read" }), undefined, own);
    expect(await callerOf(next.body)).toMatchObject({ properties: { shoe: "43" } });
    await ask({ grant_type: "client_credentials" }, MACHINE, own);
    const ada = { subject: "ada", client: "cli" };
    expect(heard).toEqual([
      ["code", { ...ada, scopes: ["read", "write"], properties: { shoe: "42" } }],
      ["refresh", { ...ada, scopes: ["read"], properties: { shoe: "43" } }],
      ["client", { subject: "machine", client: "machine", scopes: ["read"], properties: {} }],
    ]);
  });

  it("may change what it is given and return it", async () => {
    const onTokenIssue = ({ properties }: TokenSubject): Promise<JsonObject> => {
      properties["shoe"] = `${String(properties["shoe"])}+`;
      return Promise.resolve(properties);
    };
    const own = createAuthorizationServer({}, { hooks: { onTokenIssue } });
    const { body } = await login(own);
    expect(await callerOf(body)).toMatchObject({ properties: { shoe: "42+" } });
    const next = await ask(refreshForm(body["refresh_token"]), undefined, own);
    expect(await callerOf(next.body)).toMatchObject({ properties: { shoe: "42++" } });
  });

  it("that returns null has nothing new", async () => {
    const own = createAuthorizationServer(
      {},
      { hooks: { onTokenIssue: () => Promise.resolve(null as never) } },
    );
    const { body } = await login(own);
    expect(await callerOf(body)).toMatchObject({ properties: { shoe: "42" } });
  });

  it("may return an object that it goes on with for the next one", async () => {
    const shared: JsonObject = {};
    const onTokenIssue = (): Promise<JsonObject> => {
      shared["count"] = Number(shared["count"] ?? 0) + 1;
      return Promise.resolve(shared);
    };
    const own = createAuthorizationServer({}, { hooks: { onTokenIssue } });
    const logins = await Promise.all([1, 2, 3].map(() => login(own)));
    for (const { id, body } of logins) {
      const kept = (await grantStub(id).status())?.terms.properties ?? "";
      const opened = await open(own.ring, "properties", kept, id);
      expect(await callerOf(body)).toMatchObject({ properties: opened.ok && opened.value });
    }
  });

  /** A login whose hook answers, from then on, when the test lets it: each call in turn. */
  const loginWithSlowHook = async () => {
    const calls: ((properties: JsonObject | undefined) => void)[] = [];
    let isSlow = false;
    const onTokenIssue = (): Promise<JsonObject | undefined> =>
      isSlow ? new Promise((resolve) => calls.push(resolve)) : Promise.resolve(undefined);
    const own = createAuthorizationServer({}, { hooks: { onTokenIssue } });
    const { id, body } = await login(own);
    isSlow = true;
    const form = refreshForm(body["refresh_token"]);
    /** Sends the refresh token; when that returns, its hook is at work. */
    const begin = async (): Promise<{ answer: Promise<Answer> }> => {
      const count = calls.length + 1;
      const answer = ask(form, undefined, own);
      while (calls.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
      return { answer };
    };
    return { id, calls, begin };
  };

  it("that is slow does not overwrite what another renewed meanwhile", async () => {
    const { id, calls, begin } = await loginWithSlowHook();
    const [slow, fast] = [await begin(), await begin()];
    calls[1]?.({ shoe: "44" });
    expect(await callerOf((await fast.answer).body)).toMatchObject({ properties: { shoe: "44" } });
    calls[0]?.({ shoe: "43" });
    expect(await callerOf((await slow.answer).body)).toMatchObject({ properties: { shoe: "43" } });
    const kept = (await grantStub(id).status())?.terms.properties ?? "";
    expect(await open(desk.ring, "properties", kept, id)).toMatchObject({ value: { shoe: "44" } });
  });

  it.each([undefined, { shoe: "43" }])(
    "that is at work (%j) while the grant is revoked issues nothing",
    async (properties) => {
      const { id, calls, begin } = await loginWithSlowHook();
      const { answer } = await begin();
      await grantStub(id).revoke();
      calls[0]?.(properties);
      const refused = await answer;
      expect(refusal(refused)).toEqual([400, "invalid_grant"]);
      expect(refused.body).not.toHaveProperty("access_token");
    },
  );

  it("that throws at a code is temporary, and the same code may be sent again while it lasts", async () => {
    let works = false;
    const issuing = (): Promise<undefined> =>
      works ? Promise.resolve(undefined) : Promise.reject(new Error("upstream"));
    const own = createAuthorizationServer({}, { hooks: { onTokenIssue: issuing } });
    const { code } = await openGrant(own);
    const failed = await ask(codeForm(code), undefined, own);
    expect(refusal(failed)).toEqual([503, "temporarily_unavailable"]);
    expect(Number(failed.headers.get("retry-after"))).toBeLessThan(CODE_SECONDS);
    works = true;
    expect((await ask(codeForm(code), undefined, own)).status).toBe(200);
    // From now on it was used.
    expect(refusal(await ask(codeForm(code), undefined, own))).toEqual([400, "invalid_grant"]);
  });

  it("that fails while the grant's object is reset leaves the code good, and no stub that is broken is asked again", async () => {
    let works = false;
    let grantId = "";
    const issuing = async (): Promise<undefined> => {
      if (works) return undefined;
      await runInDurableObject(grantStub(grantId), (_, state) => {
        state.abort("reset because its code was updated");
      }).catch(() => undefined);
      throw new Error("upstream");
    };
    const own = createAuthorizationServer({}, { hooks: { onTokenIssue: issuing } });
    const { id, code } = await openGrant(own);
    grantId = id;
    expect(refusal(await ask(codeForm(code), undefined, own))).toEqual([
      503,
      "temporarily_unavailable",
    ]);
    works = true;
    expect((await ask(codeForm(code), undefined, own)).status).toBe(200);
  });

  it("that adds to the scopes it is given adds none to the token", async () => {
    const hooks: LoginHooks = {
      onTokenIssue: ({ scopes }) => {
        (scopes as string[]).push("admin");
        return Promise.resolve(undefined);
      },
    };
    const { body } = await login(createAuthorizationServer({}, { hooks }));
    expect(body["scope"]).toBe("read write");
    expect(await callerOf(body)).toMatchObject({ scopes: ["read", "write"] });
  });

  it("that gives what cannot be sealed takes no code", async () => {
    let answer: JsonObject = { loop: 1n } as never;
    const hooks = { onTokenIssue: () => Promise.resolve(answer) };
    const own = createAuthorizationServer({}, { hooks });
    const { code } = await openGrant(own);
    for (const odd of [answer, [1], "x", new Map(), new Date()]) {
      answer = odd as never;
      expect((await ask(codeForm(code), undefined, own)).status).toBe(503);
    }
    answer = {};
    expect((await ask(codeForm(code), undefined, own)).status).toBe(200);
  });

  it.each<[string, (own: AuthorizationServer, fail: () => boolean) => AuthorizationServer]>([
    [
      "the hook throws",
      (own, fail) => ({
        ...own,
        login: {
          ...own.login,
          hooks: {
            onTokenIssue: () =>
              fail() ? Promise.reject(new Error("upstream")) : Promise.resolve(undefined),
          },
        },
      }),
    ],
    [
      "the token cannot be sealed",
      (own, fail) => ({
        ...own,
        settings: {
          ...own.settings,
          get accessSeconds() {
            if (fail()) throw new Error("no seal");
            return own.settings.accessSeconds;
          },
        },
      }),
    ],
  ])(
    "a refresh of which nothing came, as %s, may be sent again, also long after",
    async (_, withFault) => {
      let isFailing = false;
      const own = withFault(createAuthorizationServer(), () => isFailing);
      const { id, body } = await login(own);
      const sendAgain = (): Promise<Answer> =>
        ask(refreshForm(body["refresh_token"]), undefined, own);
      const fails = async (): Promise<boolean> =>
        (await sendAgain().catch(() => ({ status: 500 }))).status >= 500;
      isFailing = true;
      // A second try of the same rotates nothing, and what the first one had back stays so.
      expect([await fails(), await fails()]).toEqual([true, true]);
      await ageGrant(id, 1_800);
      isFailing = false;
      const next = await sendAgain();
      expect(next.status).toBe(200);
      // Once its successor was used, it is no longer good.
      const last = await ask(refreshForm(next.body["refresh_token"]), undefined, own);
      expect(last.status).toBe(200);
      await ageGrant(id, 60);
      expect(refusal(await ask(refreshForm(next.body["refresh_token"]), undefined, own))).toEqual([
        400,
        "invalid_grant",
      ]);
      expect(refusal(await ask(refreshForm(last.body["refresh_token"]), undefined, own))).toEqual([
        400,
        "invalid_grant",
      ]);
    },
  );
});

describe("a refresh token of which nothing came", () => {
  /** A login, whose hook fails while `fault.isOn`. */
  const withFault = async (graceSeconds: number) => {
    const fault = { isOn: false };
    const onTokenIssue = (): Promise<undefined> =>
      fault.isOn ? Promise.reject(new Error("upstream")) : Promise.resolve(undefined);
    const own = createAuthorizationServer(
      { graceSeconds, refreshSeconds: 2_592_000 },
      { hooks: { onTokenIssue } },
    );
    const { id, body } = await login(own);
    const send = async (token: unknown = body["refresh_token"]): Promise<Answer> =>
      ask(refreshForm(token), undefined, own);
    return { fault, id, send };
  };

  it("is no longer good once something came of it, even where there is no window", async () => {
    const { fault, id, send } = await withFault(0);
    fault.isOn = true;
    expect((await send()).status).toBe(503);
    fault.isOn = false;
    expect((await send()).status).toBe(200);
    await ageGrant(id, 1);
    expect(refusal(await send())).toEqual([400, "invalid_grant"]);
  });

  it("is good for a day, and as long as any other where the window is longer", async () => {
    for (const [graceSeconds, seconds, status] of [
      [10, 86_300, 200],
      [10, 86_500, 400],
      [172_800, 172_700, 200],
      [172_800, 172_900, 400],
    ] as const) {
      const { fault, id, send } = await withFault(graceSeconds);
      fault.isOn = true;
      expect((await send()).status).toBe(503);
      fault.isOn = false;
      await ageGrant(id, seconds);
      expect((await send()).status).toBe(status);
    }
  });

  it("is not restored by the request that rotated it, where another got its successor meanwhile", async () => {
    const waiting = Promise.withResolvers<undefined>();
    let isFirst = false;
    const onTokenIssue = (): Promise<undefined> => {
      if (!isFirst) return Promise.resolve(undefined);
      isFirst = false;
      return waiting.promise;
    };
    const own = createAuthorizationServer(
      { refreshSeconds: 2_592_000 },
      { hooks: { onTokenIssue } },
    );
    const { id, body } = await login(own);
    const send = (): Promise<Answer> => ask(refreshForm(body["refresh_token"]), undefined, own);
    isFirst = true;
    const first = send();
    while (isFirst) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await send()).status).toBe(200);
    waiting.reject(new Error("upstream"));
    expect((await first).status).toBe(503);
    await ageGrant(id, 60);
    expect(refusal(await send())).toEqual([400, "invalid_grant"]);
  });

  it("is restored where the hook says nothing for 20 s", async () => {
    let isCalled = false;
    let isSilent = false;
    const onTokenIssue = (): Promise<undefined> => {
      isCalled = isSilent;
      return isSilent ? new Promise(() => undefined) : Promise.resolve(undefined);
    };
    const own = createAuthorizationServer(
      { refreshSeconds: 2_592_000 },
      { hooks: { onTokenIssue } },
    );
    const { id, body } = await login(own);
    const send = (): Promise<Answer> => ask(refreshForm(body["refresh_token"]), undefined, own);
    isSilent = true;
    const realTimeout = setTimeout;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const sent = send();
    while (!isCalled) await new Promise((resolve) => realTimeout(resolve, 5));
    let isAnswered = false;
    sent.then(
      () => (isAnswered = true),
      () => undefined,
    );
    vi.advanceTimersByTime(19_999);
    await new Promise((resolve) => realTimeout(resolve, 50));
    expect(isAnswered).toBe(false);
    vi.advanceTimersByTime(1);
    expect((await sent).status).toBe(503);
    vi.useRealTimers();
    isSilent = false;
    await ageGrant(id, 1_800);
    expect((await send()).status).toBe(200);
  });

  it("is restored where two requests at once both failed, and neither got its successor", async () => {
    const failures: (() => void)[] = [];
    let isFailing = false;
    const onTokenIssue = (): Promise<undefined> =>
      isFailing
        ? new Promise((_, reject) => failures.push(() => reject(new Error("upstream"))))
        : Promise.resolve(undefined);
    const own = createAuthorizationServer(
      { refreshSeconds: 2_592_000 },
      { hooks: { onTokenIssue } },
    );
    const { id, body } = await login(own);
    const send = (): Promise<Answer> => ask(refreshForm(body["refresh_token"]), undefined, own);
    isFailing = true;
    const both = [send(), send()];
    while (failures.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const fail of failures) fail();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([503, 503]);
    isFailing = false;
    await ageGrant(id, 1_800);
    expect((await send()).status).toBe(200);
    // From now on it was given.
    await ageGrant(id, 60);
    expect(refusal(await send())).toEqual([400, "invalid_grant"]);
  });

  it("is not restored by a second request that fails, where the first one got its successor", async () => {
    const { fault, id, send } = await withFault(10);
    const first = await send();
    fault.isOn = true;
    expect((await send()).status).toBe(503);
    fault.isOn = false;
    await ageGrant(id, 60);
    expect(refusal(await send())).toEqual([400, "invalid_grant"]);
    expect(refusal(await send(first.body["refresh_token"]))).toEqual([400, "invalid_grant"]);
  });
});

describe("the form", () => {
  const send = async (
    body: string,
    type: string = "application/x-www-form-urlencoded",
  ): Promise<unknown[]> => {
    const http = new Request(`${identifiers.issuer}/token`, {
      method: "POST",
      body,
      headers: { "content-type": type },
    });
    const response = await tokenEndpoint(desk, http, identifiers);
    return refusal({
      status: response.status,
      body: await response.json(),
      headers: response.headers,
    });
  };

  it("must be one, of bearable size, with nothing said twice", async () => {
    const invalid = [400, "invalid_request"];
    expect(await send("{}", "application/json")).toEqual(invalid);
    expect(await send("")).toEqual(invalid);
    expect(await send(`grant_type=refresh_token&x=${"x".repeat(20_000)}`)).toEqual(invalid);
    const { code } = await openGrant(desk);
    const form = new URLSearchParams(codeForm(code)).toString();
    for (const twice of [
      "code=x",
      `code=${code}`,
      "client_id=web",
      "code_verifier=y",
      "grant_type=authorization_code",
    ])
      expect(await send(`${form}&${twice}`)).toEqual(invalid);
    expect(await send(`${form}&resource=https://mcp.test/mcp&resource=https://evil.test/`)).toEqual(
      [400, "invalid_target"],
    );
    expect((await ask(codeForm(code))).status).toBe(200);
  });

  it("says why in words that hold nothing of what was sent", async () => {
    const { body, status } = await ask(codeForm("sent-by-me"));
    expect([status, Object.keys(body)]).toEqual([400, ["error", "error_description"]]);
    expect(JSON.stringify(body)).not.toContain("sent-by-me");
    expect(body["error_description"]).toMatch(/^[\x20-\x7e]+$/);
  });
});
