/**
 * The operator's request to seal credentials anew: `POST /admin/rotate-keys`, a page each. `make rotate-keys` sends it.
 * Whoever holds the key ring proves it with a signed time, good for a minute: there is no other secret to keep.
 * Says the current key's id and how many; never what anything holds.
 */

import { now } from "../base/time.ts";
import { readJsonObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import { err, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { verifyText } from "../crypto/hmac.ts";
import { readBody } from "../wire/body.ts";
import { jsonResponse } from "../wire/response.ts";
import type { ResealedPage } from "./reseal.ts";
import type { Vault } from "./vault.ts";
import { ADMIN_TOKEN_PURPOSE, ADMIN_TOKEN_SECONDS } from "../crypto/admin-token.ts";
import { PAGE_SIZE } from "./limits.ts";

/** In: a proof as bearer token, and `{"after":"cursor"}`. Out: `{"current","next","resealed","unreadable"}`. */
export async function rotateKeys(request: Request, vault: Vault, ring: KeyRing): Promise<Response> {
  const page = await resealAsAsked(request, vault, ring);
  if (!page.ok) return adminErrorResponse(page.error);
  log("log", "vault.resealed", { resealed: page.value.resealed, key: ring.currentId });
  return jsonResponse(JSON.stringify({ current: ring.currentId, ...page.value }));
}

async function resealAsAsked(
  request: Request,
  vault: Vault,
  ring: KeyRing,
): Promise<Result<ResealedPage, AdminError>> {
  // 1. A POST. 2. By somebody who holds the keys, now.
  if (request.method !== "POST") return err({ status: 405, message: "Use POST" });
  if (!(await isOperator(request, ring)))
    return err({ status: 403, message: "The proof is missing, wrong or old" });
  // 3. From where on.
  const body = await readBody(request, 4_096);
  const params = body.ok ? readJsonObject(body.value) : undefined;
  if (params === undefined) return err({ status: 400, message: "The body must be a JSON object" });
  const { after = "" } = params;
  // 4. One page.
  const page = await vault.reseal(typeof after === "string" ? after : "", PAGE_SIZE);
  return page.ok ? page : err({ status: 503, message: page.error.message });
}

async function isOperator(request: Request, ring: KeyRing): Promise<boolean> {
  const [, token = ""] = /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  const expiresAtSeconds = Number(
    (await verifyText(ring, ADMIN_TOKEN_PURPOSE, token)) ?? Number.NaN,
  );
  const nowSeconds = now() / 1000;
  return nowSeconds < expiresAtSeconds && expiresAtSeconds <= nowSeconds + 2 * ADMIN_TOKEN_SECONDS;
}

/** Why the operator's request is refused. */
interface AdminError {
  readonly status: 400 | 403 | 405 | 503;
  readonly message: string;
}

function adminErrorResponse({ status, message }: AdminError): Response {
  const response = jsonResponse(JSON.stringify({ error: message }), status);
  if (status === 405) response.headers.set("allow", "POST");
  return response;
}
