/**
 * List pages and their cursors. MCP server/utilities/pagination.
 * A cursor is the sealed key of the entry that the next page starts with: opaque, tamper-proof, and valid as long as
 * that entry exists. Pages are kept, so that an unchanged list is neither built nor serialised twice.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { open, seal } from "../crypto/seal.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import type { ListContents } from "./registry.ts";

// spec: tools.list.independent, resources.list.independent, prompts.list.independent
const pagesByList = new WeakMap<ListContents, Map<number, JsonObject>>();

/** The page of `listing` that `cursor` points at: the first one when there is no cursor. */
export async function readPage(
  list: ListContents,
  cursor: JsonValue | undefined,
  pageSize: number,
  ring: KeyRing,
): Promise<Result<JsonObject, ProtocolError>> {
  // An empty cursor was never given out: clients that have none send it.
  const start = cursor === undefined || cursor === "" ? 0 : await readCursor(list, cursor, ring);
  // spec: pagination.cursor.invalid
  if (start < 0)
    return err(protocolError("InvalidParams", "The cursor is not valid: start without one"));
  const cachedPages = pagesByList.get(list) ?? new Map<number, JsonObject>();
  pagesByList.set(list, cachedPages);
  const page = cachedPages.get(start) ?? (await makePage(list, start, pageSize, ring));
  cachedPages.set(start, page);
  return ok(page);
}

async function makePage(
  list: ListContents,
  start: number,
  pageSize: number,
  ring: KeyRing,
): Promise<JsonObject> {
  const entries = list.entries.slice(start, start + pageSize);
  const nextKey = list.keys[start + pageSize];
  // spec: pagination.cursor.stable
  const nextCursor =
    nextKey === undefined ? {} : { nextCursor: await seal(ring, "cursor", nextKey, list.member) };
  return Object.freeze({ [list.member]: entries, ...nextCursor });
}

/** The index a cursor stands for, or -1 when it is forged, for another list, or its entry is gone. */
async function readCursor(list: ListContents, cursor: JsonValue, ring: KeyRing): Promise<number> {
  if (typeof cursor !== "string") return -1;
  const opened = await open(ring, "cursor", cursor, list.member);
  return opened.ok && typeof opened.value === "string" ? list.keys.indexOf(opened.value) : -1;
}
