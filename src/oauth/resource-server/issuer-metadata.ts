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

/** For how long a document may be a 404, or another page, before the issuer is taken to have withdrawn what it said. */
const MISSING_MS = 600_000;

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
 * The issuer's metadata, kept for an hour, and for as long as it cannot be reached. Some publish a document that lacks what stands in
 * another: they are taken together. One that is not there for a moment stands as it was.
 */
export function issuerMetadata(issuer: string, needed: readonly IssuerEndpoint[]): IssuerMetadata {
  const hasAll = (members: JsonObject): boolean =>
    needed.every((member) => Object.hasOwn(members, member));
  /** What each document said last, and since when it is not there. */
  const documents = new Map<string, { readonly members: JsonObject; readonly missedAt?: number }>();
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
    let said: JsonObject = {};
    let isReached = true;
    const paths = wellKnownPaths(issuer);
    for (const path of paths) {
      if (hasAll(said)) break;
      const response = await fetchConfigured(path, JSON_LIMITS);
      const members = withoutNulls(successJson(response) ?? {});
      const known = documents.get(path);
      // A document that names another issuer is somebody else's (RFC 8414 section 3.3).
      if (members["issuer"] === issuer) {
        documents.set(path, { members });
        // What stands behind one that could not be had may be said otherwise there.
        if (isReached) said = { ...members, ...said };
      } else if (isTemporary(response)) isReached = false;
      else if (known !== undefined) {
        const { missedAt = time } = known;
        if (time > missedAt + MISSING_MS) documents.delete(path);
        else {
          documents.set(path, { ...known, missedAt });
          isReached = false;
        }
      }
    }
    const members = mergeInOrder(paths.map((path) => documents.get(path)?.members));
    // What is missing may stand in the one that could not be had.
    const fault = documents.size > 0 ? undefined : "unusable";
    cached = { members, fault: isReached ? fault : "unreachable" };
    if (hasAll(said)) nextFetchAt = time + ISSUER_CACHE_MS;
    else if (!isKnown) nextFetchAt = now() + FIRST_COOL_DOWN_MS;
    return cached;
  };
  const doubt = (): void => {
    nextFetchAt = Math.min(nextFetchAt, now() + COOL_DOWN_MS);
  };
  return { read, doubt };
}

/** Where the documents of an issuer may be, in the order in which they count. */
function wellKnownPaths(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const paths = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ];
  return [...new Set(paths)].map((wellKnownPath) => origin + wellKnownPath);
}

/** All members; of one that several have, the first. */
function mergeInOrder(documents: readonly (JsonObject | undefined)[]): JsonObject {
  return Object.assign({}, ...documents.toReversed()) as JsonObject;
}
