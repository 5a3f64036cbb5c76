/** A door to real storage, whose object requests and rows are counted. */

import { env } from "cloudflare:workers";
import type { Env } from "../world/env.ts";
import { createStorageClient, type StorageClient } from "../../src/storage/client.ts";
import { costs, countedNamespace } from "../world/counting.ts";
import { ringOf } from "../crypto/keys.ts";

export const storeNamespace: Env["STORE"] = (env as unknown as Env).STORE;
export const storageClient: StorageClient = createStorageClient(
  ringOf("a"),
  countedNamespace(storeNamespace),
);
export const ADA = '["https://issuer.test","ada"]';
export const BOB = '["https://issuer.test","bob"]';
export const WEEK_SECONDS = 604_800;

let count = 0;
/** A key that no other test uses. */
export const uniqueKey = (): string => `key ${++count} ${crypto.randomUUID()}`;

export async function measureCost(
  action: () => Promise<unknown>,
): Promise<{ requests: number; rows: number }> {
  const before = { ...costs };
  await action();
  return { requests: costs.requests - before.requests, rows: costs.rows - before.rows };
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
