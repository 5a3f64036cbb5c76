/** A real D1 database with its tables, and what tests want to do to it behind the vault's back. */

import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../world/env.ts";
import { sha256Base64url } from "../../src/crypto/seal.ts";
import type { CredentialId } from "../../src/vault/types.ts";
import { createVault, type Vault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";

const bound = env as unknown as Env & { VAULT: D1Database; VAULT_MIGRATIONS: never };
export const db: D1Database = bound.VAULT;
export const makeTables = (): Promise<void> => applyD1Migrations(db, bound.VAULT_MIGRATIONS);

export const vaultWithKeys = (...keys: string[]): Vault => createVault(db, ringOf(...keys));
export const vault: Vault = vaultWithKeys("a");

/** The database, which calls `onQuery` with the text of each statement before it runs, and waits for that. */
export function watchedDatabase(
  onQuery: (text: string, run: () => Promise<unknown>) => Promise<void>,
): D1Database {
  const watch = (text: string, statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => watch(text, target.bind(...values));
        const run = Reflect.get(target, name) as () => Promise<unknown>;
        return async () => {
          await onQuery(text, () => run.call(target));
          return run.call(target);
        };
      },
    });
  return new Proxy(db, {
    get(target, name) {
      if (name === "prepare") return (text: string) => watch(text, target.prepare(text));
      return Reflect.get(target, name) as unknown;
    },
  });
}

let count = 0;
/** A credential that no other test knows. */
export const uniqueCredential = (service: string = "tracker"): CredentialId => ({
  owner: `["i","${++count}"]`,
  service,
  name: "key",
});

/** Changes columns of a row directly. */
export async function tamper(
  { owner, service, name }: CredentialId,
  columns: Record<string, unknown>,
): Promise<void> {
  const set = Object.keys(columns).map((column, at) => `${column} = ?${at + 4}`);
  const text = `UPDATE credentials SET ${set.join(", ")} WHERE owner = ?1 AND service = ?2 AND name = ?3`;
  await db
    .prepare(text)
    .bind(await sha256Base64url(owner), service, name, ...Object.values(columns))
    .run();
}

export async function credentialRow({
  owner,
  service,
  name,
}: CredentialId): Promise<Record<string, unknown> | null> {
  const text = "SELECT * FROM credentials WHERE owner = ?1 AND service = ?2 AND name = ?3";
  return db
    .prepare(text)
    .bind(await sha256Base64url(owner), service, name)
    .first();
}

export async function sealedBytes(id: CredentialId): Promise<Uint8Array> {
  return Uint8Array.from((await credentialRow(id))?.["sealed"] as number[]);
}

export interface StoredCredential {
  readonly owner: string;
  readonly service: string;
  readonly name: string;
  readonly key: string;
  readonly sealed: number[];
}

/** Every row of the vault as it is stored. */
export async function storedCredentials(): Promise<StoredCredential[]> {
  const { results } = await db
    .prepare("SELECT owner, service, name, key, sealed FROM credentials")
    .all<StoredCredential>();
  return results;
}
