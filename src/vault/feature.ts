/** The vault as a part of the Worker: callers' credentials for upstream services. Needs the D1 database `VAULT`. */

import { ROTATE_KEYS_PATH } from "../crypto/admin-token.ts";
import type { Feature, Platform } from "../server/feature.ts";
import { vaultMembers } from "./context.ts";
import { rotateKeys } from "./rotate-keys.ts";
import { createVault, type Vault } from "./vault.ts";

/** Its bindings. */
export interface VaultEnv {
  /** The database of credentials. Without it no handler can keep any. */
  readonly VAULT?: D1Database;
}

/** Adds `vault` to Context, and the operator's request that seals everything under a new key. */
export function vault(): Feature {
  return {
    start(platform) {
      const opened = openVault(platform);
      return {
        contextMembers: vaultMembers(opened),
        route: (http, { pathname }) =>
          pathname === ROTATE_KEYS_PATH ? rotateKeys(http, opened, platform.ring) : undefined,
      };
    },
  };
}

/** The vault itself, for what is no handler, such as a hook of signing in. It may name any owner. */
export function openVault({ settings, ring }: Pick<Platform, "settings" | "ring">): Vault {
  return createVault(settings.binding<D1Database>("VAULT"), ring);
}
