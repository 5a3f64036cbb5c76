/**
 * Redirect URIs: which may be registered, and which one a request may use. RFC 6749 section 3.1.2, RFC 8252 section 7,
 * RFC 9700 section 4.1. Allowed are https, http on loopback, and private-use schemes in reverse domain form or of a known
 * editor; every other is refused: browsers open what a scheme stands for, be it by the answer to a faulty request.
 * Looks at raw characters before any parser may repair them. Refuses fragments and user info. Says nothing about who is
 * behind a URI.
 */

import { err, ok, type Result } from "../../base/result.ts";
import type { Client } from "./types.ts";
import { oauthError, type OAuthError } from "../errors.ts";
import { MAX_REDIRECT_URI_CHARACTERS } from "../limits.ts";

/** RFC 3986 section 2 without "#": no white space, control character, quote, backslash or letter beyond ASCII. */
const ALLOWED_CHARACTERS = /^(?:[\w\-.~:/?[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const HTTPS = /^https:\/\/(?:[\w.-]+|\[[\dA-Fa-f:.]+\])(?::\d+)?(?:[/?]|$)/i;
const LOOPBACK = /^(https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d+)?(?=[/?]|$)/i;
/**
 * RFC 8252 section 7.1: a domain name of the app's maker, reversed. The first part is a top-level domain, and not what
 * Windows puts before a dot.
 */
const REVERSE_DOMAIN = /^(?!microsoft\.)[a-z]{2,63}(?:\.[a-z0-9-]+)+:\//i;
/**
 * Editors, which registered before they read RFC 8252: the name of an extension in them, and no query, by which they are
 * told to install or open something.
 */
const EDITOR_SCHEME =
  /^(?:cursor|vscode(?:-insiders)?|vscodium|windsurf|kiro|trae|antigravity|claude):\/\/[\w-]+(?:\.[\w-]+)+(?:\/[^?]*)?$/i;

// spec: redirect.allowed, redirect.absolute, redirect.fragment, redirect.native.options
/** Checks a URI that a client wants to register, whatever kind of application it says it is. */
export function checkRedirectUri(uri: string): Result<void, string> {
  if (uri.length > MAX_REDIRECT_URI_CHARACTERS)
    return err(`is longer than ${MAX_REDIRECT_URI_CHARACTERS} characters`);
  if (!ALLOWED_CHARACTERS.test(uri) || !URL.canParse(uri))
    return err("is not an absolute URI without a fragment");
  if (HTTPS.test(uri) || LOOPBACK.test(uri)) return ok(undefined);
  if (REVERSE_DOMAIN.test(uri) || EDITOR_SCHEME.test(uri)) return ok(undefined);
  return err("must be https, http on loopback, or a private-use scheme in reverse domain form");
}

/** True when the answer goes to a program on the person's own computer, whichever listens there. */
export function isLoopback(uri: string): boolean {
  return LOOPBACK.test(uri);
}

/**
 * The redirect URI of a request: equal to a registered one, character by character. Only the port of http on loopback
 * may differ, because native apps take whichever is free (RFC 8252 section 7.3). May be left out when there is only one.
 */
export function matchRedirectUri(
  client: Client,
  uri: string | undefined,
): Result<string, OAuthError> {
  const [first, ...others] = client.redirectUris;
  const requested = uri ?? (others.length === 0 ? first : undefined);
  if (requested === undefined)
    return oauthError("invalid_request", "redirect.absent", "redirect_uri is needed");
  // spec: redirect.exact, redirect.port, redirect.checked, authorize.redirect.unknown
  const isRegistered = client.redirectUris.some(
    (registered) => withoutPort(registered) === withoutPort(requested),
  );
  // Checked again, because the operator's clients never registered, and because an asked port may be out of range.
  if (isRegistered && checkRedirectUri(requested).ok) return ok(requested);
  return oauthError(
    "invalid_request",
    "redirect.unknown",
    "redirect_uri is not registered for this client",
  );
}

function withoutPort(uri: string): string {
  return uri.startsWith("http:") ? uri.replace(LOOPBACK, "$1") : uri;
}
