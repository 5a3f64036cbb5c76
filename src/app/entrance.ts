/**
 * How people come into this server: one of three sign-ins, chosen by SIGN_IN. A fork keeps the one it needs, or writes
 * its own; `hooks` is where it hears of sign-ins, tokens and revocations. Refuses to start when a setting is missing.
 */

import { ownerKey } from "../base/caller.ts";
import type { JsonObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Entrance } from "../oauth/desk.ts";
import type { SignIn } from "../oauth/sign-in.ts";
import { pages } from "./pages.ts";
import type { AppEnv } from "./settings.ts";
import type { Vault } from "../vault/vault.ts";
import { apiKey, UPSTREAM } from "./sign-in/api-key.ts";
import { openId } from "./sign-in/openid.ts";
import { passphrase } from "./sign-in/passphrase.ts";

export function entrance(env: AppEnv, vault: Vault): Entrance {
  return {
    pages,
    signIn: chooseSignIn(env),
    hooks: { consented: (whose, credential) => keepKey(vault, whose, credential) },
  };
}

/** The key that somebody signed in with goes to the vault when they agree. */
async function keepKey(
  vault: Vault,
  whose: { readonly issuer: string; readonly subject: string },
  credential: JsonObject | undefined,
): Promise<Result<void, string>> {
  if (credential === undefined) return ok(undefined);
  const kept = await vault.put({ owner: ownerKey(whose), ...UPSTREAM }, credential);
  if (kept.ok) return kept;
  log("error", "vault.fault", { ...kept.error });
  return err("Your key cannot be kept at the moment");
}

function chooseSignIn(env: AppEnv): SignIn {
  const need = (name: keyof AppEnv): string => {
    const value = env[name];
    if (typeof value !== "string" || value === "")
      throw new Error(`Configuration: ${name} is missing: sign-in needs it`);
    return value;
  };
  switch (env.SIGN_IN ?? "") {
    case "":
    case "passphrase":
      return passphrase(need("PASSPHRASE"));
    case "api-key":
      if (env.VAULT === undefined)
        throw new Error("Configuration: VAULT is not bound: sign-in by key keeps keys there");
      return apiKey({ name: need("UPSTREAM_NAME"), url: need("UPSTREAM_URL"), account: env.UPSTREAM_ACCOUNT ?? "id" });
    case "openid":
      return openId({
        ...{ name: need("OPENID_NAME"), issuer: need("OPENID_ISSUER") },
        ...{ clientId: need("OPENID_CLIENT_ID"), clientSecret: need("OPENID_CLIENT_SECRET") },
      });
    default:
      throw new Error('Configuration: SIGN_IN must be "passphrase", "api-key" or "openid"');
  }
}
