/**
 * What a handler is given besides its arguments. Types only; `run.ts` makes one for each request.
 */

import type { Caller } from "../base/caller.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { ListName } from "../hub/change.ts";
import type { Implementation, LogLevel } from "../revision/envelope.ts";
import type * as z from "zod/mini";
import type { SamplingMessage } from "./content.ts";

/** What a person did with a question. */
export type Answer<T> = { readonly action: "accept"; readonly content: T } | { readonly action: "decline" | "cancel" };

/** A form: a zod object, or the flat JSON Schema that elicitation allows. */
export type Form = z.core.$ZodObject | JsonObject;
export type FormContent<F extends Form> = F extends z.core.$ZodType ? z.infer<F> : Readonly<Record<string, JsonValue>>;

export interface SamplingRequest {
  readonly messages: readonly SamplingMessage[];
  readonly maxTokens: number;
  readonly systemPrompt?: string;
  readonly temperature?: number;
  readonly stopSequences?: readonly string[];
  readonly modelPreferences?: JsonObject;
  /** Needs the client's `sampling.tools`. */
  readonly tools?: readonly JsonObject[];
  readonly toolChoice?: { readonly mode: "auto" | "required" | "none" };
}

/** A content block: text, image, audio, tool use. Only `type` is checked. */
export interface SamplingContent {
  readonly type: string;
  readonly [member: string]: unknown;
}

export interface SamplingResult {
  readonly role: "user" | "assistant";
  readonly content: SamplingContent | readonly SamplingContent[];
  readonly model: string;
  readonly stopReason?: string | undefined;
}

export interface Root {
  readonly uri: string;
  readonly name?: string | undefined;
}

export interface UrlQuestion {
  readonly message: string;
  /** https outside of development. May hold the elicitation id, for the page to say when the person is done. */
  readonly url: string | ((elicitationId: string) => string);
}

/** A kind of question. Ask `can` before asking what a client may not be able to answer. */
export type Ability = "form" | "url" | "sampling" | "sampling.tools" | "roots";

export interface Context {
  readonly caller: Caller;
  readonly client: { readonly info: Implementation | undefined; can(ability: Ability): boolean };
  /** Aborted when the client has cancelled or left. */
  readonly signal: AbortSignal;

  /** Tells how far the work is. Values that do not increase are dropped, as is everything when nobody asked. */
  readonly progress: (progress: number, total?: number, message?: string) => void;
  /** A log line for the client, sent only at or above the level that it asked for. No secrets, no personal data. */
  readonly log: (level: LogLevel, data: JsonValue, logger?: string) => void;

  /**
   * Questions to the client. The first round ends the call by throwing; when the answer has come the handler runs
   * again from its start and the same call returns it. Ask several at once with `Promise.all`. `key` names the
   * question within this request. A client without the ability makes the call end with an error.
   */
  readonly ask: <F extends Form>(
    key: string,
    question: { message: string; form: F },
  ) => Promise<Answer<FormContent<F>>>;
  /** Sends the person to `url` for what must not pass through the client. "accept" means agreed, not finished. */
  readonly askUrl: (key: string, question: UrlQuestion) => Promise<Answer<undefined>>;
  /**
   * Ends the request until the person has been to `url`: the client makes it again then. Call it as long as your own
   * records say that the person is not done.
   */
  readonly requireUrl: (key: string, question: UrlQuestion) => Promise<never>;
  /** Tells the client that asked that the person is done at the URL of this elicitation id. */
  readonly completed: (elicitationId: string) => void;
  readonly sample: (key: string, request: SamplingRequest) => Promise<SamplingResult>;
  readonly roots: (key: string) => Promise<readonly Root[]>;
  /** Runs `action` in the first round only and gives its result in every later one. The result travels sealed. */
  readonly once: <T extends JsonValue>(key: string, action: () => T | Promise<T>) => Promise<T>;

  /** Lets a session's client go while the work goes on: it comes back for the rest. Elsewhere this does nothing. */
  readonly release: () => void;

  /** Tells listeners that a list changed. */
  readonly changed: (list: ListName) => void;
  /** Tells subscribers that a resource changed; with "caller", only those of the same caller. */
  readonly updated: (uri: string, audience?: "everyone" | "caller") => void;
}
