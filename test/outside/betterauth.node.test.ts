// This server behind a real outside issuer: BetterAuth signs people in, bare workerd takes its tokens and no others.
import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { registerSecrets } from "../client/secrets.node.ts";
import { serveWorld, type TestServer } from "../client/servers.node.ts";

interface Issuer {
  readonly issuer: string;
  readonly requested: readonly string[];
  open(resource: string, form?: { opaque: boolean }): void;
  sign(claims: object): Promise<string>;
  rotate(): void;
  stop(): Promise<void>;
}
type Json = { readonly [name: string]: string };

const REDIRECT = "http://127.0.0.1:49152/callback";
const VERIFIER = "a-verifier-of-the-test-that-is-long-enough-to-be-one";

let better: Issuer;
let worker: TestServer;
/** The Worker's resource identifier. */
let home = "";

beforeAll(async () => {
  better = await issuer();
  worker = await serveWorld({ AUTH: "", AUTH_ISSUER: better.issuer });
  home = worker.url.href;
  better.open(home);
}, 120_000);
afterAll(() => Promise.all([worker?.stop(), better?.stop()]));

async function issuer(): Promise<Issuer> {
  const path = "./betterauth.mjs";
  return ((await import(path)) as { serveBetterAuth(): Promise<Issuer> }).serveBetterAuth();
}

/** A call of the endpoint with `token`: its status, and why it was refused. */
async function call(
  token: string | undefined,
  at: TestServer = worker,
): Promise<{ status: number; challenge: string }> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const answer = await fetch(at.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/list",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta } }),
  });
  await answer.text();
  return { status: answer.status, challenge: answer.headers.get("www-authenticate") ?? "" };
}

/** The reason in the last audit line, which only the operator sees. */
async function reason(token: string): Promise<string | undefined> {
  expect((await call(token)).status).toBe(401);
  return [...worker.log().matchAll(/"reason":"([\w.]+)"/g)].at(-1)?.[1];
}

/** Registers, signs a new person up, agrees to everything and redeems the code: all that a client and a browser do. */
async function logIn(at: Issuer, resource: string = home): Promise<Json> {
  const post = (path: string, body: object, cookie = ""): Promise<Response> =>
    fetch(at.issuer + path, {
      method: "POST",
      headers: { "content-type": "application/json", origin: new URL(at.issuer).origin, cookie },
      body: JSON.stringify(body),
    });
  const client = await register(at, "none");
  const person = {
    name: "Ada",
    email: `ada-${Math.random()}@example.com`,
    password: "correct horse",
  };
  const signedUp = await post("/sign-up/email", person);
  const cookie = signedUp.headers
    .getSetCookie()
    .map((one) => one.split(";")[0])
    .join("; ");
  const challenge = createHash("sha256").update(VERIFIER).digest("base64url");
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client["client_id"] ?? "",
    redirect_uri: REDIRECT,
    scope: "read",
    state: "s",
    code_challenge: challenge,
    code_challenge_method: "S256",
    resource,
  });
  // Whoever is no browser is told where to go, in JSON.
  const asked = await fetch(`${at.issuer}/oauth2/authorize?${query.toString()}`, {
    headers: { cookie },
  });
  const consent = new URL(((await asked.json()) as Json)["url"] ?? "", at.issuer);
  expect(consent.pathname, consent.href).toBe("/consent");
  const agreed = await post(
    "/oauth2/consent",
    { accept: true, oauth_query: consent.search.slice(1) },
    cookie,
  );
  const { url = "", redirect_uri = url } = (await agreed.json()) as Json;
  const answer = new URL(redirect_uri).searchParams;
  expect(Object.fromEntries(answer)).toMatchObject({ state: "s", iss: at.issuer });
  return redeem(at, client, answer.get("code") ?? "", resource);
}

