/** Where clients look for metadata documents, and how each of them reads one. */

import { read } from "./ask.mjs";
import { describe, shown } from "./examination.mjs";
import { PAGE } from "./messages.mjs";
import { isObject } from "../match.mjs";

/** How a client reads a document. */
const mannerOf = ({ place, metadataRedirect }) => ({
  redirect: metadataRedirect,
  origin: place === "browser" ? PAGE : undefined,
});

const RESOURCE = "/.well-known/oauth-protected-resource";
const OAUTH = "/.well-known/oauth-authorization-server";
const OPENID = "/.well-known/openid-configuration";
const pathOf = ({ pathname }) => pathname.replace(/\/$/u, "");

/** Where the metadata of a resource lies, by RFC 9728 section 3.1 and by the specification's second place. */
export const resourcePlaces = (url) => [
  ...new Set([`${url.origin}${RESOURCE}${pathOf(url)}`, `${url.origin}${RESOURCE}`]),
];

/** Where the metadata of an issuer lies, in the order of the specification. */
export function issuerPlaces(issuer) {
  const { origin } = new URL(issuer);
  const path = pathOf(new URL(issuer));
  if (path === "") return [`${origin}${OAUTH}`, `${origin}${OPENID}`];
  return [`${origin}${OAUTH}${path}`, `${origin}${OPENID}${path}`, `${origin}${path}${OPENID}`];
}

/** The first of `places` with a document of which `faultOf` says nothing; else why each was none. */
export async function lookAt(run, client, places, faultOf) {
  const misses = [];
  for (const place of places) {
    const answer = await read(run, place, mannerOf(client));
    const fault = documentFault(run, answer) ?? faultOf(answer.json);
    if (fault === undefined) return { json: answer.json, url: place };
    misses.push({ place, fault });
    const isBroken = answer.status === 200 && answer.json === undefined && !answer.failure;
    if (client.strictJson && isBroken) break;
  }
  return { misses };
}

/** Why an answer is no document, or undefined. */
export function documentFault(run, answer) {
  if (answer.failure) return answer.failure;
  if (answer.status !== 200) return describe(run, answer);
  return isObject(answer.json)
    ? undefined
    : `200, but no JSON object (${answer.type || "no type"})`;
}

export const isAddress = (value) =>
  typeof value === "string" && URL.canParse(value) && /^https?:/u.test(value);

/** The texts in a list of a document, in which anything may stand. */
export const textsIn = (value) =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];

/** Why nothing was found, place by place. */
export const missesOf = ({ misses }) =>
  misses.map(({ place, fault }) => `${shown(place)}: ${fault}`).join("; ");
