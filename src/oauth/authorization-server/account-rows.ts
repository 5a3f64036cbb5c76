/**
 * The rows of an account object.
 *
 *   a person  kv "account"  {"failed":[{"address":"kTq…","atMs":1763700000000}],"grants":["5c…"]}
 *   a client  used_assertions  jti 'x1…', expires_at_seconds 1763700300
 * The table is made by the first assertion, so that a person's object never has it.
 */

export interface AccountRow {
  /** Attempts to sign in that went wrong within the hour. */
  readonly failed: readonly { readonly address: string; readonly atMs: number }[];
  /** Ids of grants, oldest first. */
  readonly grants: readonly string[];
}

export interface AccountRows {
  read(): AccountRow;
  write(row: AccountRow): void;
  /**
   * Notes `jti` and drops those that expired before `before`, in seconds. False when it was noted already, or when
   * {@link MAX_USED_JTIS} are: none of them may be forgotten, and whoever signs so many is no honest client.
   */
  consumeJti(jti: string, expires: number, before: number): boolean;
}

const MAX_USED_JTIS = 10_000;
const CREATE_TABLE =
  "CREATE TABLE IF NOT EXISTS used_assertions (jti TEXT PRIMARY KEY, expires_at_seconds INTEGER) WITHOUT ROWID";

/** The rows of one account object. */
export function createAccountRows({ kv, sql }: DurableObjectStorage): AccountRows {
  return {
    read: () => kv.get("account") ?? { failed: [], grants: [] },
    write: (row) => kv.put("account", row),
    consumeJti(jti, expires, before) {
      sql.exec(CREATE_TABLE);
      sql.exec("DELETE FROM used_assertions WHERE expires_at_seconds < ?", before);
      const condition = "WHERE (SELECT COUNT(*) FROM used_assertions) < ?";
      const inserted = sql.exec(
        `INSERT OR IGNORE INTO used_assertions SELECT ?, ? ${condition} RETURNING jti`,
        jti,
        expires,
        MAX_USED_JTIS,
      );
      return inserted.toArray().length > 0;
    },
  };
}
