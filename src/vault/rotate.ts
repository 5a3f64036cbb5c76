/**
 * The operator's request to seal credentials anew: `POST /admin/rotate-keys`, a page each. `make rotate-keys` sends it.
 * Whoever holds the key ring proves it with a signed time, good for a minute: there is no other secret to keep.
 * Says the current key's id and how many; never what anything holds.
 */

import { now } from "../base/clock.ts";
import { readObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { readSigned } from "../crypto/mac.ts";
import { readBody } from "../wire/body.ts";
import { jsonResponse } from "../wire/http.ts";
import type { Vault } from "./vault.ts";

/** Purpose of the proof, and the most seconds it may be good for. */
export const PROOF = "admin";
const PROOF_SECONDS = 60;
/** With the question for them, within the 50 statements that a request may make on the Free plan. */
const PAGE = 40;

/** In: a proof as bearer token, and `{"after":"cursor"}`. Out: `{"current","next","rewrapped","unreadable"}`. */
export async function rotateKeys(http: Request, vault: Vault, ring: KeyRing): Promise<Response> {
  // 1. A POST. 2. By somebody who holds the keys, now.
  if (http.method !== "POST") return answer(405, { error: "Use POST" });
  if (!(await isProven(http, ring)))
    return answer(403, { error: "The proof is missing, wrong or older than a minute" });
  // 3. From where on.
  const body = await readBody(http, 4_096);
  const asked = body.ok ? readObject(body.value) : undefined;
  if (asked === undefined) return answer(400, { error: "The body must be a JSON object" });
  const { after = "" } = asked;
  // 4. One page.
  const page = await vault.rewrap(typeof after === "string" ? after : "", PAGE);
  if (page.ok) log("log", "vault.rewrapped", { rewrapped: page.value.rewrapped, key: ring.current });
  return page.ok ? answer(200, { current: ring.current, ...page.value }) : answer(503, { error: page.error.message });
}

async function isProven(http: Request, ring: KeyRing): Promise<boolean> {
  const [, proof = ""] = /^Bearer (\S+)$/.exec(http.headers.get("authorization") ?? "") ?? [];
  const until = Number((await readSigned(ring, PROOF, proof)) ?? Number.NaN);
  const seconds = now() / 1000;
  return seconds < until && until <= seconds + 2 * PROOF_SECONDS;
}

function answer(status: number, body: object): Response {
  return jsonResponse(JSON.stringify(body), status);
}
