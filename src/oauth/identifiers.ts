/** The paths of the authorization server's endpoints, and the check of a `resource` (RFC 8707 section 2), as URLs are compared. */

import type { ServerIdentifiers } from "../base/identifiers.ts";
import { ok, type Result } from "../base/result.ts";
import { resourceNames } from "./resource-server/metadata.ts";
import { oauthError, type OAuthError } from "./errors.ts";

// spec: issuer.default.paths
export const PATHS = {
  authorize: "/authorize",
  /** Forms of the sign-in page; upstream providers send people back here. */
  signIn: "/authorize/sign-in",
  consent: "/authorize/consent",
  account: "/account",
  token: "/token",
  register: "/register",
  revoke: "/revoke",
  introspect: "/introspect",
} as const;

/**
 * Checks a `resource` parameter: one of {@link resourceNames}. Absent means the endpoint.
 * URL parsing folds the case of scheme and host, as clients may send them.
 */
export function checkResource(
  value: string | undefined,
  identifiers: ServerIdentifiers,
): Result<void, OAuthError> {
  if (value === undefined) return ok(undefined);
  // spec: authorize.resource.absolute, authorize.resource.fragment, authorize.resource.query
  const href = value.includes("#") ? undefined : URL.parse(value)?.href;
  if (href !== undefined && resourceNames(identifiers).includes(href)) return ok(undefined);
  return oauthError(
    "invalid_target",
    "resource.foreign",
    `resource must be ${identifiers.resource}`,
  );
}
