/** A door to real storage, whose object requests and rows are counted. */

import { env } from "cloudflare:workers";
import type { Env } from "../../src/config.ts";
import { stateDoor, type StateDoor } from "../../src/state/door.ts";
import { costs, countedNamespace } from "../world/counting.ts";
import { ringOf } from "../unit/keys.ts";

export const stores: Env["STORE"] = (env as unknown as Env).STORE;
export const door: StateDoor = stateDoor(ringOf("a"), countedNamespace(stores));
export const ADA = '["https://issuer.test","ada"]';
export const BOB = '["https://issuer.test","bob"]';
export const WEEK = 604_800;

let count = 0;
/** A key that no other test uses. */
export const fresh = (): string => `key ${++count} ${crypto.randomUUID()}`;

export async function cost(action: () => Promise<unknown>): Promise<{ requests: number; rows: number }> {
  const before = { ...costs };
  await action();
  return { requests: costs.requests - before.requests, rows: costs.rows - before.rows };
}

/** What `action` throws. */
export async function thrown(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    return String((error as Error).message);
  }
  return "nothing was thrown";
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
