/**
 * Parameters of OAuth requests: a query, or an application/x-www-form-urlencoded body.
 * RFC 6749 sections 3.1 and 3.2: a parameter without a value counts as absent, none may appear twice.
 * Refuses what is too large before it is parsed. What a parameter says is left to whoever asked for it.
 */

import { ok, type Result } from "../base/result.ts";
import { readBody } from "../wire/body.ts";
import { isMediaType } from "../wire/media-type.ts";
import { oauthError, type OAuthError, type OAuthFailure } from "./errors.ts";

export type Params = ReadonlyMap<string, string>;

/** The refusal of a request that lacks `parameter`. */
export function missingParameter(parameter: string): OAuthFailure {
  return oauthError("invalid_request", `${parameter}.absent`, `${parameter} is needed`);
}

/** Bytes of a form, and characters of a query: client ids that hold metadata are the largest part. */
export const MAX_PARAMS_BYTES = 16_384;

/** `resource` alone may be repeated, as long as it says the same: a token is for one (RFC 8707 section 2). */
export function readParams(text: string): Result<Params, OAuthError> {
  if (text.length > MAX_PARAMS_BYTES)
    return oauthError("invalid_request", "params.large", "The request is too large");
  const params = new Map<string, string>();
  // spec: authorize.empty.absent, authorize.unknown.ignored, token.empty.absent, token.unknown.ignored
  for (const [parameter, value] of new URLSearchParams(text)) {
    if (value === "" || (parameter === "resource" && params.get(parameter) === value)) continue;
    // spec: authorize.repeated, token.repeated
    if (params.has(parameter))
      return oauthError(
        parameter === "resource" ? "invalid_target" : "invalid_request",
        "params.repeated",
        "A parameter appears twice",
      );
    params.set(parameter, value);
  }
  return ok(params);
}

/** The body of a POST to an OAuth endpoint. */
export async function readForm(http: Request): Promise<Result<Params, OAuthError>> {
  if (!isMediaType(http.headers.get("content-type"), "application/x-www-form-urlencoded"))
    return oauthError(
      "invalid_request",
      "params.type",
      "Content-Type must be application/x-www-form-urlencoded",
    );
  const body = await readBody(http, MAX_PARAMS_BYTES);
  if (!body.ok)
    return oauthError("invalid_request", "params.large", "The request is too large or not UTF-8");
  return readParams(body.value);
}
