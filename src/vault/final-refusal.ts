/** Whether an upstream that gave no access token says that the refresh token is over, in whichever words. */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Upstream } from "./types.ts";

/** RFC 6749 section 5.2; GitHub and HubSpot; Slack; Twitch; OpenID Connect, as Entra says that the person must sign in. */
const FINAL_ERRORS = [
  "invalid_grant",
  "bad_refresh_token",
  "invalid_refresh_token",
  "invalid refresh token",
  "interaction_required",
  "consent_required",
  "login_required",
];
/** Atlassian, X, TD and Shopify say it in words, beside a code that means something else as well. */
const FINAL_WORDS =
  /(refresh[ _-]?token|the token)\b(?! (request|grant|parameter)).{0,40}\b(invalid|expired|revoked|claimed)|requires an active refresh[ _-]?token|\b(invalid|expired|revoked) refresh[ _-]?token\b(?! (request|grant|parameter))/i;

/** Of a request that was wrong. */
const OTHER_WORDS = /endpoint|content[ -]?type|secret|redirect/i;

/** Where an upstream says it; and how many objects of one answer are looked at, the answer itself first. */
const ERROR_MEMBERS = ["error", "status", "code", "message", "errorType", "resource"];
const MAX_ERRORS = 10;

/** A server that fails, or asks to wait, says nothing of the token, whatever stands in its answer. */
export function isFinalNo(
  status: number,
  json: JsonObject,
  { finalErrors = [] }: Upstream,
): boolean {
  if (status >= 500 || status === 408 || status === 429) return false;
  const final = new Set([...FINAL_ERRORS, ...finalErrors].map((error) => error.toLowerCase()));
  // Fitbit and Strava list what is wrong, Strava by the `resource`; others put it into an object.
  const objects = [json, json["error"], json["errors"]]
    .flat()
    .slice(0, MAX_ERRORS)
    .filter(isObject);
  const said = objects.flatMap((object) => ERROR_MEMBERS.map((name) => fold(object[name])));
  const words = fold(json["error_description"]);
  const isInWords = said.includes("unauthorized_client") || said.includes("invalid_request");
  return (
    said.some((code) => code !== "" && final.has(code)) ||
    (isInWords && FINAL_WORDS.test(words) && !OTHER_WORDS.test(words))
  );
}

/** A text or a number, whatever its case; "" of anything else. */
function fold(value: JsonValue | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value).toLowerCase() : "";
}
