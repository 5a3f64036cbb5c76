/** What a sign-in by key leaves behind: a key in the vault, once, when its owner agreed, and nowhere else. */

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createLoginOptions } from "../../src/app/auth.ts";
import { CREDENTIAL_ID } from "../../src/oauth/sign-in/api-key.ts";
import { encodeBase64url, encodeUtf8 } from "../../src/base/bytes.ts";
import { ownerKey } from "../../src/base/caller.ts";
import { verifyText } from "../../src/crypto/hmac.ts";
import { sha256Base64url, open } from "../../src/crypto/seal.ts";
import { accountObjectName } from "../../src/oauth/authorization-server/account-object.ts";
import { createSettings } from "../../src/base/settings.ts";
import type { Platform } from "../../src/server/feature.ts";
import { buildServer } from "../../src/server/registry.ts";
import { ringOf } from "../crypto/keys.ts";
import { db, makeTables, vault } from "../vault/database.ts";
import {
  createAuthorizationServer,
  grantStub,
  identifiers,
} from "../oauth/authorization-server.ts";
import {
  authorizeUrl,
  createBrowser,
  type BrowserPage,
  type TestBrowser,
} from "../oauth/browser.ts";

const SIGN_IN = "/authorize/sign-in";
const CONSENT = "/authorize/consent";
const SERVICE = "https://api.upstream.test/me";
const settings = {
  SIGN_IN: "api-key",
  UPSTREAM_NAME: "Upstream",
  UPSTREAM_URL: SERVICE,
  VAULT: db,
};
/** What the app's login is made from: the vault's key ring, and its database where there is one. */
const platformWith = (bound: object): Platform => ({
  server: buildServer({ info: { name: "s", version: "1" } }),
  ring: ringOf("a"),
  settings: createSettings(bound),
});
const desk = createAuthorizationServer(
  {},
  { login: createLoginOptions(settings, platformWith({ VAULT: db })) },
);
let count = 0;

beforeAll(makeTables);
afterEach(() => vi.restoreAllMocks());

/** The consent page of an account that no other test knows, after its owner pasted `key`. */
async function paste(
  at: TestBrowser,
  account: number,
  key: string,
  more: Record<string, string> = {},
): Promise<BrowserPage> {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ id: account }));
  const { hidden } = await at.request(authorizeUrl({ prompt: "login" }));
  return at.request(SIGN_IN, { ...hidden, key, ...more });
}

const decide = (at: TestBrowser, { hidden }: BrowserPage, decision: string): Promise<BrowserPage> =>
  at.request(CONSENT, { ...hidden, decision });

/** The key that the vault holds for the account. */
async function kept(account: number): Promise<unknown> {
  const subject = await sha256Base64url(JSON.stringify([SERVICE, account]));
  const found = await vault.get({
    owner: ownerKey({ issuer: identifiers.issuer, subject }),
    ...CREDENTIAL_ID,
  });
  return found.ok ? found.value?.reveal() : found.error;
}

describe("a key that somebody signed in with", () => {
  it("is in the vault once they agreed, and in no grant", async () => {
    const [at, account] = [createBrowser(desk), ++count];
    const shown = await paste(at, account, "first-key-123");
    expect(await kept(account)).toBeUndefined();
    const { to } = await decide(at, shown, "allow");
    expect(await kept(account)).toEqual({ kind: "key", key: "first-key-123" });
    const id = (await verifyText(desk.ring, "code", to?.searchParams.get("code") ?? "")) ?? "";
    const properties = (await grantStub(id).status())?.terms.properties ?? "";
    expect(await open(desk.ring, "properties", properties, id)).toEqual({ ok: true, value: {} });
  });

  it("is not kept by whoever goes back after a no, nor over a newer one by a form that was answered", async () => {
    const [at, account] = [createBrowser(desk), ++count];
    const denied = await paste(at, account, "old-key-12345");
    await decide(at, denied, "deny");
    expect((await decide(at, denied, "allow")).status).toBe(400);
    expect(await kept(account)).toBeUndefined();
    const first = await paste(at, account, "old-key-12345");
    await decide(at, first, "allow");
    await decide(at, await paste(at, account, "new-key-12345"), "allow");
    for (const answered of [denied, first])
      expect((await decide(at, answered, "allow")).status).toBe(400);
    expect(await kept(account)).toEqual({ kind: "key", key: "new-key-12345" });
  });

  it("is not brought again by a browser that is kept signed in", async () => {
    const [at, account] = [createBrowser(desk), ++count];
    await decide(at, await paste(at, account, "revoked-key-1", { remember: "on" }), "allow");
    const elsewhere = createBrowser(desk);
    await decide(elsewhere, await paste(elsewhere, account, "good-key-1234"), "allow");
    const again = await at.request(authorizeUrl());
    expect(again.html).toContain(`Upstream account ${account}`);
    expect((await decide(at, again, "allow")).to?.searchParams.has("code")).toBe(true);
    expect(await kept(account)).toEqual({ kind: "key", key: "good-key-1234" });
  });

  it("is in no cookie, not even sealed: a browser that was remembered with one is asked again", async () => {
    const [at, account] = [createBrowser(desk), ++count];
    const without = (await paste(at, account, "k".repeat(10), { remember: "on" })).headers
      .getSetCookie()
      .join().length;
    const long = await paste(createBrowser(desk), account, "k".repeat(500), { remember: "on" });
    expect(long.headers.getSetCookie().join().length).toBe(without);
    expect(desk.login.signIn.epoch).not.toBe(`api-key ${SERVICE}`);
  });

  it("that cannot be kept leaves no grant behind", async () => {
    const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const broken = createAuthorizationServer(
      {},
      { login: createLoginOptions(settings, platformWith({})) },
    );
    const at = createBrowser(broken);
    const shown = await paste(at, ++count, "first-key-123");
    const { status, html } = await decide(at, shown, "allow");
    expect(status).toBe(400);
    expect(html).toContain("Your key cannot be kept at the moment");
    expect(lines).toHaveBeenCalledOnce();
    const subject = await sha256Base64url(JSON.stringify([SERVICE, count]));
    const ids = await broken.accounts.getByName(await accountObjectName(subject)).grants();
    expect(ids).toHaveLength(1);
    expect(await Promise.all(ids.map(async (id) => grantStub(id).status()))).toEqual(
      ids.map(() => undefined),
    );
  });
});

/** A passphrase as the setting holds it. */
async function stored(text: string): Promise<string> {
  const salt = encodeUtf8("sixteen bytes of");
  const key = await crypto.subtle.importKey("raw", encodeUtf8(text), "PBKDF2", false, [
    "deriveBits",
  ]);
  const bits = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: 1_000 },
    key,
    256,
  );
  return `pbkdf2-sha256:1000:${encodeBase64url(salt)}:${encodeBase64url(new Uint8Array(bits))}`;
}

it("where people bring no key, a double click on Allow gets the same answer", async () => {
  const login = createLoginOptions(
    { PASSPHRASE: await stored("korrekt pferd") },
    platformWith({ VAULT: db }),
  );
  const at = createBrowser(createAuthorizationServer({}, { login }));
  const { hidden } = await at.request(authorizeUrl());
  const shown = await at.request(SIGN_IN, { ...hidden, passphrase: "korrekt pferd" });
  const [first, second] = [await decide(at, shown, "allow"), await decide(at, shown, "allow")];
  expect(first.to?.searchParams.has("code")).toBe(true);
  expect([second.status, second.to?.href]).toEqual([303, first.to?.href]);
});
