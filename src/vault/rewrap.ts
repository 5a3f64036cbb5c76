/**
 * Sealing anew under the current key, page by page in the order of the table, while everything else goes on.
 * Rows under the current key are not looked at, so it may be stopped and started again at any time. A value that changes
 * meanwhile wins, and is under the current key already. What does not open stays as it is, and is counted.
 */

import { readBase64url, readUtf8, utf8, base64url } from "../base/bytes.ts";
import { readJson } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import type { RowKey } from "./rows.ts";
import type { Safe, VaultFault } from "./safe.ts";

export interface Rewrapped {
  /** Where the next page starts; undefined at the end. */
  readonly next: string | undefined;
  readonly rewrapped: number;
  /** How many were left as they were, by the reason; of missing keys each is named. */
  readonly unreadable: Readonly<Record<string, number>>;
}

const START: RowKey = { owner: "", service: "", name: "" };

export async function rewrapPage(safe: Safe, cursor: string, most: number): Promise<Result<Rewrapped, VaultFault>> {
  const rows = await safe.rows.sealedOtherwise(safe.current, readCursor(cursor), most);
  const unreadable: Record<string, number> = {};
  const sealed = await Promise.all(
    rows.map(async (row) => {
      const opened = await safe.open(row);
      if (opened.ok) return [[row, await safe.seal(row, opened.value)] as const];
      const { reason } = opened.error;
      const counted = reason === "key.missing" ? `${reason} "${row.key}"` : reason;
      unreadable[counted] = (unreadable[counted] ?? 0) + 1;
      return [];
    }),
  );
  const rewrapped = await safe.rows.reseal(sealed.flat());
  const last = rows.length < most ? undefined : rows.at(-1);
  return ok({ next: last && writeCursor(last), rewrapped, unreadable });
}

function writeCursor({ owner, service, name }: RowKey): string {
  return base64url(utf8(JSON.stringify([owner, service, name])));
}

/** One that is none starts from the beginning: nothing is done twice. */
function readCursor(text: string): RowKey {
  const bytes = readBase64url(text);
  const value = readJson(bytes && readUtf8(bytes));
  const [owner, service, name] = Array.isArray(value) ? value : [];
  return [owner, service, name].every((part) => typeof part === "string")
    ? ({ owner, service, name } as RowKey)
    : START;
}
