/**
 * The metadata of an outside issuer, RFC 8414 section 3 and OpenID Connect Discovery, and what in them cannot be had. A document
 * that names another issuer is none.
 */

import { keepAlive } from "../../base/keep-alive.ts";
import { withoutNulls, type JsonObject } from "../../base/json.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { now } from "../../base/time.ts";
import { fetchConfigured, isTemporary, JSON_LIMITS, successJson } from "../../net/fetch.ts";
import { COOL_DOWN_MS, FIRST_COOL_DOWN_MS, ISSUER_CACHE_MS } from "../limits.ts";

/** What this server asks of an issuer. */
export type IssuerEndpoint = "jwks_uri" | "introspection_endpoint";

/** Why an issuer cannot be asked: for now, or as it is set up. Nothing can be said of a token. */
type IssuerFault = "unreachable" | "unusable";

/** What the issuer's documents say together; and why more may be missing than the issuer lacks. */
interface Discovered {
  readonly members: JsonObject;
  readonly fault: IssuerFault | undefined;
}

export interface IssuerMetadata {
  read(): Promise<Discovered>;
  /** What they name cannot be had: they are looked at again soon, for it may have moved. */
  doubt(): void;
}

/** Reasons of which `bearer.ts` knows that they say nothing of the token. */
export function issuerFault(
  what: "metadata" | "introspection" | "keys",
  fault: IssuerFault,
): string {
  return fault === "unreachable" ? `issuer.${what}` : `issuer.${what}_unusable`;
}

/** What the issuer's metadata say under `name`. An issuer that has none of it gives no tokens that need it: this is none. */
export async function endpointIn(
  metadata: IssuerMetadata,
  name: IssuerEndpoint,
): Promise<Result<string, string>> {
  const { members, fault } = await metadata.read();
  const endpoint = members[name];
  if (typeof endpoint === "string") return ok(endpoint);
  return err(fault === undefined ? `issuer.no_${name}` : issuerFault("metadata", fault));
}

/**
 * The issuer's metadata, kept for an hour, and for as long as it cannot be reached. Where one of its documents fails for a moment,
 * what it said before stands.
 */
export function issuerMetadata(issuer: string, needed: readonly IssuerEndpoint[]): IssuerMetadata {
  const hasAll = (members: JsonObject): boolean =>
    needed.every((member) => Object.hasOwn(members, member));
  let cached: Discovered = { members: {}, fault: "unreachable" };
  let nextFetchAt = 0;
  const read = async (): Promise<Discovered> => {
    if (now() < nextFetchAt) return cached;
    // Kept alive: a client that leaves would cancel a look that is noted already, and leave everybody the old metadata.
    return keepAlive(lookUp());
  };
  const lookUp = async (): Promise<Discovered> => {
    const time = now();
    // Others who come meanwhile have what was there; where nothing was, each asks for themselves.
    const isKnown = Object.hasOwn(cached.members, "issuer");
    if (isKnown) nextFetchAt = time + COOL_DOWN_MS;
    const { members, laterMembers, fault } = await discover(issuer, hasAll);
    const isWhole = hasAll(members);
    // What is not said this time stands as it was said before.
    cached = isWhole
      ? { members, fault }
      : { members: { ...laterMembers, ...cached.members, ...members }, fault };
    if (isWhole) nextFetchAt = time + ISSUER_CACHE_MS;
    else if (!isKnown) nextFetchAt = now() + FIRST_COOL_DOWN_MS;
    return cached;
  };
  const doubt = (): void => {
    nextFetchAt = Math.min(nextFetchAt, now() + COOL_DOWN_MS);
  };
  return { read, doubt };
}

/**
 * What the documents of the issuer say: some publish one that lacks what stands in the other. `laterMembers` stand in one behind
 * another that could not be had, and might say it differently. Asks until `hasAll` is true.
 */
async function discover(
  issuer: string,
  hasAll: (members: JsonObject) => boolean,
): Promise<Discovered & { readonly laterMembers: JsonObject }> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const wellKnownPaths = ["oauth-authorization-server", "openid-configuration"].map(
    (name) => `/.well-known/${name}${path}`,
  );
  let members: JsonObject = {};
  let laterMembers: JsonObject = {};
  let isReached = true;
  for (const wellKnownPath of new Set([
    ...wellKnownPaths,
    `${path}/.well-known/openid-configuration`,
  ])) {
    const response = await fetchConfigured(origin + wellKnownPath, JSON_LIMITS);
    const json = withoutNulls(successJson(response) ?? {});
    // A document that names another issuer is somebody else's (RFC 8414 section 3.3).
    const isOwn = json["issuer"] === issuer;
    if (isOwn && isReached) members = { ...json, ...members };
    else if (isOwn) laterMembers = { ...json, ...laterMembers };
    if (hasAll({ ...laterMembers, ...members })) break;
    if (isTemporary(response)) isReached = false;
  }
  // What is missing may stand in the one that could not be had.
  if (!isReached) return { members, laterMembers, fault: "unreachable" };
  return { members, laterMembers, fault: members["issuer"] === undefined ? "unusable" : undefined };
}
