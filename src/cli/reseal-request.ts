/** Asks a server to seal a page of credentials anew: what `src/vault/rotate-keys.ts` answers. */

import {
  ADMIN_TOKEN_PURPOSE,
  ADMIN_TOKEN_SECONDS,
  ROTATE_KEYS_PATH,
} from "../crypto/admin-token.ts";
import { signText } from "../crypto/hmac.ts";
import { readJson } from "../base/json.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { readText } from "./html-page.ts";

const ANSWER_MS = 30_000;

/** What the server answers for one page: `unreadable` counts by reason, `next` is where the next page begins. */
export interface Page {
  readonly current: string;
  readonly resealed: number;
  readonly unreadable: Readonly<Record<string, number>>;
  readonly next?: string;
}

/**
 * The page after `after`, of the server at `origin`; a key of `ring` proves who asks.
 * @throws with what the server said, which may be anything, where it did not do it.
 */
export async function requestPage(origin: string, ring: KeyRing, after: string): Promise<Page> {
  const proof = await signText(
    ring,
    ADMIN_TOKEN_PURPOSE,
    String(Math.floor(Date.now() / 1_000) + ADMIN_TOKEN_SECONDS),
  );
  const response = await fetch(origin + ROTATE_KEYS_PATH, {
    method: "POST",
    headers: { authorization: `Bearer ${proof}`, "content-type": "application/json" },
    body: JSON.stringify({ after }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const answer: unknown = readJson(await readText(response));
  if (response.ok && isPage(answer)) return answer;
  if (response.status === 404)
    throw new Error(`it has no vault: put the new ring into KEYS by hand, the old key behind it`);
  const { error } = (answer ?? {}) as { readonly error?: unknown };
  const reason = typeof error === "string" ? error : "no reason given";
  throw new Error(`the server answered ${response.status}: ${reason}`);
}

function isPage(answer: unknown): answer is Page {
  const { current, resealed, unreadable, next } = (answer ?? {}) as Record<string, unknown>;
  return (
    typeof current === "string" &&
    typeof resealed === "number" &&
    typeof unreadable === "object" &&
    unreadable !== null &&
    Object.values(unreadable).every((count) => typeof count === "number") &&
    (next === undefined || typeof next === "string")
  );
}
