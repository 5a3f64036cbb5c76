/**
 * Questions in the middle of a request: one mechanism for every revision.
 * MCP patterns/mrtr, client/elicitation, client/sampling, client/roots.
 * A question whose answer is known returns it. Otherwise it is noted, the handler is left by a throw, and the request
 * ends as "input required"; the era brings the answer and the handler runs again from its start. No question is put
 * more than {@link MAX_INPUT_ATTEMPTS} times: an answer that never fits, or never comes, ends the request.
 */

import { encodeBase64url } from "../base/bytes.ts";
import { randomBytes } from "../base/time.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { errorOutcome, type InputRequest, type RetryState, type Outcome } from "../protocol/outcome.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import type { ClientCapabilities } from "../protocol/request-meta.ts";
import type { ElicitationForm, InputCapability, ElicitResult, Context, UrlElicitation } from "./context.ts";
import { readElicitResult, readRootsResult, readSamplingResult, type ReadResponse } from "./input-responses.ts";
import { compileForm } from "./elicitation-form.ts";
import { requireBalancedToolUse } from "./sampling.ts";

/** How often one question of a request is put. */
export const MAX_INPUT_ATTEMPTS = 5;

/** Thrown to leave a handler that waits for an answer. One object: it is recognised by identity and carries nothing. */
const INPUT_REQUIRED: Error = new Error("This request waits for the client; let this error pass");

export interface InputRequests extends Pick<
  Context,
  "elicitForm" | "elicitUrl" | "requireUrl" | "sample" | "roots" | "once"
> {
  /** How the request ends because of its questions, or undefined when none is open. Outranks what the handler returned. */
  outcome(): Promise<Outcome | undefined>;
}

/** What a client can answer. An empty `elicitation` means forms (MCP client/elicitation#capabilities). */
export function supportsInput(
  { elicitation, sampling, roots }: ClientCapabilities,
  capability: InputCapability,
): boolean {
  if (capability === "form")
    return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
  if (capability === "url") return elicitation?.url !== undefined;
  if (capability === "sampling") return sampling !== undefined;
  if (capability === "sampling.tools") return sampling?.tools !== undefined;
  return roots !== undefined;
}

const REQUIRED_CAPABILITIES: Record<InputCapability, JsonObject> = {
  form: { elicitation: { form: {} } },
  url: { elicitation: { url: {} } },
  sampling: { sampling: {} },
  "sampling.tools": { sampling: { tools: {} } },
  roots: { roots: {} },
};

/** How a request ends by an error that whoever called may read. */
export type ToErrorOutcome = (reason: ProtocolError) => Outcome;

/** Makes an elicitation id. Revisions without sessions have none. */
type IssueElicitationId = (() => Promise<string>) | undefined;

