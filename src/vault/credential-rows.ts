/**
 * The vault's rows in D1: every statement that reads or writes them. `migrations/` makes the table and shows a row.
 * Statements that change a value name the version that they know, so that whoever was faster is not overwritten.
 */

import { withTimeout } from "../base/time.ts";
import type { SealedRow } from "../crypto/row-seal.ts";
import type { CredentialInfo } from "./types.ts";
import { MAX_CLOCK_LEAD_MS, QUERY_TIMEOUT_MS } from "./limits.ts";

/** Which row: the primary key. */
export interface RowKey {
  /** A digest. */
  readonly owner: string;
  readonly service: string;
  readonly name: string;
}

export interface CredentialRow extends RowKey, SealedRow {
  readonly version: string;
  /** When the value was written; milliseconds since the epoch. */
  readonly updated_at_ms: number;
  readonly is_revoked: boolean;
  /** Until when somebody renews it; 0: nobody does. */
  readonly lease_until_ms: number;
}

export interface VaultRows {
  read(row: RowKey): Promise<CredentialRow | undefined>;
  /** Writes, whatever was there, and forgets that it was revoked. */
  write(row: RowKey, sealed: SealedRow, version: string, at: number): Promise<void>;
  /**
   * Writes a new value over `expectedVersion`, and forgets that the old one was revoked. False when that version is not there
   * any more.
   */
  replace(
    row: RowKey,
    sealed: SealedRow,
    expectedVersion: string,
    version: string,
    at: number,
  ): Promise<boolean>;
  /** True for one of all who ask before `until` about the version that they know. */
  acquireLease(row: RowKey, expectedVersion: string, at: number, until: number): Promise<boolean>;
  /**
   * Gives back the lease until `until`, and notes whether the upstream ended the credential. False when the version is not
   * there any more, or the lease is another's: that stays.
   */
  endLease(
    row: RowKey,
    expectedVersion: string,
    until: number,
    isRevoked: boolean,
  ): Promise<boolean>;
  remove(row: RowKey): Promise<boolean>;
  list(owner: string, service: string | undefined): Promise<CredentialInfo[]>;
  /** Rows after `after` that another key than `current` sealed, in order. */
  notSealedWith(current: string, after: RowKey, limit: number): Promise<CredentialRow[]>;
  /** Seals anew what still has its version, which it keeps: the value is the same. How many that were. */
  reseal(rows: readonly (readonly [CredentialRow, SealedRow])[]): Promise<number>;
}

const WHERE_KEY = "owner = ?1 AND service = ?2 AND name = ?3";
const LEASE_IS_FREE = `(lease_until_ms <= ?5 OR lease_until_ms > ?6 + ${MAX_CLOCK_LEAD_MS})`;
/** D1 gives bytes as a list of numbers. */
type RawRow = Omit<CredentialRow, "blob" | "is_revoked"> & {
  readonly sealed: number[];
  readonly is_revoked: number;
};

/** The vault's rows in D1. Each query ends within its time limit. */
export function vaultRows(db: D1Database): VaultRows {
  const bindKey = (text: string, row: RowKey, ...more: unknown[]): D1PreparedStatement =>
    bindRow(db, text, row, more);
  return {
    async read(row) {
      const raw = await inTime(
        bindKey(`SELECT * FROM credentials WHERE ${WHERE_KEY}`, row).first<RawRow>(),
      );
      return raw === null ? undefined : readRow(raw);
    },
    async write(row, { key, blob }, version, at) {
      const text = `INSERT INTO credentials (owner, service, name, key, sealed, version, created_at_ms, updated_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) ON CONFLICT DO UPDATE SET
        key = ?4, sealed = ?5, version = ?6, updated_at_ms = ?7, lease_until_ms = 0, is_revoked = 0`;
      await inTime(bindKey(text, row, key, blob, version, at).run());
    },
    replace(row, { key, blob }, expectedVersion, version, at) {
      const set =
        "key = ?5, sealed = ?6, version = ?7, updated_at_ms = ?8, lease_until_ms = 0, is_revoked = 0";
      const text = `UPDATE credentials SET ${set} WHERE ${WHERE_KEY} AND version = ?4`;
      return hasChangedRow(bindKey(text, row, expectedVersion, key, blob, version, at));
    },
    acquireLease(row, expectedVersion, at, until) {
      const text = `UPDATE credentials SET lease_until_ms = ?6 WHERE ${WHERE_KEY} AND version = ?4 AND is_revoked = 0 AND ${LEASE_IS_FREE}`;
      return hasChangedRow(bindKey(text, row, expectedVersion, at, until));
    },
    async endLease(row, expectedVersion, until, isRevoked) {
      const text = `UPDATE credentials SET is_revoked = ?6, lease_until_ms = 0 WHERE ${WHERE_KEY} AND version = ?4 AND lease_until_ms = ?5`;
      return hasChangedRow(bindKey(text, row, expectedVersion, until, Number(isRevoked)));
    },
    remove: (row) => hasChangedRow(bindKey(`DELETE FROM credentials WHERE ${WHERE_KEY}`, row)),
    list: (owner, service) => listCredentials(db, owner, service),
    notSealedWith: (current, after, limit) => listNotSealedWith(db, current, after, limit),
    reseal: (rows) => resealRows(db, rows),
  };
}

function bindRow(
  db: D1Database,
  text: string,
  { owner, service, name }: RowKey,
  more: readonly unknown[],
): D1PreparedStatement {
  return db.prepare(text).bind(owner, service, name, ...more);
}

async function hasChangedRow(statement: D1PreparedStatement): Promise<boolean> {
  return (await inTime(statement.run())).meta.changes > 0;
}

async function listCredentials(
  db: D1Database,
  owner: string,
  service?: string,
): Promise<CredentialInfo[]> {
  const columns =
    "service, name, created_at_ms AS createdAtMs, updated_at_ms AS updatedAtMs, is_revoked AS isRevoked";
  const text = `SELECT ${columns} FROM credentials
    WHERE owner = ?1 AND service = COALESCE(?2, service) ORDER BY service, name`;
  const query = db.prepare(text).bind(owner, service ?? null);
  const { results } = await inTime(query.all<CredentialInfo>());
  return results.map((row) => ({ ...row, isRevoked: Boolean(row.isRevoked) }));
}

async function listNotSealedWith(
  db: D1Database,
  current: string,
  after: RowKey,
  limit: number,
): Promise<CredentialRow[]> {
  const text = `SELECT * FROM credentials WHERE (owner, service, name) > (?1, ?2, ?3) AND key <> ?4
    ORDER BY owner, service, name LIMIT ?5`;
  const { results } = await inTime(bindRow(db, text, after, [current, limit]).all<RawRow>());
  return results.map(readRow);
}

async function resealRows(
  db: D1Database,
  rows: readonly (readonly [CredentialRow, SealedRow])[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const text = `UPDATE credentials SET key = ?5, sealed = ?6 WHERE ${WHERE_KEY} AND version = ?4`;
  const done = await inTime(
    db.batch(rows.map(([row, { key, blob }]) => bindRow(db, text, row, [row.version, key, blob]))),
  );
  return done.filter(({ meta }) => meta.changes > 0).length;
}

function readRow({ sealed, is_revoked, ...row }: RawRow): CredentialRow {
  return { ...row, is_revoked: is_revoked === 1, blob: Uint8Array.from(sealed) };
}

/** What D1 answers, unless it takes too long: a handler that waits for ever would be a call that never ends. */
function inTime<T>(query: Promise<T>): Promise<T> {
  return withTimeout(QUERY_TIMEOUT_MS, query);
}
