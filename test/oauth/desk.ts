/**
 * A desk made by hand: the world's own objects behind it, counted, and everything else plain data that a test may
 * change. Nothing here needs a browser or a front door.
 */

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../../src/config.ts";
import { sign } from "../../src/crypto/mac.ts";
import { digest, seal } from "../../src/crypto/seal.ts";
import type { Desk, Hooks } from "../../src/oauth/desk.ts";
import type { PreRegistered, Settings } from "../../src/oauth/settings.ts";
import type { GrantRow } from "../../src/oauth/grant-rows.ts";
import type { GrantObject } from "../../src/oauth/grant.ts";
import type { Terms } from "../../src/oauth/grant-rows.ts";
import type { Place } from "../../src/oauth/place.ts";
import { epochOf } from "../../src/oauth/sign-in.ts";
import { ringOf } from "../unit/keys.ts";
import { costs, countedNamespace, type Costs } from "../world/counting.ts";
import { entrance } from "../world/entrance.ts";
import { closed } from "../world/faults.ts";

export const bindings: Env = env as unknown as Env;
export const place: Place = {
  issuer: "https://mcp.test",
  resource: "https://mcp.test/mcp",
  audience: "https://mcp.test/mcp",
};

/** What clients of the desk know. */
export const SECRET = "a secret of thirty-two characters";
export const REDIRECT = "https://client.test/callback";
/** What grants of this desk note of its sign-in. */
export const EPOCH: string = await epochOf(entrance.signIn);
/** PKCE: the verifier and the challenge of RFC 7636 appendix B. */
export const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
export const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/** A public client, one with a secret, one that acts for itself, and one that gets no refresh tokens. */
export const CLIENTS: readonly PreRegistered[] = [
  { client_id: "cli", client_name: "Public", redirect_uris: [REDIRECT] },
  {
    client_id: "web",
    client_name: "Confidential",
    redirect_uris: [REDIRECT],
    client_secret_sha256: await digest(SECRET),
  },
  {
    client_id: "machine",
    client_name: "Machine",
    redirect_uris: [],
    client_secret_sha256: await digest(SECRET),
    grant_types: ["client_credentials"],
    scope: "read",
  },
  { client_id: "once", client_name: "Once", redirect_uris: [REDIRECT], grant_types: ["authorization_code"] },
];

export interface TestDesk extends Desk {
  /** The grants whose sessions and streams were ended since the desk was made. */
  readonly closed: readonly string[];
}

export function deskOf(changes: Partial<Settings> = {}, parts: Partial<Desk> & { hooks?: Hooks } = {}): TestDesk {
  const { hooks, ...others } = parts;
  const before = closed.length;
  return {
    ring: ringOf("a"),
    grants: countedNamespace(bindings.GRANT),
    accounts: countedNamespace(bindings.ACCOUNT),
    settings: {
      serverName: "Test",
      scopes: { read: { description: "Read" }, write: { description: "Write" } },
      clients: CLIENTS,
      documents: true,
      host: new URL(place.issuer).hostname,
      codeSeconds: 60,
      accessSeconds: 900,
      refreshSeconds: 3600,
      graceSeconds: 10,
      strict: false,
      ...changes,
    },
    entrance: hooks === undefined ? entrance : { ...entrance, hooks },
    limiter: undefined,
    get closed() {
      return closed.slice(before);
    },
    ...others,
  };
}

/** What a grant is opened with unless a test says otherwise. */
export const TERMS: Omit<Terms, "properties"> = {
  client: "cli",
  clientName: "Public",
  subject: "ada",
  scopes: ["read", "write"],
  resource: place.resource,
  redirectUri: REDIRECT,
  challenge: CHALLENGE,
  epoch: EPOCH,
};

/** A grant as consent leaves it: its id and its code. */
export async function openGrant(desk: Desk, changes: Partial<Terms> = {}): Promise<{ id: string; code: string }> {
  const objectId = desk.grants.newUniqueId();
  const id = objectId.toString();
  const properties = await seal(desk.ring, "properties", { shoe: "42" }, id);
  const opened = await desk.grants.get(objectId).open({ ...TERMS, properties, ...changes }, desk.settings);
  if (!opened) throw new Error("The grant did not open");
  return { id, code: await sign(desk.ring, "code", id) };
}

/** A POST of a form, as clients send it; `basic`: id and secret of a client that says them by HTTP Basic. */
export function post(path: string, form: Record<string, string>, basic?: readonly [string, string]): Request {
  const headers = new Headers();
  if (basic !== undefined) headers.set("authorization", `Basic ${btoa(basic.join(":"))}`);
  return new Request(`${place.issuer}${path}`, { method: "POST", headers, body: new URLSearchParams(form) });
}

/** What `action` cost in object requests, written rows and objects woken. */
export async function cost<T>(action: () => Promise<T>): Promise<{ value: T; cost: Costs }> {
  const before = { ...costs };
  const value = await action();
  const spent = (name: keyof Costs): number => costs[name] - before[name];
  return { value, cost: { requests: spent("requests"), rows: spent("rows"), births: spent("births") } };
}

/** Lets `seconds` pass for a grant: every time in its row moves into the past. */
export async function age(id: string, seconds: number): Promise<void> {
  await runInDurableObject(grantStub(id), (_, { storage }) => {
    const row = storage.kv.get<GrantRow>("grant");
    if (row === undefined) throw new Error("There is no grant to age");
    const [since, used, expires] = [row.since, row.used, row.expires].map((time) => time - seconds * 1000);
    storage.kv.put("grant", { ...row, since, used, expires });
  });
}

/** The object itself, uncounted. */
export function grantStub(id: string): DurableObjectStub<GrantObject<unknown>> {
  return bindings.GRANT.get(bindings.GRANT.idFromString(id));
}

/** Every way to spoil a token: what is left must not pass for anything. */
export function spoil(token: string): string[] {
  const middle = Math.floor(token.length / 2);
  const flip = (at: number): string => token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
  const cuts = [token.slice(0, -1), token.slice(1), token.slice(0, middle), token.slice(0, token.lastIndexOf("."))];
  return [...cuts, flip(0), flip(3), flip(middle), flip(token.length - 6), `${token}A`, `x${token}`, `${token}.`];
}
