/** What the tests of clients share: a desk without pages, documents at https URLs, and signed assertions. */

import { vi } from "vitest";
import { base64url, utf8 } from "../../src/base/bytes.ts";
import type { JsonObject } from "../../src/base/json.ts";
import type { KeyRing } from "../../src/crypto/keyring.ts";
import type { Account } from "../../src/oauth/account.ts";
import type { Desk } from "../../src/oauth/desk.ts";
import type { PreRegistered } from "../../src/oauth/settings.ts";
import { register } from "../../src/oauth/register.ts";
import type { Place } from "../../src/oauth/place.ts";
import { ringOf } from "../unit/keys.ts";
import { deskOf } from "./desk.ts";

export const PLACE: Place = {
  issuer: "https://mcp.example.com",
  resource: "https://mcp.example.com/mcp",
  audience: "https://mcp.example.com/mcp",
};

/** A desk of two scopes. `asked` holds the names of the account objects that were asked for. */
export function clientDesk(clients: readonly PreRegistered[] = [], ring: KeyRing = ringOf("k")): ClientDesk {
  const desk = deskOf({ clients }, { ring });
  const asked: string[] = [];
  const getByName = (name: string): DurableObjectStub<Account> => {
    asked.push(name);
    return desk.accounts.getByName(name);
  };
  return { ...desk, accounts: { getByName } as unknown as Desk["accounts"], asked };
}

export type ClientDesk = Desk & { readonly asked: readonly string[] };

export function registering(body: JsonObject | string, headers: Record<string, string> = {}): Request {
  return new Request(`${PLACE.issuer}/register`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Registers and returns the answer's members. */
export async function registered(desk: Desk, metadata: JsonObject): Promise<Record<string, string>> {
  return (await register(desk, registering(metadata))).json();
}

/** Serves `answers` by URL to everything that fetches until the test ends; other URLs cannot be reached. Returns what was asked. */
export function serving(answers: Record<string, () => Response>): string[] {
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation((input) => {
    const url = input instanceof Request ? input.url : String(input);
    asked.push(url);
    const answer = answers[url];
    return answer === undefined ? Promise.reject(new TypeError("unreachable")) : Promise.resolve(answer());
  });
  return asked;
}

export interface Signer {
  readonly jwk: JsonObject;
  /** A JWT of `claims`; `header` overlays alg and kid. */
  sign(claims: JsonObject, header?: JsonObject): Promise<string>;
}

/** A fresh ES256 key. */
export async function signer(kid: string = "one"): Promise<Signer> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const { x = "", y = "" } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as JsonWebKey;
  return {
    jwk: { kty: "EC", crv: "P-256", x, y, kid },
    async sign(claims, header = {}) {
      const parts = [{ alg: "ES256", kid, ...header }, claims].map((part) => base64url(utf8(JSON.stringify(part))));
      const signature = await crypto.subtle.sign(algorithm, pair.privateKey, utf8(parts.join(".")));
      return `${parts.join(".")}.${base64url(new Uint8Array(signature))}`;
    },
  };
}
