/** Taking back and asking: RFC 7009 and RFC 7662, with the tokens of this server and of everybody else. */

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import { signText } from "../../../src/crypto/hmac.ts";
import { sha256Base64url } from "../../../src/crypto/seal.ts";
import { HUB_SHARDS } from "../../../src/hub/client.ts";
import {
  sealAccessToken,
  builtinTokenVerifier,
} from "../../../src/oauth/authorization-server/access-token.ts";
import type { GrantRow } from "../../../src/oauth/authorization-server/grant-rows.ts";
import type { AuthorizationServer } from "../../../src/oauth/authorization-server/types.ts";
import { signRefreshToken } from "../../../src/oauth/authorization-server/grant-reference.ts";
import { registrationEndpoint } from "../../../src/oauth/clients/register.ts";
import {
  introspectionEndpoint,
  revocationEndpoint,
  revokeGrant,
} from "../../../src/oauth/authorization-server/revocation.ts";
import { tokenEndpoint } from "../../../src/oauth/authorization-server/token.ts";
import { ringOf } from "../../crypto/keys.ts";
import {
  ageGrant,
  measureCost,
  createAuthorizationServer,
  EPOCH,
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

interface Tokens {
  readonly id: string;
  readonly access: string;
  readonly refresh: string;
}

async function login(
  at: AuthorizationServer = desk,
  client: string = "cli",
  basic?: readonly [string, string],
  key: string = client,
): Promise<Tokens> {
  const { id, code } = await openGrant(at, { client: key });
  const who: Record<string, string> = basic === undefined ? { client_id: client } : {};
  const form = {
    grant_type: "authorization_code",
    code,
    code_verifier: VERIFIER,
    redirect_uri: REDIRECT,
    ...who,
  };
  const body: JsonObject = await (
    await tokenEndpoint(at, formRequest("/token", form, basic), identifiers)
  ).json();
  return { id, access: String(body["access_token"]), refresh: String(body["refresh_token"]) };
}

const isAlive = async ({ id }: Tokens): Promise<boolean> =>
  (await grantStub(id).status())?.isActive === true;

/** The second refresh token of a grant is made. */
async function rotate(id: string): Promise<void> {
  const request = { client: "cli", resource: identifiers.resource, generation: 1, scopes: [] };
  await grantStub(id).refresh({ ...request, epoch: EPOCH, requestId: "second" }, desk.settings);
}

describe("/revoke", () => {
  const ask = (
    form: Record<string, string>,
    basic?: readonly [string, string],
    at: AuthorizationServer = desk,
  ): Promise<Response> => revocationEndpoint(at, formRequest("/revoke", form, basic), identifiers);

  it.each(["access", "refresh"] as const)(
    "takes the %s token for its grant, and ends all that lives by it",
    async (kind) => {
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
      const verify = builtinTokenVerifier(own);
      const tokens = await login(own);
      expect(await verify(tokens.access, identifiers)).toMatchObject({ ok: true });
      const response = await ask(
        { client_id: "cli", token: tokens[kind], token_type_hint: "refresh_token" },
        undefined,
        own,
      );
      expect([
        response.status,
        await response.text(),
        response.headers.get("cache-control"),
      ]).toEqual([200, "", "no-store"]);
      expect(await isAlive(tokens)).toBe(false);
      expect(await verify(tokens.access, identifiers)).toEqual({ ok: false, error: "grant.ended" });
      expect(own.closedGrants).toEqual([tokens.id]);
      expect(heard).toEqual([`ada cli ${tokens.id}`]);
      expect((await ask({ client_id: "cli", token: tokens[kind] }, undefined, own)).status).toBe(
        200,
      );
      expect(heard).toHaveLength(1);
    },
  );

  it("takes an access token that is over for its grant too", async () => {
    const tokens = await login(desk);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 901_000 });
    expect((await ask({ client_id: "cli", token: tokens.access })).status).toBe(200);
    vi.useRealTimers();
    expect(await isAlive(tokens)).toBe(false);
  });

  it.each<[string, (end: Promise<void>) => Promise<void>]>([
    ["fails", () => Promise.reject(new Error("the app's database"))],
    ["says nothing", (end) => end],
  ])("changes no answer where the app's hook %s: what ended has ended", async (_, hook) => {
    const end = Promise.withResolvers<void>();
    const onRevoke = (): Promise<void> => hook(end.promise);
    const own = createAuthorizationServer({}, { hooks: { onRevoke } });
    const [asked, replayed] = [await login(own), await login(own)];
    const response = await ask({ client_id: "cli", token: asked.refresh }, undefined, own);
    expect([response.status, await isAlive(asked)]).toEqual([200, false]);
    const code = await signText(own.ring, "code", replayed.id);
    const again = {
      grant_type: "authorization_code",
      client_id: "cli",
      code,
      code_verifier: VERIFIER,
    };
    const refused = await tokenEndpoint(own, formRequest("/token", again), identifiers);
    expect([refused.status, await isAlive(replayed)]).toEqual([400, false]);
    end.resolve();
  });

  it("takes a refresh token that was rotated", async () => {
    const tokens = await login();
    await rotate(tokens.id);
    expect((await ask({ client_id: "cli", token: tokens.refresh })).status).toBe(200);
    expect(await isAlive(tokens)).toBe(false);
  });

  it("changes nothing for tokens of another client, and does not tell", async () => {
    const tokens = await login();
    const webs = await login(desk, "web", WEB);
    for (const one of [tokens.access, tokens.refresh])
      expect((await ask({ token: one }, WEB)).status).toBe(200);
    for (const one of [webs.access, webs.refresh])
      expect((await ask({ client_id: "cli", token: one })).status).toBe(200);
    expect([await isAlive(tokens), await isAlive(webs)]).toEqual([true, true]);
    expect((await ask({ token: webs.refresh }, WEB)).status).toBe(200);
    expect(await isAlive(webs)).toBe(false);
  });

  it("answers 200 to what is no token, and wakes no object", async () => {
    const { id, access, refresh } = await login();
    const made = [
      await signRefreshToken(ringOf("z"), id, 1),
      await signText(desk.ring, "code", id),
      "x",
      "ey.a.b",
    ];
    const other = await sealAccessToken(
      desk.ring,
      { issuer: "https://other.test", subject: "ada", client: "cli", scopes: [], grant: id },
      "https://other.test/mcp",
      9e9,
    );
    const { cost: spent } = await measureCost(async () => {
      for (const bad of [...corruptions(access), ...corruptions(refresh), ...made, other])
        expect((await ask({ client_id: "cli", token: bad })).status).toBe(200);
    });
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
    expect(await isAlive({ id, access, refresh })).toBe(true);
  });

  it.each([
    ["an unknown client", { client_id: "nobody" }, undefined, 401],
    ["no client", {}, undefined, 401],
    ["a client without its secret", { client_id: "web" }, undefined, 401],
    ["a wrong secret", {}, ["web", "wrong"] as const, 401],
    ["no token", { client_id: "cli", token: "" }, undefined, 400],
  ])("refuses %s", async (_, changes, basic, status) => {
    const tokens = await login();
    expect((await ask({ token: tokens.refresh, ...changes }, basic)).status).toBe(status);
    expect(await isAlive(tokens)).toBe(true);
  });

  it("costs five object requests, four of them of the grant; the grant writes four rows, and the hub one on each of its shards", async () => {
    // The hub sets its alarms with the first.
    await ask({ client_id: "cli", token: (await login()).refresh });
    const { refresh } = await login();
    const { cost: spent } = await measureCost(() => ask({ client_id: "cli", token: refresh }));
    expect(spent).toMatchObject({ requests: 1 + HUB_SHARDS, rows: 4 + HUB_SHARDS });
  });
});

