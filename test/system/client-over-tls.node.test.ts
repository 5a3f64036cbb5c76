/**
 * Clients that publish their metadata and prove themselves with a key, over real TLS: an HTTPS server with a certificate of
 * an authority that this workerd trusts, under a name of the public network. Every request of the Worker goes to it.
 */

import { createHash, randomUUID, type webcrypto } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { registerSecrets } from "../client/secrets.node.ts";
import { serveChanged, type TestServer } from "../client/servers.node.ts";
import { passPages, tab } from "../../src/cli/login.ts";
import {
  makeAuthority,
  serveSecurely,
  type Certificate,
  type SecureServer,
} from "./authority.node.ts";
import { callTool, openSession } from "./client.node.ts";

const HOST = "client.example.com";
const CALLBACK = "http://127.0.0.1:9/callback";
const VERIFIER = "v".repeat(43);
/** Milliseconds for which a key set is not fetched again because it lacks a key. */
const COOL_DOWN_MS = 30_000;

let world: TestServer;
let outside: SecureServer;
let good: Certificate;
/** What is not as usual at a path: sent there in place of it. */
const elsewhere = new Map<string, string>();
/** The keys of every client, by kid. The one that `published` names is in its key set. */
const keys = new Map<string, webcrypto.CryptoKeyPair>();
let published = "first";

beforeAll(async () => {
  for (const kid of ["first", "second"]) {
    keys.set(
      kid,
      await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
        "sign",
        "verify",
      ]),
    );
  }
  const authority = makeAuthority();
  good = authority.issue(HOST);
  const set = await keySets();
  outside = await serveSecurely(good, ({ url = "" }, response) => {
    const to = elsewhere.get(url);
    if (to !== undefined) {
      response.writeHead(302, { location: to }).end();
      return;
    }
    const body = url.endsWith("/keys.json") ? { keys: set.get(published) } : documentAt(url);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  const trusted = JSON.stringify(authority.cert);
  world = await serveChanged(
    "test/world/worker.ts",
    { AUTH: "" },
    {
      outside: `external = (address = "127.0.0.1:${outside.port}", https = (
        tlsOptions = (trustedCertificates = [${trusted}]), certificateHost = "${HOST}"))`,
    },
  );
}, 90_000);

afterAll(async () => {
  await (world as TestServer | undefined)?.stop();
  outside.stop();
});

beforeEach(() => {
  outside.arrived.length = 0;
  elsewhere.clear();
});

const documentAt = (path: string): object => ({
  client_id: `https://${HOST}${path}`,
  client_name: "A client with a key",
  redirect_uris: [CALLBACK],
  token_endpoint_auth_method: "private_key_jwt",
  jwks_uri: `https://${HOST}${path.replace("client.json", "keys.json")}`,
});

/** The key sets with one key each, by its kid. */
async function keySets(): Promise<ReadonlyMap<string, readonly object[]>> {
  const sets = new Map<string, readonly object[]>();
  for (const [kid, { publicKey }] of keys) {
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
    sets.set(kid, [{ kty, crv, x, y, kid, alg: "ES256", use: "sig" }]);
  }
  return sets;
}

/** An assertion of client `id`, signed with the key `kid`. */
async function assertion(id: string, kid: string): Promise<string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 60;
  const claims = { iss: id, sub: id, aud: world.url.origin, exp, jti: randomUUID() };
  const text = `${part({ alg: "ES256", typ: "JWT", kid })}.${part(claims)}`;
  const { privateKey } = keys.get(kid) ?? {};
  if (privateKey === undefined) throw new Error(`No key ${kid}`);
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    privateKey,
    Buffer.from(text),
  );
  return `${text}.${Buffer.from(signature).toString("base64url")}`;
}

/** What documents are kept for is none of these tests': each has a client of its own. */
let count = 0;
const freshId = (): string => `https://${HOST}/${(count += 1)}/client.json`;

function authorizeUrl(id: string): URL {
  const asked = new URL("/authorize", world.url);
  asked.search = new URLSearchParams({
    response_type: "code",
    client_id: id,
    redirect_uri: CALLBACK,
    state: "s",
    resource: world.url.href,
    code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
    code_challenge_method: "S256",
  }).toString();
  return asked;
}

async function codeFor(id: string): Promise<string> {
  const answer = await passPages(tab(), authorizeUrl(id), { name: "Ada", word: "open" });
  return answer.get("code") ?? "";
}

interface Redeemed {
  readonly status: number;
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly error?: string;
}

