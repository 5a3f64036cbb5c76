/**
 * One run of a handler that asks: which questions it put, which answers it read, and how the request ends because of them.
 * MCP patterns/mrtr. What the single questions say is `input-requests.ts`.
 * Refuses what the client did not declare, an answer of the wrong shape, and a question that was put too often.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";
import {
  errorOutcome,
  type InputRequest,
  type RetryState,
  type Outcome,
} from "../protocol/outcome.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import type { ClientCapabilities } from "../protocol/request-meta.ts";
import type { InputCapability } from "./context.ts";
import type { ReadResponse } from "./input-responses.ts";

/** How often one question of a request is put. */
export const MAX_INPUT_ATTEMPTS = 5;

/** Thrown to leave a handler that waits for an answer. One object: it is recognised by identity and carries nothing. */
const INPUT_REQUIRED: Error = new Error("This request waits for the client; let this error pass");

/** Leaves a handler that waits for an answer. */
export function leaveHandler(): never {
  throw INPUT_REQUIRED;
}

/** Whether that is why something was thrown: no failure, and to be thrown on. */
export function isInputRequired(error: unknown): boolean {
  return error === INPUT_REQUIRED;
}

/** What a client can answer. An empty `elicitation` means forms (MCP client/elicitation#capabilities). */
export function supportsInput(
  { elicitation, sampling, roots }: ClientCapabilities,
  capability: InputCapability,
): boolean {
  if (capability === "form")
    return (
      elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined)
    );
  if (capability === "url") return elicitation?.url !== undefined;
  if (capability === "sampling") return sampling !== undefined;
  if (capability === "sampling.tools") return sampling?.tools !== undefined;
  return roots !== undefined;
}

/** Whether a client can answer anything. */
export function canBeAsked({ elicitation, sampling, roots }: ClientCapabilities): boolean {
  return elicitation !== undefined || sampling !== undefined || roots !== undefined;
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

/** What one run of a handler may ask and what it learns. */
export interface Round {
  /** Notes the question, again or for the first time, and leaves the handler. `problem` says what was wrong with the answer. */
  readonly suspend: (key: string, request: InputRequest, problem?: string) => never;
  /** Ends the request with a refusal: an error of the protocol, unless `toOutcome` makes another of it. */
  readonly reject: (reason: ProtocolError, toOutcome?: ToErrorOutcome) => never;
  /** Leaves the handler unless the client can answer this kind of question. */
  readonly requireCapability: (capability: InputCapability) => void;
  /**
   * The answer to `key` as `read` gives it, which must not change it. Notes the question and leaves the handler when there is
   * none.
   */
  readonly responseTo: <T>(
    key: string,
    capability: InputCapability,
    request: InputRequest,
    read: ReadResponse<T>,
  ) => T;
  /** How the questions end the request, or undefined when all were answered and it need not `runAgain`. */
  readonly outcomeOf: (once: JsonObject, runAgain: boolean) => Outcome | undefined;
}

/** A round that begins, with the answers of earlier rounds. */
export function createRound(
  capabilities: ClientCapabilities,
  { answers: previousResponses, asked: previousAttempts = {} }: RetryState,
  toErrorOutcome: ToErrorOutcome,
): Round {
  // spec: mrtr.keys.unique
  const requests = new Map<string, InputRequest>();
  const responses = Object.create(null) as JsonObject;
  const readOnce = createAnswerReader();
  const missingCapabilities: JsonObject = {};
  const attempts = new Map<string, JsonValue>(Object.entries(previousAttempts));
  let failure: Outcome | undefined;

  const suspend = (key: string, request: InputRequest, problem: string = ""): never => {
    // One that is put several times in a run is one question.
    const attempt = Number(attempts.get(key) ?? 0) + (requests.has(key) ? 0 : 1);
    if (attempt > MAX_INPUT_ATTEMPTS) failure = toErrorOutcome(askedInVain(key, problem));
    attempts.set(key, attempt);
    delete responses[key];
    requests.set(key, request);
    return leaveHandler();
  };

  const reject = (reason: ProtocolError, toOutcome: ToErrorOutcome = errorOutcome): never => {
    failure = toOutcome(reason);
    return leaveHandler();
  };

  const requireCapability = (capability: InputCapability): void => {
    // spec: mrtr.capability.declared, elicit.mode.declared, meta.capability.refuse, meta.capability.undeclared
    if (supportsInput(capabilities, capability)) return;
    Object.assign(missingCapabilities, REQUIRED_CAPABILITIES[capability]);
    reject(missingCapability(capability, missingCapabilities));
  };

  const responseTo = <T>(
    key: string,
    capability: InputCapability,
    request: InputRequest,
    read: ReadResponse<T>,
  ): T => {
    requireCapability(capability);
    const response = Object.hasOwn(previousResponses, key) ? previousResponses[key] : undefined;
    // spec: mrtr.responses.missing
    if (response === undefined) return suspend(key, request);
    const parsed = readOnce(key, request, response, read);
    // spec: mrtr.responses.validate
    if (!parsed.ok) return reject(unfitResponse(key, request.method, parsed.error));
    responses[key] = response;
    return parsed.value;
  };

  const outcomeOf = (once: JsonObject, runAgain: boolean): Outcome | undefined => {
    if (failure !== undefined) return failure;
    if (requests.size === 0 && !runAgain) return undefined;
    const retryState = { answers: responses, once, asked: Object.fromEntries(attempts) };
    return { kind: "inputRequired", requests: Object.fromEntries(requests), retryState };
  };
  return { suspend, reject, requireCapability, responseTo, outcomeOf };
}

/** Reads an answer once for all times that a handler puts the same question in a run: a client may send much of it. */
function createAnswerReader(): <T>(
  key: string,
  request: InputRequest,
  response: JsonValue,
  read: ReadResponse<T>,
) => ReturnType<ReadResponse<T>> {
  const known = new Map<string, ReturnType<ReadResponse<unknown>>>();
  return <T>(key: string, request: InputRequest, response: JsonValue, read: ReadResponse<T>) => {
    const question = JSON.stringify([key, request]);
    const result = known.get(question) ?? read(response);
    known.set(question, result);
    return result as ReturnType<ReadResponse<T>>;
  };
}

/** The refusal of a question that was put too often. `problem`: what was wrong with the last answer. */
function askedInVain(key: string, problem: string): ProtocolError {
  const said = problem === "" ? "" : ` ${problem}`;
  return protocolError(
    "InvalidParams",
    `"${key}" was asked ${MAX_INPUT_ATTEMPTS} times in vain.${said}`,
  );
}

/** The refusal where the client cannot be asked. `requiredCapabilities`: all that were missed so far. */
function missingCapability(
  capability: InputCapability,
  requiredCapabilities: JsonObject,
): ProtocolError {
  const message = `The client did not declare ${capability}`;
  return protocolError("MissingRequiredClientCapability", message, { requiredCapabilities });
}

function unfitResponse(key: string, method: string, problem: string): ProtocolError {
  return protocolError(
    "InvalidParams",
    `The answer to "${key}" is not a result of ${method}: ${problem}`,
  );
}
