/**
 * How people come into this server: one of three sign-ins, chosen by SIGN_IN. A fork keeps the one it needs, or writes
 * its own; `hooks` is where it hears of sign-ins, tokens and revocations. Refuses to start when a setting is missing.
 */

import type { Entrance } from "../oauth/desk.ts";
import type { SignIn } from "../oauth/sign-in.ts";
import { pages } from "./pages.ts";
import { apiKey } from "./sign-in/api-key.ts";
import { openId } from "./sign-in/openid.ts";
import { passphrase } from "./sign-in/passphrase.ts";

export interface AppEnv {
  /** "passphrase" (when empty), "api-key" or "openid". */
  readonly SIGN_IN?: string;
  /** What `make passphrase` prints. A secret. */
  readonly PASSPHRASE?: string;
  /** The service whose keys are taken: its name, the URL that says whose a key is, and where in its answer. */
  readonly UPSTREAM_NAME?: string;
  readonly UPSTREAM_URL?: string;
  readonly UPSTREAM_ACCOUNT?: string;
  /** The OpenID Connect provider, and this server's registration there. The last one is a secret. */
  readonly OPENID_NAME?: string;
  readonly OPENID_ISSUER?: string;
  readonly OPENID_CLIENT_ID?: string;
  readonly OPENID_CLIENT_SECRET?: string;
}

export function entrance(env: AppEnv): Entrance {
  return { pages, signIn: chooseSignIn(env) };
}

function chooseSignIn(env: AppEnv): SignIn {
  const need = (name: keyof AppEnv): string => {
    const value = env[name];
    if (value === undefined || value === "") throw new Error(`Configuration: ${name} is missing: sign-in needs it`);
    return value;
  };
  switch (env.SIGN_IN ?? "") {
    case "":
    case "passphrase":
      return passphrase(need("PASSPHRASE"));
    case "api-key":
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
