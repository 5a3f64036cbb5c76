/** Clients that leave before the answer: what their requests have begun comes to its end. */

import { exports } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { GrantObject } from "../../src/oauth/authorization-server/grant-object.ts";
import { issuerKey, signJws, type IssuerKey } from "../oauth/issuer.ts";
import {
  authorizeUrl,
  browse,
  ENDPOINT,
  fetchGuarded,
  hiddenFields,
  ORIGIN,
  REDIRECT_URI,
  redeemCode,
  registerClient,
  signIn,
  submitDecision,
  tokenRequest,
} from "../oauth/login-flow.ts";
import { ageGrant, VERIFIER } from "../oauth/authorization-server.ts";

const outside = (exports as unknown as { outside: Fetcher }).outside;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Posts the form, and leaves after `ms` milliseconds without an answer. */
async function postAndLeave(
  path: string,
  form: Record<string, string>,
  ms: number,
  headers: Record<string, string> = {},
): Promise<void> {
  const body = new URLSearchParams(form);
  const signal = AbortSignal.timeout(ms);
  const answer = fetchGuarded(ORIGIN + path, { method: "POST", body, headers, signal });
  await expect(answer).rejects.toThrow(/abort|time/);
}

/** A client's document at any address, which takes `delayMs` milliseconds, and is read each time. */
function serveClientDocument(delayMs: () => number): void {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    await pause(delayMs());
    const document = {
      client_id: new Request(input).url,
      client_name: "App",
      redirect_uris: [REDIRECT_URI],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    };
    return Response.json(document, { headers: { "cache-control": "no-store" } });
  });
}

it(
  "whoever ends all access and closes the page has ended all of it",
  { timeout: 60_000 },
  async () => {
    const client = await registerClient();
    const refreshTokens: string[] = [];
    const begun = await browse(undefined, authorizeUrl(client));
    const fields = { name: "leaves early", word: "open", remember: "1" };
    let browser = await browse(begun, "/authorize/sign-in", { ...hiddenFields(begun), ...fields });
    for (let grant = 1; grant <= 5; grant += 1) {
      const answer = await submitDecision(browser, "allow");
      refreshTokens.push((await redeemCode(client, answer.get("code") ?? "")).refresh_token);
      browser = await browse(browser, authorizeUrl(client));
      browser = await browse(browser, browser.page.headers.get("location") ?? "");
    }
    const account = await browse(browser, "/account");
    const cookie = [...account.cookies].map((pair) => pair.join("=")).join("; ");
    type Revoke = (this: GrantObject, client?: string) => ReturnType<GrantObject["revoke"]>;
    const revoke: Revoke = Reflect.get(GrantObject.prototype, "revoke");
    let ended = 0;
    vi.spyOn(GrantObject.prototype, "revoke").mockImplementation(async function (
      this: GrantObject,
      client,
    ) {
      await pause(200);
      const result = await revoke.call(this, client);
      ended += 1;
      return result;
    });
    await postAndLeave("/account", { ...hiddenFields(account), all: "1" }, 300, {
      cookie,
      origin: ORIGIN,
    });
    expect(ended).toBeLessThan(5);
    await vi.waitUntil(() => ended === 5, 20_000);
    const refreshed = await Promise.all(
      refreshTokens.map(async (refresh_token) => {
        const form = { grant_type: "refresh_token", refresh_token, client_id: client };
        return (await tokenRequest(form)).status;
      }),
    );
    expect(refreshed).toEqual([400, 400, 400, 400, 400]);
  },
);

it("whoever revokes a token and leaves has ended its grant, however long its document takes", async () => {
  const id = "https://early.example.com/revokes.json";
  let documentMs = 0;
  serveClientDocument(() => documentMs);
  const answer = await submitDecision(await signIn(authorizeUrl(id), "revokes"), "allow");
  const { refresh_token: token } = await redeemCode(id, answer.get("code") ?? "");
  documentMs = 600;
  await postAndLeave("/revoke", { token, client_id: id }, 200);
  await pause(1_500);
  documentMs = 0;
  const form = { grant_type: "refresh_token", refresh_token: token, client_id: id };
  expect((await tokenRequest(form)).status).toBe(400);
});

