/**
 * Sealing anew under the current key, page by page in the order of the table, while everything else goes on.
 * Rows under the current key are not looked at, so it may be stopped and started again at any time. A value that changes
 * meanwhile wins, and is under the current key already. What does not open stays as it is, and is counted.
 */

import { isStringList, readJson } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import type { RowKey } from "./credential-rows.ts";
import type { CredentialCipher, VaultFault } from "./credential-cipher.ts";

export interface ResealedPage {
  /** Where the next page starts; undefined at the end. */
  readonly next: string | undefined;
  readonly resealed: number;
  /** How many were left as they were, by the reason; of missing keys each is named. */
  readonly unreadable: Readonly<Record<string, number>>;
}

/** Seals up to `limit` rows after the cursor anew under the current key. Rows that cannot be opened stay, and are counted. */
export async function resealPage(
  cipher: CredentialCipher,
  cursor: string,
  limit: number,
): Promise<Result<ResealedPage, VaultFault>> {
  const rows = await cipher.rows.notSealedWith(cipher.currentKeyId, readCursor(cursor), limit);
  const unreadable: Record<string, number> = {};
  const sealed = await Promise.all(
    rows.map(async (row) => {
      const opened = await cipher.open(row);
      if (opened.ok) return [[row, await cipher.seal(row, opened.value)] as const];
      const { reason } = opened.error;
      const label = reason === "key.missing" ? `${reason} "${row.key}"` : reason;
      unreadable[label] = (unreadable[label] ?? 0) + 1;
      return [];
    }),
  );
  const resealedCount = await cipher.rows.reseal(sealed.flat());
  const last = rows.length < limit ? undefined : rows.at(-1);
  return ok({ next: last && writeCursor(last), resealed: resealedCount, unreadable });
}

function writeCursor({ owner, service, name }: RowKey): string {
  return JSON.stringify([owner, service, name]);
}

/** One that is none starts from the beginning: nothing is done twice. */
function readCursor(text: string): RowKey {
  const value = readJson(text);
  const [owner = "", service = "", name = ""] = isStringList(value) ? value : [];
  return { owner, service, name };
}
