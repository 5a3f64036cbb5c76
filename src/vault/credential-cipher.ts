/**
 * What opens and seals the vault's rows, and the words for why one does not open. Each is sealed for its own identity
 * alone (`crypto/row-seal.ts`): one that was moved to another owner does not open there.
 */

import { encodeBase64url, decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { randomBytes } from "../base/time.ts";
import { readJsonObject, type JsonObject } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { openRow, sealRow, type RowFault, type SealedRow } from "../crypto/row-seal.ts";
import type { CredentialRow, RowKey, VaultRows } from "./credential-rows.ts";

/** Why a credential cannot be had. `message` is for the operator's log: it says the state and never holds a secret. */
export interface VaultFault {
  readonly reason: RowFault | "unavailable" | "revoked" | "upstream";
  readonly message: string;
}

export interface CredentialCipher {
  readonly rows: VaultRows;
  readonly seal: (row: RowKey, value: JsonObject) => Promise<SealedRow>;
  readonly open: (row: CredentialRow) => Promise<Result<JsonObject, VaultFault>>;
  /** Id of the key that seals. */
  readonly currentKeyId: string;
}

/** Another one with every new value. Random, so that one which was forgotten and put again is another, too. */
export function newVersion(): string {
  return encodeBase64url(randomBytes(12));
}

const FAULT_TEXT: Record<RowFault, (key: string) => string> = {
  "key.missing": (key) => `sealed under key "${key}", which is not in the ring`,
  "format.unknown": () => "its format is not known",
  truncated: () => "less is there than was written",
  moved: () => "it was written for another owner, service or name",
  changed: () => "it is not what was written",
};

/** Seals and opens the rows of the vault with the keys of `ring`. */
export function createCredentialCipher(rows: VaultRows, ring: KeyRing): CredentialCipher {
  const rowIdentity = ({ owner, service, name }: RowKey): string =>
    JSON.stringify([owner, service, name]);
  return {
    rows,
    currentKeyId: ring.currentId,
    seal: (row, value) =>
      sealRow(ring, "vault", rowIdentity(row), encodeUtf8(JSON.stringify(value))),
    open: async (row) => {
      const opened = await openRow(ring, "vault", rowIdentity(row), row);
      const value = opened.ok ? readJsonObject(decodeUtf8(opened.value)) : undefined;
      if (value !== undefined) return ok(value);
      const reason = opened.ok ? "format.unknown" : opened.error;
      const label = `"${row.name}" of service "${row.service}"`;
      return err({
        reason,
        message: `Cannot open credential ${label}: ${FAULT_TEXT[reason](row.key)}`,
      });
    },
  };
}