it.each(["code", "refresh token"])(
  "whoever leaves before anything is spent may send the same %s again",
  { timeout: 20_000 },
  async (kind) => {
    const id = `https://early.example.com/${kind === "code" ? "code" : "token"}.json`;
    let documentMs = 0;
    serveClientDocument(() => documentMs);
    const answer = await submitDecision(await signIn(authorizeUrl(id), `early ${kind}`), "allow");
    const code = answer.get("code") ?? "";
    const { refresh_token = "" } = kind === "code" ? {} : await redeemCode(id, code);
    const form: Record<string, string> =
      kind === "code"
        ? {
            grant_type: "authorization_code",
            code,
            redirect_uri: REDIRECT_URI,
            code_verifier: VERIFIER,
            client_id: id,
          }
        : { grant_type: "refresh_token", refresh_token, client_id: id };
    documentMs = 600;
    await postAndLeave("/token", form, 200);
    await pause(1_500);
    documentMs = 0;
    // Later than a refresh token that was spent may be sent again.
    if (kind !== "code") await ageGrant(refresh_token.split(".")[1] ?? "", 1_200);
    expect((await tokenRequest(form)).status).toBe(200);
  },
);

it("a forged assertion whose sender leaves keeps nobody at the old keys of a client", async () => {
  const [old, current, forged] = [
    await issuerKey("EdDSA", "old"),
    await issuerKey("EdDSA", "current"),
    await issuerKey("EdDSA", "forged"),
  ];
  const id = "https://leaves.example.com/client.json";
  let keys = [old.jwk];
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    if (new Request(input).url === id)
      return Response.json({
        client_id: id,
        client_name: "App",
        redirect_uris: ["https://leaves.example.com/callback"],
        token_endpoint_auth_method: "private_key_jwt",
        jwks_uri: "https://leaves.example.com/keys",
      });
    await pause(300);
    return Response.json({ keys });
  });
  const form = async (key: IssuerKey): Promise<Record<string, string>> => {
    const iat = Math.floor(Date.now() / 1_000);
    const payload = { iss: id, sub: id, aud: ORIGIN, jti: crypto.randomUUID(), iat, exp: iat + 60 };
    return {
      grant_type: "refresh_token",
      refresh_token: "nobody's",
      client_id: id,
      client_assertion: await signJws(key, payload, {}),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    };
  };
  /** "invalid_grant": the client was let in, and its refresh token is none. */
  const error = async (key: IssuerKey): Promise<string> =>
    (await (await tokenRequest(await form(key))).json<{ error: string }>()).error;

  expect(await error(old)).toBe("invalid_grant");
  keys = [current.jwk];
  vi.setSystemTime(Date.now() + 60_000);
  await postAndLeave("/token", await form(forged), 100);
  await pause(1_000);
  expect(await error(current)).toBe("invalid_grant");
  vi.setSystemTime(Date.now() + 60_000);
  expect(await error(old)).toBe("invalid_client");
});

it("a forged token whose sender leaves keeps nobody at the old address of an issuer's keys", async () => {
  const [old, current] = [await issuerKey("EdDSA", "old"), await issuerKey("EdDSA", "current")];
  const issuer = "https://issuer.example.com";
  let hasMoved = false;
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    await pause(300);
    switch (new Request(input).url.slice(issuer.length)) {
      case "/.well-known/oauth-authorization-server":
        return Response.json({ issuer, jwks_uri: `${issuer}/${hasMoved ? "new" : "old"}` });
      case "/old":
        return hasMoved ? new Response("No", { status: 404 }) : Response.json({ keys: [old.jwk] });
      case "/new":
        return Response.json({ keys: [current.jwk] });
      default:
        return new Response("No", { status: 404 });
    }
  });
  const call = async (key: IssuerKey, kid: string, signal: AbortSignal | null): Promise<number> => {
    const iat = Math.floor(Date.now() / 1_000);
    const claims = { iss: issuer, aud: ENDPOINT, sub: "ada", client_id: "app", iat, exp: iat + 60 };
    const token = await signJws(key, claims, { typ: "at+jwt", kid });
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
    return (await outside.fetch(ENDPOINT, { method: "POST", headers, body, signal })).status;
  };
  const good = async (key: IssuerKey): Promise<number> => call(key, key.jwk["kid"] as string, null);
  const takenStatus = await good(old);
  expect(takenStatus).not.toBe(401);
  hasMoved = true;
  // The metadata are looked at hourly.
  vi.setSystemTime(Date.now() + 3_700_000);
  await expect(call(current, "nobody's", AbortSignal.timeout(100))).rejects.toThrow(/abort|time/);
  await pause(1_500);
  expect(await good(current)).toBe(takenStatus);
});
