/**
 * Who is asking. The MCP endpoint establishes it once a request, from a verified credential; it travels with the
 * request and is never remembered from an earlier one.
 */

import type { JsonObject } from "./json.ts";

export interface Caller {
  /** Who vouches for the subject: an issuer URL, or "none" when the server is open. */
  readonly issuer: string;
  /** The person or service, unique within the issuer. */
  readonly subject: string;
  /** The OAuth client that acts for the subject. */
  readonly client: string;
  readonly scopes: readonly string[];
  /** The grant behind the token: revoking it ends the sessions and streams that were opened with it. */
  readonly grant?: string;
  /** What the app keeps about the subject, such as an upstream key: never logged, never sent to the client. */
  readonly properties?: JsonObject;
}

/** The caller of a server that asks nobody who they are. */
export const ANONYMOUS: Caller = {
  issuer: "none",
  subject: "anonymous",
  client: "none",
  scopes: [],
};

/** One string per (issuer, subject, client). JSON keeps the three apart, whatever characters they hold. */
export function callerKey(caller: Caller): string {
  return JSON.stringify([caller.issuer, caller.subject, caller.client]);
}

/** One string per (issuer, subject): whose something is, whichever client acts for them. */
export function ownerKey({ issuer, subject }: Pick<Caller, "issuer" | "subject">): string {
  return JSON.stringify([issuer, subject]);
}
