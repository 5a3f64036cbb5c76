/** What the tests of clients share: a desk without pages, documents at https URLs, and signed assertions. */

import { vi } from "vitest";
import { encodeBase64url, encodeUtf8 } from "../../../src/base/bytes.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { KeyRing } from "../../../src/crypto/key-ring.ts";
import type { AccountObject } from "../../../src/oauth/authorization-server/account-object.ts";
import type { AuthorizationServer } from "../../../src/oauth/authorization-server/types.ts";
import type { ConfiguredClient } from "../../../src/oauth/settings.ts";
import { registrationEndpoint } from "../../../src/oauth/clients/register.ts";
import type { ServerIdentifiers } from "../../../src/base/identifiers.ts";
import { ringOf } from "../../crypto/keys.ts";
import { createAuthorizationServer } from "../authorization-server.ts";

export const IDENTIFIERS: ServerIdentifiers = {
  issuer: "https://mcp.example.com",
  resource: "https://mcp.example.com/mcp",
  audience: "https://mcp.example.com/mcp",
};

/** A desk of two scopes. `asked` holds the names of the account objects that were asked for. */
export function recordingAuthorizationServer(
  clients: readonly ConfiguredClient[] = [],
  ring: KeyRing = ringOf("k"),
): RecordingAuthorizationServer {
  const desk = createAuthorizationServer({ clients }, { ring });
  const asked: string[] = [];
  const getByName = (name: string): DurableObjectStub<AccountObject> => {
    asked.push(name);
    return desk.accounts.getByName(name);
  };
  return {
    ...desk,
    accounts: { getByName } as unknown as AuthorizationServer["accounts"],
    requestedAccounts: asked,
  };
}

export type RecordingAuthorizationServer = AuthorizationServer & {
  readonly requestedAccounts: readonly string[];
};

export function registrationRequest(
  body: JsonObject | string,
  headers: Record<string, string> = {},
): Request {
  return new Request(`${IDENTIFIERS.issuer}/register`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Registers and returns the answer's members. */
export async function registerClient(
  desk: AuthorizationServer,
  metadata: JsonObject,
): Promise<Record<string, string>> {
  return (await registrationEndpoint(desk, registrationRequest(metadata))).json();
}

/** Serves `answers` by URL to everything that fetches until the test ends; other URLs cannot be reached. Returns what was asked. */
export function serveResponses(answers: Record<string, () => Response>): string[] {
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation((input) => {
    const url = input instanceof Request ? input.url : String(input);
    asked.push(url);
    const answer = answers[url];
    return answer === undefined
      ? Promise.reject(new TypeError("unreachable"))
      : Promise.resolve(answer());
  });
  return asked;
}

export interface AssertionSigner {
  readonly jwk: JsonObject;
  /** A JWT of `claims`; `header` overlays alg and kid. */
  sign(claims: JsonObject, header?: JsonObject): Promise<string>;
}

/** A fresh ES256 key. */
export async function createAssertionSigner(kid: string = "one"): Promise<AssertionSigner> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = (await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const { x = "", y = "" } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as JsonWebKey;
  return {
    jwk: { kty: "EC", crv: "P-256", x, y, kid },
    async sign(claims, header = {}) {
      const parts = [{ alg: "ES256", kid, ...header }, claims].map((part) =>
        encodeBase64url(encodeUtf8(JSON.stringify(part))),
      );
      const signature = await crypto.subtle.sign(
        algorithm,
        pair.privateKey,
        encodeUtf8(parts.join(".")),
      );
      return `${parts.join(".")}.${encodeBase64url(new Uint8Array(signature))}`;
    },
  };
}