async function tokenFor(
  id: string,
  kid: string,
  form: Readonly<Record<string, string>>,
): Promise<Redeemed> {
  const response = await fetch(new URL("/token", world.url), {
    method: "POST",
    body: new URLSearchParams({
      client_id: id,
      resource: world.url.href,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: await assertion(id, kid),
      ...form,
    }),
  });
  const answer = (await response.json()) as Omit<Redeemed, "status">;
  registerSecrets(answer.access_token, answer.refresh_token);
  return { ...answer, status: response.status };
}

const redeem = (id: string, code: string, kid: string = "first"): Promise<Redeemed> =>
  tokenFor(id, kid, {
    grant_type: "authorization_code",
    code,
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
  });

it("a client is who its document says, and its key is at the address that it names: a login ends with a token", async () => {
  const id = freshId();
  const tokens = await redeem(id, await codeFor(id));
  expect(tokens.status).toBe(200);
  expect(outside.arrived).toEqual([
    { url: new URL(id).pathname, host: HOST, named: HOST },
    { url: new URL(id).pathname.replace("client.json", "keys.json"), host: HOST, named: HOST },
  ]);
  const session = await openSession(world.url, { authorization: `Bearer ${tokens.access_token}` });
  expect((await callTool(world.url, session, 1, "test_simple_text")).status).toBe(200);
});

it("an assertion that another key signed is refused", async () => {
  const id = freshId();
  published = "second";
  const code = await codeFor(id);
  expect(await redeem(id, code)).toMatchObject({ status: 401, error: "invalid_client" });
  published = "first";
});

describe.each<[what: string, certificate: () => Certificate]>([
  ["of another authority", () => makeAuthority().issue(HOST)],
  ["of another host", () => makeAuthority().issue("other.example.com")],
])("a certificate %s", (_what, certificate) => {
  it("gives no document: the page says whose cannot be had", async () => {
    const id = freshId();
    outside.show(certificate());
    const page = await fetch(authorizeUrl(id), { redirect: "manual" });
    outside.show(good);
    const text = await page.text();
    expect([page.status, page.headers.get("location")]).toEqual([400, null]);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(text).toContain(`it could not be had from ${HOST}`);
    expect(outside.arrived).toEqual([]);
    // As soon as the certificate is right, the same client may come.
    expect(await codeFor(id)).not.toBe("");
  });

  it("gives no keys: the client is told to come again", async () => {
    const id = freshId();
    const code = await codeFor(id);
    outside.arrived.length = 0;
    outside.show(certificate());
    const refused = await redeem(id, code);
    outside.show(good);
    expect([refused.status, refused.error, outside.arrived]).toEqual([
      503,
      "temporarily_unavailable",
      [],
    ]);
    expect((await redeem(id, code)).status).toBe(200);
  });
});

it("a redirect is not followed, from a document or a key set", async () => {
  const id = freshId();
  const { pathname } = new URL(id);
  elsewhere.set(pathname, `https://${HOST}/moved${pathname}`);
  const page = await fetch(authorizeUrl(id), { redirect: "manual" });
  expect([page.status, page.headers.get("location")]).toEqual([400, null]);
  expect(await page.text()).toContain(`it could not be had from ${HOST}`);
  elsewhere.clear();
  const code = await codeFor(id);
  elsewhere.set(pathname.replace("client.json", "keys.json"), `https://${HOST}/moved/keys.json`);
  expect(await redeem(id, code)).toMatchObject({ status: 503, error: "temporarily_unavailable" });
  expect(outside.arrived.map(({ url }) => url)).not.toContain("/moved/keys.json");
  elsewhere.clear();
  expect((await redeem(id, code)).status).toBe(200);
});

it("keys that were rotated are fetched again, and the old one opens nothing from then on", async () => {
  const id = freshId();
  const asked = (): number =>
    outside.arrived.filter(({ url }) => url.endsWith("/keys.json")).length;
  const first = await redeem(id, await codeFor(id));
  const begun = Date.now();
  expect([first.status, asked()]).toEqual([200, 1]);
  published = "second";
  const refreshWith = (kid: string, refresh_token: string = ""): Promise<Redeemed> =>
    tokenFor(id, kid, { grant_type: "refresh_token", refresh_token });
  // A client that names a key of its own invention has nothing fetched, for as long. One that rotated comes again.
  expect(await refreshWith("second", first.refresh_token)).toMatchObject({
    status: 503,
    error: "temporarily_unavailable",
  });
  expect(asked()).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, begun + COOL_DOWN_MS + 500 - Date.now()));
  const second = await refreshWith("second", first.refresh_token);
  expect([second.status, asked()]).toEqual([200, 2]);
  expect(await refreshWith("first", second.refresh_token)).toMatchObject({
    status: 503,
    error: "temporarily_unavailable",
  });
}, 60_000);
