/**
 * `requestState`: what a paused request remembers, sealed and handed to the client.
 * MCP patterns/mrtr#server-requirements-basic-workflow. Bound to the caller, the method and a digest of the salient
 * parameters, and short-lived. Any doubt refuses. Not ensured: single use; a handler that needs it keeps its own record.
 */

import { callerKey } from "../../base/caller.ts";
import { canonicalJson, isObject } from "../../base/json.ts";
import { NO_RETRY_STATE, type RetryState } from "../../protocol/outcome.ts";
import { protocolError, type ProtocolError } from "../../base/protocol-error.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { sha256Base64url, open, seal } from "../../crypto/seal.ts";
import type { ServerRequest } from "../../server/types.ts";

/** Milliseconds a person has to answer before the request must be made anew. */
export const REQUEST_STATE_TTL_MS = 600_000;

const SEAL_PURPOSE = "request-state";

/** Seals `retryState` for the retry of this very request by this very caller. `now` in milliseconds. */
export async function sealRequestState(
  ring: KeyRing,
  request: StateBinding,
  retryState: RetryState,
  now: number,
): Promise<string> {
  // spec: mrtr.state.expiry
  return seal(
    ring,
    SEAL_PURPOSE,
    { ...retryState, expires: now + REQUEST_STATE_TTL_MS },
    await additionalData(request),
  );
}

/** What a state is bound to. */
export type StateBinding = Pick<ServerRequest, "caller" | "method" | "params">;

/**
 * What a request brings along: the answers in `inputResponses`, over those of earlier rounds in `requestState`.
 * Answers without a state are taken: they can only say what the client could have said when asked.
 */
export async function readRetryState(
  ring: KeyRing,
  request: StateBinding,
  now: number,
): Promise<Result<RetryState, ProtocolError>> {
  const { requestState, inputResponses } = request.params;
  // spec: mrtr.responses.shape
  if (inputResponses !== undefined && !isObject(inputResponses)) {
    return err(protocolError("InvalidParams", "params.inputResponses must be an object"));
  }
  // spec: stateless.handle, mrtr.retry.unassumed
  if (requestState === undefined && inputResponses === undefined) return ok(NO_RETRY_STATE);
  const earlier =
    requestState === undefined
      ? ok(NO_RETRY_STATE)
      : await openRequestState(ring, request, requestState, now);
  if (!earlier.ok)
    return err(
      protocolError("InvalidParams", `params.requestState ${earlier.error}: make the request anew`),
    );
  const { answers, ...rest } = earlier.value;
  return ok({ ...rest, answers: { ...answers, ...inputResponses } });
}

async function openRequestState(
  ring: KeyRing,
  request: StateBinding,
  sealed: unknown,
  now: number,
): Promise<Result<RetryState, string>> {
  // spec: mrtr.state.hostile
  if (typeof sealed !== "string") return err("must be a string");
  // spec: mrtr.state.verify, mrtr.state.principal, mrtr.state.request, elicit.state.bound
  const opened = await open(ring, SEAL_PURPOSE, sealed, await additionalData(request));
  if (!opened.ok || !isObject(opened.value))
    return err("was not issued for this request and caller");
  const { expires, ...retryState } = opened.value;
  if (typeof expires !== "number" || expires <= now) return err("has expired");
  // Sealed here, so it is what was remembered.
  return ok(retryState as unknown as RetryState);
}

/** The additional data of the seal. Salient is every parameter but the envelope and the two members of the retry itself. */
async function additionalData({ caller, method, params }: StateBinding): Promise<string> {
  const { _meta, inputResponses: _given, requestState: _state, ...salient } = params;
  return JSON.stringify([callerKey(caller), method, await sha256Base64url(canonicalJson(salient))]);
}