describe("revokeGrant", () => {
  it("ends a grant once, and of the given client alone; what is none is done", async () => {
    const own = createAuthorizationServer();
    const { id } = await login(own);
    expect(await revokeGrant(own, id, "account", "web")).toBe(true);
    expect(own.closedGrants).toEqual([]);
    for (const one of [id, id, "not an id", own.grants.newUniqueId().toString()])
      expect(await revokeGrant(own, one, "account")).toBe(true);
    expect(own.closedGrants).toEqual([id]);
  });
});

describe("/introspect", () => {
  const ask = async (
    said: string,
    basic: readonly [string, string] = WEB,
    at: AuthorizationServer = desk,
  ): Promise<JsonObject> =>
    (
      await introspectionEndpoint(
        at,
        formRequest("/introspect", { token: said }, basic),
        identifiers,
      )
    ).json();
  const dead = { active: false };

  it("describes an access token that lives", async () => {
    const { access } = await login();
    const answer = await ask(access);
    expect(answer).toEqual({
      active: true,
      client_id: "cli",
      sub: "ada",
      scope: "read write",
      token_type: "Bearer",
      iss: identifiers.issuer,
      aud: identifiers.resource,
      exp: expect.any(Number) as number,
    });
    expect(Number(answer["exp"]) - Date.now() / 1000).toBeGreaterThan(890);
  });

  it("describes the newest refresh token, and none before it", async () => {
    const { id, refresh } = await login();
    expect(await ask(refresh)).toMatchObject({ active: true, client_id: "cli", sub: "ada" });
    await rotate(id);
    expect(await ask(refresh)).toEqual(dead);
    expect(await ask(await signRefreshToken(desk.ring, id, 2))).toMatchObject({ active: true });
    expect(await ask(await signRefreshToken(desk.ring, id, 3))).toEqual(dead);
    // Nothing came of the second: the first may be sent again.
    await grantStub(id).restore(2, "second");
    expect(await ask(refresh)).toMatchObject({ active: true });
    // For a day, or for the window where that is longer, as the token endpoint has it.
    const patient = createAuthorizationServer({ graceSeconds: 172_800 });
    await runInDurableObject(grantStub(id), (_, { storage }) => {
      const row = storage.kv.get<GrantRow>("grant");
      storage.kv.put("grant", { ...row, expiresAtMs: Date.now() + 2_592_000_000 });
    });
    await ageGrant(id, 100_000);
    expect(await ask(refresh)).toEqual(dead);
    expect(await ask(refresh, WEB, patient)).toMatchObject({ active: true });
  });

  it("says no more than that of what is revoked, unused for long, expired, forged or foreign", async () => {
    const [revoked, unused, alive] = [await login(), await login(), await login()];
    await grantStub(revoked.id).revoke();
    await ageGrant(unused.id, 3600);
    const caller = { issuer: identifiers.issuer, subject: "ada", client: "web", scopes: [] };
    const old = await sealAccessToken(
      desk.ring,
      caller,
      identifiers.resource,
      Math.floor(Date.now() / 1000) - 1,
    );
    const elsewhere = await sealAccessToken(desk.ring, caller, "https://other.test/mcp", 9e9);
    const none = [
      old,
      elsewhere,
      await sealAccessToken(ringOf("z"), caller, identifiers.resource, 9e9),
      "x",
      "ey.a.b",
    ];
    for (const said of [
      revoked.access,
      revoked.refresh,
      unused.access,
      unused.refresh,
      ...none,
      ...corruptions(alive.access),
    ])
      expect(await ask(said)).toEqual(dead);
  });

  it("needs no object for a client's own token, and wakes none for forgeries", async () => {
    const caller = {
      issuer: identifiers.issuer,
      subject: "machine",
      client: "machine",
      scopes: ["read"],
    };
    const own = await sealAccessToken(
      desk.ring,
      caller,
      identifiers.resource,
      Math.floor(Date.now() / 1000) + 60,
    );
    const { refresh } = await login();
    const { value, cost: spent } = await measureCost(async () => [
      await ask(own, ["machine", CLIENT_SECRET]),
      ...(await Promise.all(corruptions(refresh).map((bad) => ask(bad)))),
    ]);
    expect(value[0]).toMatchObject({ active: true, sub: "machine" });
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
  });

  it("tells nothing to public clients, strangers and wrong secrets", async () => {
    const { access } = await login();
    const forms = [
      { client_id: "cli", token: access },
      { token: access },
      { client_id: "web", token: access },
    ];
    for (const form of forms) {
      const response = await introspectionEndpoint(
        desk,
        formRequest("/introspect", form),
        identifiers,
      );
      expect([response.status, (await response.json<JsonObject>())["error"]]).toEqual([
        401,
        "invalid_client",
      ]);
    }
    const response = await introspectionEndpoint(
      desk,
      formRequest("/introspect", { token: access }, ["web", "wrong"]),
      identifiers,
    );
    expect([response.status, response.headers.get("www-authenticate")?.slice(0, 5)]).toEqual([
      401,
      "Basic",
    ]);
    expect(
      (await introspectionEndpoint(desk, formRequest("/introspect", {}, WEB), identifiers)).status,
    ).toBe(400);
  });

  it("tells clients that registered themselves about their own tokens alone", async () => {
    const metadata = {
      redirect_uris: [REDIRECT],
      grant_types: ["authorization_code", "refresh_token"],
    };
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(metadata),
    };
    const registered = await registrationEndpoint(
      desk,
      new Request(`${identifiers.issuer}/register`, init),
    );
    const { client_id = "", client_secret = "" } = await registered.json<Record<string, string>>();
    const basic = [client_id, client_secret] as const;
    expect(await ask((await login()).access, basic)).toEqual(dead);
    const key = `dcr:${(await sha256Base64url(client_id)).slice(0, 22)}`;
    const own = await login(desk, client_id, basic, key);
    expect(await ask(own.access, basic)).toMatchObject({ active: true, client_id, sub: "ada" });
    expect(await ask(own.refresh, basic)).toMatchObject({ active: true, client_id });
  });
});
