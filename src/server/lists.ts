/**
 * List pages and their cursors. MCP server/utilities/pagination.
 * A cursor is the sealed key of the entry that the next page starts with: opaque, tamper-proof, and valid as long as
 * that entry exists. Pages are kept, so that an unchanged list is neither built nor serialised twice.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { open, seal } from "../crypto/seal.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { Listing } from "./catalog.ts";

// spec: tools.list.independent, resources.list.independent, prompts.list.independent
const pages = new WeakMap<Listing, Map<number, JsonObject>>();

/** The page of `listing` that `cursor` points at: the first one when there is no cursor. */
export async function readPage(
  listing: Listing,
  cursor: JsonValue | undefined,
  pageSize: number,
  ring: KeyRing,
): Promise<Result<JsonObject, Refusal>> {
  // An empty cursor was never given out: clients that have none send it.
  const start = cursor === undefined || cursor === "" ? 0 : await readCursor(listing, cursor, ring);
  // spec: pagination.cursor.invalid
  if (start < 0) return err(refusal("InvalidParams", "The cursor is not valid: start again without one"));
  const known = pages.get(listing) ?? new Map<number, JsonObject>();
  pages.set(listing, known);
  const page = known.get(start) ?? (await makePage(listing, start, pageSize, ring));
  known.set(start, page);
  return ok(page);
}

async function makePage(listing: Listing, start: number, pageSize: number, ring: KeyRing): Promise<JsonObject> {
  const entries = listing.entries.slice(start, start + pageSize);
  const next = listing.keys[start + pageSize];
  // spec: pagination.cursor.stable
  const more = next === undefined ? {} : { nextCursor: await seal(ring, "cursor", next, listing.member) };
  return Object.freeze({ [listing.member]: entries, ...more });
}

/** The index a cursor stands for, or -1 when it is forged, for another list, or its entry is gone. */
async function readCursor(listing: Listing, cursor: JsonValue, ring: KeyRing): Promise<number> {
  if (typeof cursor !== "string") return -1;
  const opened = await open(ring, "cursor", cursor, listing.member);
  return opened.ok && typeof opened.value === "string" ? listing.keys.indexOf(opened.value) : -1;
}
