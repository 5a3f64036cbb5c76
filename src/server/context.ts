/**
 * What a handler is given besides its arguments. Types only; `handler-context.ts` makes one for each run.
 */

import type { Caller } from "../base/caller.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { FetchResult, FetchLimits, FetchOptions } from "../net/fetch.ts";
import type { Implementation, LogLevel } from "../protocol/request-meta.ts";
import type { RawSchema } from "./schema.ts";
import type { SamplingMessage } from "./content.ts";

/** What a person did with a question. */
export type ElicitResult<T> =
  | { readonly action: "accept"; readonly content: T }
  | { readonly action: "decline" | "cancel" };

/** A form: the flat JSON Schema that elicitation allows, or that with a check of its own, such as `form(z.object({ … }))`. */
export type ElicitationForm = JsonObject | RawSchema;
export type ElicitationContent<F extends ElicitationForm> =
  F extends RawSchema<infer T> ? T : Readonly<Record<string, JsonValue>>;

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

export interface UrlElicitation {
  readonly message: string;
  /** https outside of development. May hold the elicitation id, for the page to say when the person is done. */
  readonly url: string | ((elicitationId: string) => string);
}

/** A kind of question. Ask `client.supports` before asking what a client may not be able to answer. */
export type InputCapability = "form" | "url" | "sampling" | "sampling.tools" | "roots";

/** What every handler is given; `Context` is this, and what each feature of the server adds. */
export interface BaseContext {
  readonly caller: Caller;
  readonly client: {
    readonly info: Implementation | undefined;
    supports(capability: InputCapability): boolean;
  };
  /** Aborted when the client has cancelled or left, or, with a TimeoutError as its reason, when the call's time is over. */
  readonly signal: AbortSignal;

  /** Tells how far the work is. Values that do not increase are dropped, as is everything when nobody asked. */
  readonly progress: (progress: number, total?: number, message?: string) => void;
  /** A log line for the client, sent only at or above the level that it asked for. No secrets, no personal data. */
  readonly log: (level: LogLevel, data: JsonValue, logger?: string) => void;

  /**
   * Questions to the client. The first round ends the call by throwing; when the answer has come the handler runs
   * again from its start and the same call returns it. Ask several at once with `Promise.all`. `key` names the
   * question within this request; the same one again in a run gives the same object. A client without the ability makes
   * the call end with an error.
   */
  readonly elicitForm: <F extends ElicitationForm>(
    key: string,
    elicitation: { message: string; form: F },
  ) => Promise<ElicitResult<ElicitationContent<F>>>;
  /** Sends the person to `url` for what must not pass through the client. "accept" means agreed, not finished. */
  readonly elicitUrl: (
    key: string,
    elicitation: UrlElicitation,
  ) => Promise<ElicitResult<undefined>>;
  /**
   * Ends the request until the person has been to `url`: the client makes it again then. Call it as long as your own
   * records say that the person is not done. Where the person will not go there, the request ends with an error.
   */
  readonly requireUrl: (key: string, elicitation: UrlElicitation) => Promise<never>;
  readonly sample: (key: string, request: SamplingRequest) => Promise<SamplingResult>;
  readonly roots: (key: string) => Promise<readonly Root[]>;
  /** Runs `action` in the first round only and gives its result in every later one. The result travels sealed. */
  readonly once: <T extends JsonValue>(key: string, action: () => T | Promise<T>) => Promise<T>;

  /** Fetches from an upstream that the operator configured. Passes the trace on. The reason of a failure is dotted. */
  readonly fetch: (
    url: string,
    limits: FetchLimits & FetchOptions,
  ) => Promise<Result<FetchResult, string>>;

  /** Lets a session's client go while the work goes on: it comes back for the rest. Elsewhere this does nothing. */
  readonly closeStream: () => void;
}

/** What a handler is given besides its arguments. Features declare what they add. */
export interface Context extends BaseContext {}
