/**
 * An authorization server made by hand: the objects of the world behind it, counted, and all else plain data that a test may
 * change. Nothing here needs a browser or a router.
 */

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../world/env.ts";
import { signText } from "../../src/crypto/hmac.ts";
import { sha256Base64url, seal } from "../../src/crypto/seal.ts";
import type {
  AuthorizationServer,
  LoginHooks,
} from "../../src/oauth/authorization-server/types.ts";
import type { ConfiguredClient, AuthorizationServerSettings } from "../../src/oauth/settings.ts";
import type { GrantRow, GrantTerms } from "../../src/oauth/authorization-server/grant-rows.ts";
import type { GrantObject } from "../../src/oauth/authorization-server/grant-object.ts";
import type { ServerIdentifiers } from "../../src/base/identifiers.ts";
import { epochDigest } from "../../src/oauth/sign-in/types.ts";
import { ringOf } from "../crypto/keys.ts";
import { costs, countedNamespace, type Costs } from "../world/counting.ts";
import { loginOptions } from "../world/login-options.ts";
import { closedGrants } from "../world/faults.ts";

export const bindings: Env = env as unknown as Env;
export const identifiers: ServerIdentifiers = {
  issuer: "https://mcp.test",
  resource: "https://mcp.test/mcp",
  audience: "https://mcp.test/mcp",
};

/** What its clients know. */
export const CLIENT_SECRET = "a secret of thirty-two characters";
export const REDIRECT = "https://client.test/callback";
/** What its grants note of its sign-in. */
export const EPOCH: string = await epochDigest(loginOptions.signIn);
/** PKCE: the verifier and the challenge of RFC 7636 appendix B. */
export const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
export const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/** A public client, one with a secret, one that acts for itself, and one that gets no refresh tokens. */
export const CLIENTS: readonly ConfiguredClient[] = [
  { client_id: "cli", client_name: "Public", redirect_uris: [REDIRECT] },
  {
    client_id: "web",
    client_name: "Confidential",
    redirect_uris: [REDIRECT],
    client_secret_sha256: await sha256Base64url(CLIENT_SECRET),
  },
  {
    client_id: "machine",
    client_name: "Machine",
    redirect_uris: [],
    client_secret_sha256: await sha256Base64url(CLIENT_SECRET),
    grant_types: ["client_credentials"],
    scope: "read",
  },
  {
    client_id: "once",
    client_name: "Once",
    redirect_uris: [REDIRECT],
    grant_types: ["authorization_code"],
  },
];

export interface TestAuthorizationServer extends AuthorizationServer {
  /** The grants whose sessions and streams were ended since the desk was made. */
  readonly closedGrants: readonly string[];
}

export function createAuthorizationServer(
  changes: Partial<AuthorizationServerSettings> = {},
  parts: Partial<AuthorizationServer> & { hooks?: LoginHooks } = {},
): TestAuthorizationServer {
  const { hooks, ...others } = parts;
  const before = closedGrants.length;
  return {
    ring: ringOf("a"),
    grants: countedNamespace(bindings.GRANT),
    accounts: countedNamespace(bindings.ACCOUNT),
    settings: {
      serverName: "Test",
      scopes: { read: { description: "Read" }, write: { description: "Write" } },
      clients: CLIENTS,
      acceptsMetadataDocuments: true,
      publicHost: new URL(identifiers.issuer).hostname,
      accessSeconds: 900,
      refreshSeconds: 3600,
      graceSeconds: 10,
      hasStrictRevocation: false,
      ...changes,
    },
    login: hooks === undefined ? loginOptions : { ...loginOptions, hooks },
    limiter: undefined,
    get closedGrants() {
      return closedGrants.slice(before);
    },
    ...others,
  };
}

/** What a grant is opened with unless a test says otherwise. */
export const GRANT_DETAILS: Omit<GrantTerms, "properties"> = {
  client: "cli",
  clientName: "Public",
  subject: "ada",
  scopes: ["read", "write"],
  resource: identifiers.resource,
  redirectUri: REDIRECT,
  challenge: CHALLENGE,
  epoch: EPOCH,
};

/** A grant as consent leaves it: its id and its code. */
export async function openGrant(
  desk: AuthorizationServer,
  changes: Partial<GrantTerms> = {},
): Promise<{ id: string; code: string }> {
  const objectId = desk.grants.newUniqueId();
  const id = objectId.toString();
  const properties = await seal(desk.ring, "properties", { shoe: "42" }, id);
  const opened = await desk.grants
    .get(objectId)
    .open({ ...GRANT_DETAILS, properties, ...changes }, desk.settings);
  if (!opened) throw new Error("The grant did not open");
  return { id, code: await signText(desk.ring, "code", id) };
}

/** A POST of a form, as clients send it; `basic`: id and secret of a client that says them by HTTP Basic. */
export function formRequest(
  path: string,
  form: Record<string, string>,
  basic?: readonly [string, string],
): Request {
  const headers = new Headers();
  if (basic !== undefined) headers.set("authorization", `Basic ${btoa(basic.join(":"))}`);
  return new Request(`${identifiers.issuer}${path}`, {
    method: "POST",
    headers,
    body: new URLSearchParams(form),
  });
}

/** What `action` cost in object requests, written rows and objects woken. */
export async function measureCost<T>(
  action: () => Promise<T>,
): Promise<{ value: T; cost: Pick<Costs, "requests" | "rows" | "objectsCreated"> }> {
  const before = { ...costs };
  const value = await action();
  const spent = (name: keyof Costs): number => costs[name] - before[name];
  return {
    value,
    cost: {
      requests: spent("requests"),
      rows: spent("rows"),
      objectsCreated: spent("objectsCreated"),
    },
  };
}

/** Lets `seconds` pass for a grant: every time in its row moves into the past. */
export async function ageGrant(id: string, seconds: number): Promise<void> {
  await runInDurableObject(grantStub(id), (_, { storage }) => {
    const row = storage.kv.get<GrantRow>("grant");
    if (row === undefined) throw new Error("There is no grant to age");
    const [createdAtMs, lastUsedAtMs, expiresAtMs] = [
      row.createdAtMs,
      row.lastUsedAtMs,
      row.expiresAtMs,
    ].map((time) => time - seconds * 1000);
    storage.kv.put("grant", { ...row, createdAtMs, lastUsedAtMs, expiresAtMs });
  });
}

/** The object itself, uncounted. */
export function grantStub(id: string): DurableObjectStub<GrantObject<unknown>> {
  return bindings.GRANT.get(bindings.GRANT.idFromString(id));
}

/** Every way to spoil a token: what is left must not pass for anything. */
export function corruptions(token: string): string[] {
  const middle = Math.floor(token.length / 2);
  const flip = (at: number): string =>
    token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
  const cuts = [
    token.slice(0, -1),
    token.slice(1),
    token.slice(0, middle),
    token.slice(0, token.lastIndexOf(".")),
  ];
  return [
    ...cuts,
    flip(0),
    flip(3),
    flip(middle),
    flip(token.length - 6),
    `${token}A`,
    `x${token}`,
    `${token}.`,
  ];
}
