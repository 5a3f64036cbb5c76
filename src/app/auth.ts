/**
 * How people come into this server: one of three sign-ins, chosen by SIGN_IN. A fork keeps the one it needs, or writes
 * its own; `hooks` is where it hears of sign-ins, tokens and revocations. Refuses to start when a setting is missing.
 */

import {
  apiKey,
  CREDENTIAL_ID,
  err,
  log,
  ok,
  openId,
  openVault,
  ownerKey,
  passphrase,
  renderPage,
  type JsonObject,
  type LoginOptions,
  type Platform,
  type Result,
  type Settings,
  type SignInMethod,
  type Vault,
} from "../api.ts";
import type { AppEnv } from "./settings.ts";

/** How people sign in to this server, what the pages look like, and what happens at consent. */
export function createLoginOptions(env: AppEnv, platform: Platform): LoginOptions {
  const vault = openVault(platform);
  return {
    renderPage,
    signIn: chooseSignIn(env, platform.settings),
    // Only where there is something to keep: without it a double click on Allow gets the same answer.
    hooks:
      env.SIGN_IN === "api-key"
        ? { onConsent: (owner, credential) => storeCredential(vault, owner, credential) }
        : {},
  };
}

/** The key that somebody signed in with goes to the vault when they agree. */
async function storeCredential(
  vault: Vault,
  owner: { readonly issuer: string; readonly subject: string },
  credential: JsonObject | undefined,
): Promise<Result<void, string>> {
  if (credential === undefined) return ok(undefined);
  const stored = await vault.put({ owner: ownerKey(owner), ...CREDENTIAL_ID }, credential);
  if (stored.ok) return stored;
  log("error", "vault.failed", { ...stored.error });
  return err("Your key cannot be kept at the moment");
}

function chooseSignIn(env: AppEnv, settings: Settings): SignInMethod {
  const requireSetting = (name: keyof AppEnv): string => {
    const value = env[name];
    if (typeof value !== "string" || value === "")
      throw new Error(`Configuration: ${name} is missing: sign-in needs it`);
    return value;
  };
  const requireUrl = (name: keyof AppEnv): string => {
    settings.url(name);
    return requireSetting(name);
  };
  switch (env.SIGN_IN ?? "") {
    case "":
    case "passphrase":
      return passphrase(requireSetting("PASSPHRASE"));
    case "api-key":
      if (env.VAULT === undefined)
        throw new Error("Configuration: VAULT is not bound: sign-in by key needs it");
      return apiKey({
        name: requireSetting("UPSTREAM_NAME"),
        url: requireUrl("UPSTREAM_URL"),
        account: env.UPSTREAM_ACCOUNT ?? "id",
      });
    case "openid":
      return openId({
        name: requireSetting("OPENID_NAME"),
        issuer: requireUrl("OPENID_ISSUER"),
        clientId: requireSetting("OPENID_CLIENT_ID"),
        clientSecret: requireSetting("OPENID_CLIENT_SECRET"),
      });
    default:
      throw new Error('Configuration: SIGN_IN must be "passphrase", "api-key" or "openid"');
  }
}
