/**
 * Questions in the middle of a request: one mechanism for every revision.
 * MCP patterns/mrtr, client/elicitation, client/sampling, client/roots.
 * A question whose answer is known returns it. Otherwise it is noted, the handler is left by a throw, and the request
 * ends as "input required"; the era brings the answer and the handler runs again from its start. No question is put
 * more than {@link MAX_ASKS} times: an answer that never fits, or never comes, ends the request.
 */

import type * as z from "zod/mini";
import { base64url } from "../base/bytes.ts";
import { randomBytes } from "../base/clock.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { refused, type InputRequest, type Memory, type Outcome } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import type { ClientCapabilities } from "../revision/envelope.ts";
import type { Ability, Answer, Context, UrlQuestion } from "./context.ts";
import { elicited, listedRoots, sampled } from "./answers.ts";
import { compileForm } from "./form.ts";
import { requireBalance } from "./sampling.ts";
import { checkOf } from "./zod.ts";

/** How often one question of a request is put. */
export const MAX_ASKS = 5;

/** Thrown to leave a handler that waits for an answer. One object: it is recognised by identity and carries nothing. */
const WAITING: Error = new Error("This request waits for the client; let this error pass");

export interface Questions extends Pick<Context, "ask" | "askUrl" | "requireUrl" | "sample" | "roots" | "once"> {
  /** How the request ends because of its questions, or undefined when none is open. Outranks what the handler returned. */
  open(): Promise<Outcome | undefined>;
}

/** What a client can answer. An empty `elicitation` means forms (MCP client/elicitation#capabilities). */
export function can({ elicitation, sampling, roots }: ClientCapabilities, ability: Ability): boolean {
  if (ability === "form")
    return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
  if (ability === "url") return elicitation?.url !== undefined;
  if (ability === "sampling") return sampling !== undefined;
  if (ability === "sampling.tools") return sampling?.tools !== undefined;
  return roots !== undefined;
}

const REQUIRED: Record<Ability, JsonObject> = {
  form: { elicitation: { form: {} } },
  url: { elicitation: { url: {} } },
  sampling: { sampling: {} },
  "sampling.tools": { sampling: { tools: {} } },
  roots: { roots: {} },
};

/** How a request ends by an error that whoever called may read. */
export type Fail = (reason: Refusal) => Outcome;

/** Makes an elicitation id. Revisions without sessions have none. */
type Issue = (() => Promise<string>) | undefined;

/** The questions of one run of a handler. `memory` is what earlier rounds left. */
export function askingFor(capabilities: ClientCapabilities, memory: Memory, fail: Fail, issue: Issue): Questions {
  const round = startRound(capabilities, memory, fail);
  const once: JsonObject = { ...memory.once };
  const working: Promise<unknown>[] = [];
  /** Work that must be done before the round ends. */
  const track = <T>(work: Promise<T>): Promise<T> => {
    working.push(work);
    return work;
  };
  const askUrl = async (key: string, question: UrlQuestion): Promise<Answer<undefined>> => {
    const { action } = round.answerTo(key, "url", await urlRequest(question, issue), elicited());
    return action === "accept" ? { action, content: undefined } : { action };
  };
  const requireUrl = async (key: string, question: UrlQuestion): Promise<never> => {
    round.need("url");
    const request = await urlRequest(question, issue);
    return issue === undefined ? round.wait(key, request) : round.refuse(urlRequired(request));
  };
  return {
    async ask(key, { message, form }) {
      const { schema: requestedSchema, check } = compileForm(form);
      // spec: elicit.params.complete
      const request: InputRequest = { method: "elicitation/create", params: { message, requestedSchema } };
      const answer = round.answerTo(key, "form", request, elicited());
      // spec: elicit.decline.handle
      if (answer.action !== "accept") return { action: answer.action };
      // spec: elicit.response.validate
      const content = check(answer.content ?? {});
      if (content.ok) return { action: "accept", content: content.value as never };
      const unfit = `The answer did not fit: ${content.error}`;
      const again = { message: `${message}\n\n${unfit}`, requestedSchema };
      return round.wait(key, { method: request.method, params: again }, unfit);
    },
    askUrl: (key, question) => track(askUrl(key, question)),
    requireUrl: (key, question) => track(requireUrl(key, question)),
    async sample(key, request) {
      // spec: sampling.tools.declared
      const ability = request.tools === undefined ? "sampling" : "sampling.tools";
      requireBalance(request.messages);
      const params = JSON.parse(JSON.stringify(request)) as JsonObject;
      return round.answerTo(key, ability, { method: "sampling/createMessage", params }, sampled());
    },
    async roots(key) {
      return round.answerTo(key, "roots", { method: "roots/list", params: {} }, listedRoots()).roots;
    },
    async once<T extends JsonValue>(key: string, action: () => T | Promise<T>) {
      if (Object.hasOwn(once, key)) return once[key] as T;
      const value = await track(Promise.resolve(action()));
      once[key] = value;
      return value;
    },
    async open() {
      // A question asked beside a running `once` must not forget what that did, nor one that still gets its id.
      await Promise.allSettled(working);
      return round.end(once);
    },
  };
}