/** The questions of one run of a handler. `memory` is what earlier rounds left. */
export function createInputRequests(
  capabilities: ClientCapabilities,
  retryState: RetryState,
  toErrorOutcome: ToErrorOutcome,
  issueElicitationId: IssueElicitationId,
): InputRequests {
  const round = createRound(capabilities, retryState, toErrorOutcome);
  const once: JsonObject = { ...retryState.once };
  const pendingWork: Promise<unknown>[] = [];
  /** Work that must be done before the round ends. */
  const track = <T>(work: Promise<T>): Promise<T> => {
    pendingWork.push(work);
    return work;
  };
  const elicitUrl = async (key: string, elicitation: UrlElicitation): Promise<ElicitResult<undefined>> => {
    const request = await urlRequest(elicitation, issueElicitationId);
    const { action } = round.responseTo(key, "url", request, readElicitResult);
    return action === "accept" ? { action, content: undefined } : { action };
  };
  const requireUrl = async (key: string, elicitation: UrlElicitation): Promise<never> => {
    round.requireCapability("url");
    const request = await urlRequest(elicitation, issueElicitationId);
    return issueElicitationId === undefined ? round.suspend(key, request) : round.reject(urlRequired(request));
  };
  return {
    elicitForm: async (key, elicitation) => elicitForm(round, key, elicitation),
    elicitUrl: (key, elicitation) => track(elicitUrl(key, elicitation)),
    requireUrl: (key, elicitation) => track(requireUrl(key, elicitation)),
    async sample(key, request) {
      // spec: sampling.tools.declared
      const capability = request.tools === undefined ? "sampling" : "sampling.tools";
      requireBalancedToolUse(request.messages);
      const params = JSON.parse(JSON.stringify(request)) as JsonObject;
      return round.responseTo(key, capability, { method: "sampling/createMessage", params }, readSamplingResult);
    },
    async roots(key) {
      return round.responseTo(key, "roots", { method: "roots/list", params: {} }, readRootsResult);
    },
    async once<T extends JsonValue>(key: string, action: () => T | Promise<T>) {
      if (Object.hasOwn(once, key)) return once[key] as T;
      const value = await track(Promise.resolve(action()));
      once[key] = value;
      return value;
    },
    async outcome() {
      // A question asked beside a running `once` must not forget what that did, nor one that still gets its id.
      await Promise.allSettled(pendingWork);
      return round.outcomeOf(once);
    },
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
  const request: InputRequest = { method: "elicitation/create", params: { message, requestedSchema } };
  const result = round.responseTo(key, "form", request, readElicitResult);
  // spec: elicit.decline.handle
  if (result.action !== "accept") return { action: result.action };
  // spec: elicit.response.validate
  const content = check(result.content ?? {});
  if (content.ok) return { action: "accept", content: content.value as never };
  const problem = `The answer did not fit: ${content.error}`;
  const retryParams = { message: `${message}\n\n${problem}`, requestedSchema };
  return round.suspend(key, { method: request.method, params: retryParams }, problem);
}

type Round = ReturnType<typeof createRound>;

/** What one run of a handler may ask and what it learns, beside the answers of earlier rounds. */
function createRound(
  capabilities: ClientCapabilities,
  { answers: previousResponses, asked: previousAttempts = {} }: RetryState,
  toErrorOutcome: ToErrorOutcome,
) {
  // spec: mrtr.keys.unique
  const requests = new Map<string, InputRequest>();
  const responses: JsonObject = {};
  const missingCapabilities: JsonObject = {};
  const attempts = new Map<string, JsonValue>(Object.entries(previousAttempts));
  let failure: Outcome | undefined;

  /** Notes the question, again or for the first time, and leaves the handler. `problem` says what was wrong with the answer. */
  const suspend = (key: string, request: InputRequest, problem: string = ""): never => {
    const attempt = Number(attempts.get(key) ?? 0) + 1;
    const giveUpMessage = `"${key}" was asked ${MAX_INPUT_ATTEMPTS} times in vain. ${problem}`;
    if (attempt > MAX_INPUT_ATTEMPTS) failure = toErrorOutcome(protocolError("InvalidParams", giveUpMessage));
    attempts.set(key, attempt);
    delete responses[key];
    requests.set(key, request);
    throw INPUT_REQUIRED;
  };
  /** Ends the request with a refusal. */
  const reject = (reason: ProtocolError): never => {
    failure = errorOutcome(reason);
    throw INPUT_REQUIRED;
  };
  /** Leaves the handler unless the client can answer this kind of question. */
  const requireCapability = (capability: InputCapability): void => {
    // spec: mrtr.capability.declared, elicit.mode.declared, meta.capability.refuse, meta.capability.undeclared
    if (supportsInput(capabilities, capability)) return;
    const data = { requiredCapabilities: Object.assign(missingCapabilities, REQUIRED_CAPABILITIES[capability]) };
    reject(protocolError("MissingRequiredClientCapability", `The client did not declare ${capability}`, data));
  };
  /** The answer to `key` as `read` gives it; notes the question and leaves the handler when there is none. */
  const responseTo = <T>(key: string, capability: InputCapability, request: InputRequest, read: ReadResponse<T>): T => {
    requireCapability(capability);
    const response = Object.hasOwn(previousResponses, key) ? previousResponses[key] : undefined;
    // spec: mrtr.responses.missing
    if (response === undefined) return suspend(key, request);
    const parsed = read(response);
    // spec: mrtr.responses.validate
    if (!parsed.ok) return reject(unfitResponse(key, request.method, parsed.error));
    responses[key] = response;
    return parsed.value;
  };
  /** How the questions end the request, or undefined when all were answered. */
  const outcomeOf = (once: JsonObject): Outcome | undefined => {
    if (failure !== undefined) return failure;
    if (requests.size === 0) return undefined;
    const retryState = { answers: responses, once, asked: Object.fromEntries(attempts) };
    return { kind: "inputRequired", requests: Object.fromEntries(requests), retryState };
  };
  return { suspend, reject, requireCapability, responseTo, outcomeOf };
}

function unfitResponse(key: string, method: string, problem: string): ProtocolError {
  return protocolError("InvalidParams", `The answer to "${key}" is not a result of ${method}: ${problem}`);
}

/** A question by URL. In a session it has an id, by which the client can be told that the person is done. */
async function urlRequest(
  { message, url }: UrlElicitation,
  issueElicitationId: IssueElicitationId,
): Promise<InputRequest> {
  const elicitationId =
    issueElicitationId === undefined ? encodeBase64url(randomBytes(12)) : await issueElicitationId();
  // spec: elicit.url.valid, elicit.url.params, session.elicit.url.id
  const href = new URL(typeof url === "string" ? url : url(elicitationId)).href;
  const params = { mode: "url", message, url: href, ...(issueElicitationId !== undefined && { elicitationId }) };
  return { method: "elicitation/create", params };
}

// spec: session.elicit.required.only, session.elicit.required.list, session.elicit.required.url
function urlRequired({ params }: InputRequest): ProtocolError {
  const data = { elicitations: [params] };
  return protocolError("UrlElicitationRequired", "This request can be made again when the person is done", data);
}
