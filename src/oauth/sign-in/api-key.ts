/**
 * Sign-in by an API key of an upstream service: who holds a key that the service takes is the account that the key
 * belongs to, the same one with every key. It travels sealed until consent, and is then kept in the vault for tools to use.
 * Trusts the configured URL to answer only with the account of the key it was sent. Wrong keys count against nobody:
 * they cannot be guessed, and the platform limits addresses.
 */

import { type JsonValue, isObject } from "../../base/json.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import { fetchConfigured, isTemporary, JSON_LIMITS, successJson } from "../../net/fetch.ts";
import type { SignInMethod, SignInResult } from "./types.ts";

/** Its settings. */
export interface ApiKeyServiceEnv {
  /** "passphrase" (when empty), "api-key" or "openid". */
  readonly SIGN_IN?: string;
  /** The service whose keys are taken: its name, the URL that says whose a key is, and where in its answer. */
  readonly UPSTREAM_NAME?: string;
  readonly UPSTREAM_URL?: string;
  readonly UPSTREAM_ACCOUNT?: string;
}

/** Where the vault keeps the key: handlers ask for `context.vault.get(CREDENTIAL_ID.service, CREDENTIAL_ID.name)`. */
export const CREDENTIAL_ID = { service: "upstream", name: "key" } as const;

export interface ApiKeyService {
  /** As people know it. */
  readonly name: string;
  /** Answers a GET that carries the key as a bearer token with a JSON object about the account. */
  readonly url: string;
  /** Where its lasting id stands in that object: "id", or "data.account.id". */
  readonly account: string;
}

/** The service of the settings; undefined where people sign in otherwise. */
export function readApiKeyService({
  SIGN_IN,
  UPSTREAM_NAME,
  UPSTREAM_URL,
  UPSTREAM_ACCOUNT,
}: ApiKeyServiceEnv): ApiKeyService | undefined {
  if (SIGN_IN !== "api-key" || UPSTREAM_NAME === undefined || UPSTREAM_URL === undefined)
    return undefined;
  return { name: UPSTREAM_NAME, url: UPSTREAM_URL, account: UPSTREAM_ACCOUNT ?? "id" };
}

/** What a header field may carry, and no key is shorter or longer. */
const KEY_PATTERN = /^[\x21-\x7e]{8,512}$/;

/** Sign-in by a key of `service`. */
export function apiKey(service: ApiKeyService): SignInMethod {
  const { name, url } = service;
  return {
    title: "Sign in with an API key",
    fields: [{ name: "key", label: `${name} API key`, type: "password", autocomplete: "off" }],
    // People whom another service vouched for are not kept signed in.
    // The number: sign-ins of the first kind were remembered with their key.
    epoch: `api-key 2 ${url}`,
    async submit(_context, input) {
      // 1. What was pasted can be a key.
      const key = (input.get("key") ?? "").trim();
      if (!KEY_PATTERN.test(key)) return rejected("malformed", "That is no API key.");
      // 2. The service takes it.
      const response = await fetchConfigured(url, {
        ...JSON_LIMITS,
        headers: { authorization: `Bearer ${key}` },
      });
      const unreachable = `${name} cannot be reached. Try again in a minute.`;
      if (!response.ok) return rejected(response.error, unreachable);
      if (isTemporary(response)) return rejected("unavailable", unreachable);
      const { status } = response.value;
      if (status === 401 || status === 403)
        return rejected("refused", `${name} does not accept this key.`);
      // 3. The service says whose it is.
      const id = valueAtPath(successJson(response), service.account);
      // Of a number beyond 2^53 the last digits are lost: it would be somebody else's as well.
      const isId = typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id));
      if (!isId || id === "")
        return rejected("unknown_account", `${name} does not say whose key this is.`);
      const subject = await sha256Base64url(JSON.stringify([url, id]));
      return {
        kind: "authenticated",
        subject,
        name: `${name} account ${id}`,
        properties: {},
        credential: { kind: "key", key },
      };
    },
  };
}

function rejected(reason: string, message: string): SignInResult {
  return { kind: "rejected", reason: `api_key.${reason}`, message };
}

/** What stands at `path`, names joined by dots; undefined when there is nothing. */
export function valueAtPath(value: JsonValue | undefined, path: string): JsonValue | undefined {
  return path
    .split(".")
    .reduce<JsonValue | undefined>(
      (current, name) =>
        isObject(current) && Object.hasOwn(current, name) ? current[name] : undefined,
      value,
    );
}
