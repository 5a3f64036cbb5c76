/**
 * Sign-in by an API key of an upstream service: who holds a key that the service takes is the account that the key
 * belongs to, the same one with every key. It travels sealed until consent, and is then kept in the vault for tools to use.
 * Trusts the configured URL to answer only with the account of the key it was sent. Wrong keys count against nobody:
 * they cannot be guessed, and the platform limits addresses.
 */

import type { JsonValue } from "../../base/json.ts";
import { isObject } from "../../base/json.ts";
import { digest } from "../../crypto/seal.ts";
import { fetchTrusted } from "../../net/fetch.ts";
import type { SignIn, Step } from "../../oauth/sign-in.ts";

/** Its settings. */
export interface KeyedServiceEnv {
  /** "passphrase" (when empty), "api-key" or "openid". */
  readonly SIGN_IN?: string;
  /** The service whose keys are taken: its name, the URL that says whose a key is, and where in its answer. */
  readonly UPSTREAM_NAME?: string;
  readonly UPSTREAM_URL?: string;
  readonly UPSTREAM_ACCOUNT?: string;
}

/** Where the vault keeps the key: handlers ask for `context.vault.get(UPSTREAM.service, UPSTREAM.name)`. */
export const UPSTREAM = { service: "upstream", name: "key" } as const;

export interface KeyedService {
  /** As people know it. */
  readonly name: string;
  /** Answers a GET that carries the key as a bearer token with a JSON object about the account. */
  readonly url: string;
  /** Where its lasting id stands in that object: "id", or "data.account.id". */
  readonly account: string;
}

/** The service of the settings; undefined where people sign in otherwise. */
export function keyedService({
  SIGN_IN,
  UPSTREAM_NAME,
  UPSTREAM_URL,
  UPSTREAM_ACCOUNT,
}: KeyedServiceEnv): KeyedService | undefined {
  if (SIGN_IN !== "api-key" || UPSTREAM_NAME === undefined || UPSTREAM_URL === undefined) return undefined;
  return { name: UPSTREAM_NAME, url: UPSTREAM_URL, account: UPSTREAM_ACCOUNT ?? "id" };
}

/** What a header field may carry, and no key is shorter or longer. */
const KEY = /^[\x21-\x7e]{8,512}$/;
const LIMITS = { accept: "application/json", maxBytes: 65_536, timeoutMs: 5_000 };

export function apiKey(service: KeyedService): SignIn {
  const { name, url } = service;
  return {
    title: "Sign in with an API key",
    fields: [{ name: "key", label: `${name} API key`, type: "password", autocomplete: "off" }],
    // People whom another service vouched for are not kept signed in.
    // The number: sign-ins of the first kind were remembered with their key.
    epoch: `api-key 2 ${url}`,
    async submit(_visit, input) {
      // 1. What was pasted can be a key.
      const key = (input.get("key") ?? "").trim();
      if (!KEY.test(key)) return wrong("malformed", "That does not look like an API key.");
      // 2. The service takes it.
      const answer = await fetchTrusted(url, { ...LIMITS, headers: { authorization: `Bearer ${key}` } });
      const away = `${name} cannot be reached. Try again in a minute.`;
      if (!answer.ok) return wrong(answer.error, away);
      const { status, json } = answer.value;
      if (status >= 500) return wrong("unavailable", away);
      if (status === 401 || status === 403) return wrong("refused", `${name} does not accept this key.`);
      // 3. The service says whose it is.
      const id = status === 200 && json !== undefined ? memberAt(json, service.account) : undefined;
      if ((typeof id !== "string" && typeof id !== "number") || id === "")
        return wrong("unknown_account", `${name} does not say whose key this is.`);
      const subject = await digest(JSON.stringify([url, id]));
      return {
        kind: "known",
        subject,
        name: `${name} account ${id}`,
        properties: {},
        credential: { kind: "key", key },
      };
    },
  };
}

function wrong(reason: string, message: string): Step {
  return { kind: "wrong", reason: `api_key.${reason}`, message };
}

export function memberAt(value: JsonValue, path: string): JsonValue | undefined {
  return path
    .split(".")
    .reduce<JsonValue | undefined>(
      (at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
      value,
    );
}
