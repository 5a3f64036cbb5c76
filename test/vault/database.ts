/** A real D1 database with its tables, and what tests want to do to it behind the vault's back. */

import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../../src/config.ts";
import { digest } from "../../src/crypto/seal.ts";
import type { Identity } from "../../src/vault/credential.ts";
import { vaultIn, type Vault } from "../../src/vault/vault.ts";
import { ringOf } from "../unit/keys.ts";

const bound = env as unknown as Env & { VAULT: D1Database; VAULT_MIGRATIONS: never };
export const db: D1Database = bound.VAULT;
export const makeTables = (): Promise<void> => applyD1Migrations(db, bound.VAULT_MIGRATIONS);

export const vaultOf = (...keys: string[]): Vault => vaultIn(db, ringOf(...keys));
export const vault: Vault = vaultOf("a");

let count = 0;
/** A credential that no other test knows. */
export const fresh = (service: string = "tracker"): Identity => ({ owner: `["i","${++count}"]`, service, name: "key" });

/** Changes columns of a row directly. */
export async function tamper({ owner, service, name }: Identity, columns: Record<string, unknown>): Promise<void> {
  const set = Object.keys(columns).map((column, at) => `${column} = ?${at + 4}`);
  const text = `UPDATE credentials SET ${set.join(", ")} WHERE owner = ?1 AND service = ?2 AND name = ?3`;
  await db
    .prepare(text)
    .bind(await digest(owner), service, name, ...Object.values(columns))
    .run();
}

export async function rowOf({ owner, service, name }: Identity): Promise<Record<string, unknown> | null> {
  const text = "SELECT * FROM credentials WHERE owner = ?1 AND service = ?2 AND name = ?3";
  return db
    .prepare(text)
    .bind(await digest(owner), service, name)
    .first();
}

export async function sealedOf(id: Identity): Promise<Uint8Array> {
  return Uint8Array.from((await rowOf(id))?.["sealed"] as number[]);
}
