/**
 * Questions in the middle of a request: one mechanism for every revision.
 * MCP patterns/mrtr, client/elicitation, client/sampling, client/roots.
 * A question whose answer is known returns it. Otherwise it is noted, the handler is left by a throw, and the request
 * ends as "input required"; the era brings the answer and the handler runs again from its start. No question is put
 * more than {@link MAX_INPUT_ATTEMPTS} times: an answer that never fits, or never comes, ends the request.
 */

import { encodeBase64url } from "../base/bytes.ts";
import { randomBytes } from "../base/time.ts";
import { asJson, copyJson, type JsonObject, type JsonValue } from "../base/json.ts";
import type { InputRequest, RetryState, Outcome } from "../protocol/outcome.ts";
import { ok } from "../base/result.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import type { ClientCapabilities } from "../protocol/request-meta.ts";
import type {
  ElicitationForm,
  ElicitResult,
  Context,
  SamplingRequest,
  SamplingResult,
  UrlElicitation,
} from "./context.ts";
import { readElicitResult, readRootsResult, readSamplingResult } from "./input-responses.ts";
import { compileForm } from "./elicitation-form.ts";
import { createRound, type Round, type ToErrorOutcome } from "./input-round.ts";
import { createOnceWork } from "./once.ts";
import { requireBalancedToolUse } from "./sampling.ts";
import type { Steps } from "./types.ts";

export interface InputRequests extends Pick<
  Context,
  "elicitForm" | "elicitUrl" | "requireUrl" | "sample" | "roots" | "once"
> {
  /** How the request ends because of its questions, or undefined when none is open. Outranks what the handler returned. */
  outcome(): Promise<Outcome | undefined>;
}

/** Makes an elicitation id. Revisions without sessions have none. */
type IssueElicitationId = (() => Promise<string>) | undefined;

/** The questions of one run of a handler. `memory` is what earlier rounds left. */
export function createInputRequests(
  capabilities: ClientCapabilities,
  retryState: RetryState,
  toErrorOutcome: ToErrorOutcome,
  issueElicitationId: IssueElicitationId,
  steps?: Steps,
): InputRequests {
  const round = withSentKeys(createRound(capabilities, retryState, toErrorOutcome));
  const work = createOnceWork(retryState.once, steps);
  const elicitUrl = async (
    key: string,
    elicitation: UrlElicitation,
  ): Promise<ElicitResult<undefined>> => {
    const request = await urlRequest(elicitation, issueElicitationId);
    const { action } = round.responseTo(key, "url", request, readElicitResult);
    return action === "accept" ? { action, content: undefined } : { action };
  };
  const requireUrl = async (key: string, elicitation: UrlElicitation): Promise<never> => {
    round.requireCapability("url");
    const request = await urlRequest(elicitation, issueElicitationId);
    if (issueElicitationId !== undefined) return round.reject(urlRequired(request));
    const { action } = round.responseTo(key, "url", request, readElicitResult);
    // Who agreed may still be on the way there. spec: elicit.decline.handle
    return action === "accept"
      ? round.suspend(key, request)
      : round.reject(unwilling(key, action), toErrorOutcome);
  };
  return {
    elicitForm: async (key, elicitation) => elicitForm(round, key, elicitation),
    elicitUrl: (key, elicitation) => work.track(elicitUrl(key, elicitation)),
    requireUrl: (key, elicitation) => work.track(requireUrl(key, elicitation)),
    sample: async (key, request) => sample(round, key, request),
    async roots(key) {
      return round.responseTo(key, "roots", { method: "roots/list", params: {} }, readRootsResult);
    },
    once: <T extends JsonValue>(key: string, action: () => T | Promise<T>) =>
      work.run(key, action) as Promise<T>,
    async outcome() {
      // A question asked beside a running `once` must not forget what that did, nor what begins after it, nor one that still
      // gets its id.
      await work.settle();
      const outcome = round.outcomeOf(work.results, work.hasLetGo());
      if (outcome !== undefined) work.end();
      return outcome;
    },
  };
}

/** A round whose keys are as they are sent, and come back: half of a surrogate pair is no text there, and is spelt. */
function withSentKeys(round: Round): Round {
  const sent = (key: string): string =>
    key.isWellFormed() ? key : JSON.stringify(key).slice(1, -1);
  return {
    ...round,
    suspend: (key, ...more) => round.suspend(sent(key), ...more),
    responseTo: (key, ...more) => round.responseTo(sent(key), ...more),
  };
}

/** Puts a form, and puts it again with what is wrong when the answer does not fit it. */
function elicitForm(
  round: Round,
  key: string,
  { message, form }: { message: string; form: ElicitationForm },
): ElicitResult<never> {
  const { schema: requestedSchema, check } = compileForm(form);
  // spec: elicit.params.complete
  const request: InputRequest = {
    method: "elicitation/create",
    params: { message, requestedSchema },
  };
  const { action, content } = round.responseTo(key, "form", request, (response) => {
    const read = readElicitResult(response);
    if (!read.ok) return read;
    const { action, content = {} } = read.value;
    // spec: elicit.response.validate
    return ok({ action, content: action === "accept" ? check(copyJson(content)) : undefined });
  });
  // spec: elicit.decline.handle
  if (content === undefined) return { action } as ElicitResult<never>;
  if (content.ok) return { action, content: content.value } as ElicitResult<never>;
  const problem = `The answer did not fit: ${content.error}`;
  const retryParams = { message: `${message}\n\n${problem}`, requestedSchema };
  return round.suspend(key, { method: request.method, params: retryParams }, problem);
}

/** Asks the client's model. */
function sample(round: Round, key: string, request: SamplingRequest): SamplingResult {
  // spec: sampling.tools.declared
  const capability = request.tools === undefined ? "sampling" : "sampling.tools";
  requireBalancedToolUse(request.messages);
  const params = asJson(request) as unknown as JsonObject;
  return round.responseTo(
    key,
    capability,
    { method: "sampling/createMessage", params },
    (response) => readSamplingResult(copyJson(response)),
  );
}

/** A question by URL. In a session it has an id, by which the client can be told that the person is done. */
async function urlRequest(
  { message, url }: UrlElicitation,
  issueElicitationId: IssueElicitationId,
): Promise<InputRequest> {
  const elicitationId =
    issueElicitationId === undefined
      ? encodeBase64url(randomBytes(12))
      : await issueElicitationId();
  // spec: elicit.url.valid, elicit.url.params, session.elicit.url.id
  const href = new URL(typeof url === "string" ? url : url(elicitationId)).href;
  const params = {
    mode: "url",
    message,
    url: href,
    ...(issueElicitationId !== undefined && { elicitationId }),
  };
  return { method: "elicitation/create", params };
}

/** The refusal where the person will not go to the page. */
function unwilling(key: string, action: "decline" | "cancel"): ProtocolError {
  const did = action === "decline" ? "declined" : "cancelled";
  return protocolError("InvalidParams", `The person ${did} "${key}"`);
}

// spec: session.elicit.required.only, session.elicit.required.list, session.elicit.required.url
function urlRequired({ params }: InputRequest): ProtocolError {
  const data = { elicitations: [params] };
  return protocolError(
    "UrlElicitationRequired",
    "Make this request again when the person is done",
    data,
  );
}
