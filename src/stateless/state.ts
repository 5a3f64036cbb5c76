/**
 * `requestState`: what a paused request remembers, sealed and handed to the client.
 * MCP patterns/mrtr#server-requirements-basic-workflow. Bound to the caller, the method and a digest of the salient
 * parameters, and short-lived. Any doubt refuses. Not ensured: single use; a handler that needs it keeps its own record.
 */

import { callerKey } from "../base/caller.ts";
import { canonicalJson, isObject } from "../base/json.ts";
import { NO_MEMORY, type Memory } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { digest, open, seal } from "../crypto/seal.ts";
import type { ServerRequest } from "../server/types.ts";

/** Milliseconds a person has to answer before the request must be made anew. */
export const STATE_TTL_MS = 600_000;

const PURPOSE = "request-state";

/** Seals `memory` for the retry of this very request by this very caller. `now` in milliseconds. */
export async function sealState(ring: KeyRing, request: Bound, memory: Memory, now: number): Promise<string> {
  // spec: mrtr.state.expiry
  return seal(ring, PURPOSE, { ...memory, expires: now + STATE_TTL_MS }, await bind(request));
}

/** What a state is bound to. */
export type Bound = Pick<ServerRequest, "caller" | "method" | "params">;

/**
 * What a request brings along: the answers in `inputResponses`, over those of earlier rounds in `requestState`.
 * Answers without a state are taken: they can only say what the client could have said when asked.
 */
export async function readMemory(ring: KeyRing, request: Bound, now: number): Promise<Result<Memory, Refusal>> {
  const { requestState, inputResponses } = request.params;
  // spec: mrtr.responses.shape
  if (inputResponses !== undefined && !isObject(inputResponses)) {
    return err(refusal("InvalidParams", "params.inputResponses must be an object"));
  }
  // spec: stateless.handle, mrtr.retry.unassumed
  if (requestState === undefined && inputResponses === undefined) return ok(NO_MEMORY);
  const remembered = requestState === undefined ? ok(NO_MEMORY) : await openState(ring, request, requestState, now);
  if (!remembered.ok)
    return err(refusal("InvalidParams", `params.requestState ${remembered.error}: make the request anew`));
  const { answers, ...rest } = remembered.value;
  return ok({ ...rest, answers: { ...answers, ...inputResponses } });
}

async function openState(ring: KeyRing, request: Bound, sealed: unknown, now: number): Promise<Result<Memory, string>> {
  // spec: mrtr.state.hostile
  if (typeof sealed !== "string") return err("must be a string");
  // spec: mrtr.state.verify, mrtr.state.principal, mrtr.state.request
  const opened = await open(ring, PURPOSE, sealed, await bind(request));
  if (!opened.ok || !isObject(opened.value)) return err("was not issued by this server for this request and caller");
  const { expires, ...memory } = opened.value;
  if (typeof expires !== "number" || expires <= now) return err("has expired");
  // Sealed here, so it is what was remembered.
  return ok(memory as unknown as Memory);
}

/** The additional data of the seal. Salient is every parameter but the envelope and the two members of the retry itself. */
async function bind({ caller, method, params }: Bound): Promise<string> {
  const { _meta, inputResponses: _given, requestState: _state, ...salient } = params;
  return JSON.stringify([callerKey(caller), method, await digest(canonicalJson(salient))]);
}
