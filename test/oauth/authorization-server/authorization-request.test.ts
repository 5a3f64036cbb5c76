/** The largest request that is taken still fits the cookie in which it waits while a person is at their provider. */

import { describe, expect, it } from "vitest";
import { isWithinBytes } from "../../../src/base/bytes.ts";
import { parseAuthorizationRequest } from "../../../src/oauth/authorization-server/authorization-request.ts";
import {
  sealForBrowser,
  writeCookie,
} from "../../../src/oauth/authorization-server/browser-session.ts";
import type { Client } from "../../../src/oauth/clients/types.ts";
import {
  CHALLENGE,
  createAuthorizationServer,
  identifiers,
  REDIRECT,
} from "../authorization-server.ts";

/** Bytes of a cookie, its name included, that every browser keeps (RFC 6265 section 6.1). */
const MAX_COOKIE_BYTES = 4_096;

const authServer = createAuthorizationServer();

function clientOf(key: string, redirectUri: string): Client {
  return {
    id: "cli",
    key,
    name: "n".repeat(100),
    metadataHost: "client.test",
    redirectUris: [redirectUri],
    grantTypes: ["authorization_code"],
    scopes: undefined,
    defaultScopes: undefined,
    auth: { method: "none" },
  } as unknown as Client;
}

/** The cookie of the request with this `state`; undefined where it is refused. */
async function cookieOf(
  state: string,
  key: string,
  redirectUri: string,
): Promise<string | undefined> {
  const query = new URLSearchParams({
    response_type: "code",
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
    state,
  });
  const parsed = parseAuthorizationRequest(
    query.toString(),
    clientOf(key, redirectUri),
    redirectUri,
    identifiers,
    authServer.settings,
  );
  if (!parsed.ok) {
    expect(parsed.error.reason).toBe("request.large");
    return undefined;
  }
  const login = {
    pendingLogin: {
      request: parsed.value,
      grant: "f".repeat(64),
      expiresAt: Date.now() + 900_000,
      forcesSignIn: false,
      staysSignedIn: false,
    },
    upstreamState: { nonce: "n".repeat(43), verifier: "v".repeat(43) },
  };
  const sealed = await sealForBrowser(
    { authServer, id: "i".repeat(44) },
    "upstream-login",
    login,
    login.pendingLogin.expiresAt,
  );
  return writeCookie(identifiers, `-${"s".repeat(22)}`, sealed, 900).split(";")[0];
}

describe("the largest request that is taken fits its cookie, where", () => {
  it.each([
    ["its state is letters", "x", "dcr:client", REDIRECT],
    ["its state is quotes, as of JSON", '"', "dcr:client", REDIRECT],
    ["its state is control characters", "\u0001", "dcr:client", REDIRECT],
    ["its state is Chinese", "語", "dcr:client", REDIRECT],
    [
      "its client is known by a long URL",
      "x",
      `https://client.test/${"c".repeat(1_000)}`,
      REDIRECT,
    ],
    ["its redirect URI is long", "x", "dcr:client", `https://client.test/${"r".repeat(1_800)}`],
  ])("%s", async (_, character, key, redirectUri) => {
    let [taken, refused] = [0, 2_500];
    let largest: string | undefined;
    while (refused - taken > 1) {
      const length = (taken + refused) >> 1;
      const cookie = await cookieOf(character.repeat(length), key, redirectUri);
      if (cookie === undefined) refused = length;
      else [taken, largest] = [length, cookie];
    }
    expect(isWithinBytes(largest ?? "x".repeat(MAX_COOKIE_BYTES + 1), MAX_COOKIE_BYTES)).toBe(true);
    expect(taken).toBeGreaterThan(100);
  });
});