/** What one run of a handler may ask and what it learns; `given` holds the answers of earlier rounds. */
function startRound(capabilities: ClientCapabilities, { answers: given, asked: before = {} }: Memory, fail: Fail) {
  // spec: mrtr.keys.unique
  const requests = new Map<string, InputRequest>();
  const answers: JsonObject = {};
  const lacking: JsonObject = {};
  const asked = new Map<string, JsonValue>(Object.entries(before));
  let fault: Outcome | undefined;

  /** Notes the question, again or for the first time, and leaves the handler. `why` says what was wrong with the answer. */
  const wait = (key: string, request: InputRequest, why: string = ""): never => {
    const times = Number(asked.get(key) ?? 0) + 1;
    const vain = `"${key}" was asked ${MAX_ASKS} times in vain. ${why}`;
    if (times > MAX_ASKS) fault = fail(refusal("InvalidParams", vain));
    asked.set(key, times);
    delete answers[key];
    requests.set(key, request);
    throw WAITING;
  };
  /** Ends the request with a refusal. */
  const refuse = (reason: Refusal): never => {
    fault = refused(reason);
    throw WAITING;
  };
  /** Leaves the handler unless the client can answer this kind of question. */
  const need = (ability: Ability): void => {
    // spec: mrtr.capability.declared, elicit.mode.declared, meta.capability.refuse, meta.capability.undeclared
    if (can(capabilities, ability)) return;
    const data = { requiredCapabilities: Object.assign(lacking, REQUIRED[ability]) };
    refuse(refusal("MissingRequiredClientCapability", `The client did not declare ${ability}`, data));
  };
  /** The answer to `key` as `shape` reads it; notes the question and leaves the handler when there is none. */
  const answerTo = <T>(key: string, ability: Ability, request: InputRequest, shape: z.core.$ZodType<T>): T => {
    need(ability);
    const raw = Object.hasOwn(given, key) ? given[key] : undefined;
    // spec: mrtr.responses.missing
    if (raw === undefined) return wait(key, request);
    const read = checkOf(shape)(raw);
    // spec: mrtr.responses.validate
    if (!read.ok)
      return refuse(
        refusal("InvalidParams", `The answer to "${key}" is not a result of ${request.method}: ${read.error}`),
      );
    answers[key] = raw;
    return read.value;
  };
  /** How the questions end the request, or undefined when all were answered. */
  const end = (once: JsonObject): Outcome | undefined => {
    if (fault !== undefined) return fault;
    if (requests.size === 0) return undefined;
    const memory = { answers, once, asked: Object.fromEntries(asked) };
    return { kind: "input", requests: Object.fromEntries(requests), memory };
  };
  return { wait, refuse, need, answerTo, end };
}

/** A question by URL. In a session it has an id, by which the client can be told that the person is done. */
async function urlRequest({ message, url }: UrlQuestion, issue: Issue): Promise<InputRequest> {
  const elicitationId = issue === undefined ? base64url(randomBytes(12)) : await issue();
  // spec: elicit.url.valid, elicit.url.params, session.elicit.url.id
  const href = new URL(typeof url === "string" ? url : url(elicitationId)).href;
  const params = { mode: "url", message, url: href, ...(issue !== undefined && { elicitationId }) };
  return { method: "elicitation/create", params };
}

// spec: session.elicit.required.only, session.elicit.required.list, session.elicit.required.url
function urlRequired({ params }: InputRequest): Refusal {
  const data = { elicitations: [params] };
  return refusal("UrlElicitationRequired", "This request can be made again when the person is done", data);
}