async function register(at: Issuer, method: "none" | "client_secret_basic"): Promise<Json> {
  const metadata = {
    client_name: "Test",
    redirect_uris: [REDIRECT],
    application_type: "native",
    token_endpoint_auth_method: method,
  };
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${at.issuer}/oauth2/register`, {
    method: "POST",
    headers,
    body: JSON.stringify(metadata),
  });
  expect(answer.ok, await answer.clone().text()).toBe(true);
  return (await answer.json()) as Json;
}

async function redeem(
  at: Issuer,
  { client_id = "" }: Json,
  code: string,
  resource: string,
): Promise<Json> {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: REDIRECT,
    client_id,
  });
  body.set("code_verifier", VERIFIER);
  body.set("resource", resource);
  const answer = await fetch(`${at.issuer}/oauth2/token`, { method: "POST", body });
  expect(answer.status, await answer.clone().text()).toBe(200);
  const tokens = (await answer.json()) as Json;
  registerSecrets(code, tokens["access_token"], tokens["refresh_token"], tokens["id_token"]);
  return tokens;
}

test("a stranger is sent to the outside issuer, which this server is not", async () => {
  const { status, challenge } = await call(undefined);
  expect(status).toBe(401);
  const metadata = await fetch(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? "");
  expect(await metadata.json()).toMatchObject({
    resource: home,
    authorization_servers: [better.issuer],
  });
  for (const path of [
    "/.well-known/oauth-authorization-server",
    "/authorize",
    "/token",
    "/register",
  ])
    expect((await fetch(new URL(path, worker.url))).status, path).toBe(404);
});

test("a whole login at the issuer opens the door, and its keys are fetched once", async () => {
  const { access_token: token = "" } = await logIn(better);
  const part = (index: number): unknown =>
    JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString());
  expect(part(0)).toMatchObject({ typ: "at+jwt", alg: "EdDSA" });
  expect(part(1)).toMatchObject({ iss: better.issuer, aud: home, scope: "read" });
  for (let n = 0; n < 5; n += 1) expect(await call(token)).toEqual({ status: 200, challenge: "" });
  expect((await call((await logIn(better))["access_token"])).status).toBe(200);
  expect(better.requested.filter((one) => one === "GET /api/auth/jwks")).toHaveLength(1);
});

test("what is not a good token of this issuer for this resource is refused", async () => {
  const { access_token: good = "", id_token: idToken = "" } = await logIn(better);
  const [head = "", body = "", proof = ""] = good.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
  const encode = (value: unknown): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const { keys } = (await (await fetch(`${better.issuer}/jwks`)).json()) as {
    keys: Record<string, string>[];
  };
  const { kid = "", x = "" } = keys[0] ?? {};
  expect(kid).not.toBe("");
  const hmac = (secret: string | Buffer): string => {
    const signed = `${encode({ alg: "HS256", typ: "at+jwt", kid })}.${body}`;
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  };
  const pem = createPublicKey({ key: keys[0] ?? {}, format: "jwk" }).export({
    type: "spki",
    format: "pem",
  });
  const stranger = generateKeyPairSync("ed25519").privateKey;
  const forged = (header: object): string => {
    const signed = `${encode({ alg: "EdDSA", typ: "at+jwt", ...header })}.${body}`;
    return `${signed}.${sign(null, Buffer.from(signed), stranger).toString("base64url")}`;
  };
  const refused: [reason: string, token: string][] = [
    ["token.malformed", `${encode({ alg: "none", typ: "at+jwt" })}.${body}.`],
    ["token.malformed", hmac(x)],
    ["token.malformed", hmac(Buffer.from(x, "base64url"))],
    ["token.malformed", hmac(pem)],
    ["token.malformed", good.slice(0, good.length / 2)],
    ["token.signature", `${head}.${body}.${proof.slice(0, 40)}`],
    ["token.signature", `${head}.${encode({ ...claims, sub: "somebody else" })}.${proof}`],
    ["token.signature", forged({ kid })],
    ["token.audience", await better.sign({ ...claims, aud: "https://other.example/mcp" })],
    ["token.issuer", await better.sign({ ...claims, iss: "https://other.example" })],
    ["token.expired", await better.sign({ ...claims, exp: Math.floor(Date.now() / 1_000) - 61 })],
    ["token.type", await better.sign(claims)],
  ];
  expect(idToken).toBe("");
  for (const [why, token] of refused) expect(await reason(token), token).toBe(why);
  // Those may be of a key which the issuer made a moment ago: whoever comes again is told more.
  for (const header of [{ kid: "unknown" }, {}])
    expect((await call(forged(header))).status, JSON.stringify(header)).toBe(503);
  expect((await call(good)).status, "the good one still is").toBe(200);
});

test("a token of another issuer of the same make, for this resource, is refused", async () => {
  const other = await issuer();
  try {
    other.open(home);
    const { access_token: token = "" } = await logIn(other);
    expect(await reason(token)).toBe("token.issuer");
  } finally {
    await other.stop();
  }
});

test("a key that the issuer made a moment ago is found, and no flood of unknown ones reaches the issuer", async () => {
  better.rotate();
  const { access_token: token = "" } = await logIn(better);
  const before = better.requested.length;
  const statuses: number[] = [];
  for (let n = 0; n < 10; n += 1) {
    const [, ...rest] = token.split(".");
    const head = Buffer.from(
      JSON.stringify({ alg: "EdDSA", typ: "at+jwt", kid: `unknown-${n}` }),
    ).toString("base64url");
    statuses.push((await call([head, ...rest].join("."))).status);
  }
  expect(statuses).toEqual(Array.from({ length: 10 }, () => 503));
  expect(better.requested.length - before).toBeLessThanOrEqual(1);
});

test("opaque tokens are taken by introspection, and closed to whoever is not told so", async () => {
  const opaque = await issuer();
  let second: TestServer | undefined;
  const resource = "https://mcp.example/mcp";
  try {
    opaque.open(resource, { opaque: true });
    const self = await register(opaque, "client_secret_basic");
    second = await serveWorld({
      AUTH: "",
      AUTH_ISSUER: opaque.issuer,
      PUBLIC_URL: "https://mcp.example",
      AUTH_INTROSPECTION: `${self["client_id"]}:${self["client_secret"]}`,
    });
    const { access_token: token = "" } = await logIn(opaque, resource);
    expect(token.split(".")).toHaveLength(1);
    expect(await call(token, second)).toEqual({ status: 200, challenge: "" });
    const asks = (): number => opaque.requested.filter((one) => one.endsWith("/introspect")).length;
    expect(asks()).toBe(1);
    await call(token, second);
    expect(asks(), "a verdict stands for a minute").toBe(1);
    expect((await call(`${token}x`, second)).status).toBe(401);
    expect(second.log()).not.toContain(token);
    expect(await reason(token), "by the server that has no credentials").toBe("token.malformed");
  } finally {
    await Promise.all([second?.stop(), opaque.stop()]);
  }
});

test("no token is in the log", async () => {
  const { access_token: token = "" } = await logIn(better);
  await call(token);
  expect(worker.log()).toContain("oauth.refused");
  expect(worker.log()).not.toMatch(/eyJ[\w-]{10}/);
});
