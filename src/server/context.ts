/**
 * What a handler is given besides its arguments. Types only; `run.ts` makes one for each request.
 */

import type { Caller } from "../base/caller.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { Secret } from "../base/secret.ts";
import type { FetchResult, FetchLimits, FetchOptions } from "../net/fetch.ts";
import type { CachedValue, CacheOptions, RateLimitResult, Store } from "../storage/types.ts";
import type { CredentialInfo, Upstream } from "../vault/types.ts";
import type { ListName } from "../protocol/change.ts";
import type { Implementation, LogLevel } from "../protocol/request-meta.ts";
import type * as z from "zod/mini";
import type { SamplingMessage } from "./content.ts";

/** What a person did with a question. */
export type ElicitResult<T> =
  | { readonly action: "accept"; readonly content: T }
  | { readonly action: "decline" | "cancel" };

/** A form: a zod object, or the flat JSON Schema that elicitation allows. */
export type ElicitationForm = z.core.$ZodObject | JsonObject;
export type ElicitationContent<F extends ElicitationForm> = F extends z.core.$ZodType
  ? z.infer<F>
  : Readonly<Record<string, JsonValue>>;

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

/** A kind of question. Ask `can` before asking what a client may not be able to answer. */
export type InputCapability = "form" | "url" | "sampling" | "sampling.tools" | "roots";

/** Whose a cached value is: everybody's unless told. A value made with a caller's credential is the caller's. */
export interface ScopedCacheOptions extends CacheOptions {
  readonly scope?: "everyone" | "caller";
}
/** Whose uses are counted together: the caller's unless told. */
export interface RateLimitOptions {
  readonly scope?: "everyone" | "caller";
}

/** The caller's credentials for upstream services, sealed. Faults are errors that the caller may read. */
export interface Credentials {
  /** Keeps a credential, in place of the one that was there. */
  put(service: string, name: string, value: JsonObject): Promise<void>;
  get(service: string, name: string): Promise<Secret<JsonObject> | undefined>;
  /** The access token of an OAuth credential, renewed when it is about to expire. */
  token(service: string, name: string, upstream: Upstream): Promise<Secret | undefined>;
  /** True when there was one. */
  delete(service: string, name: string): Promise<boolean>;
  list(service?: string): Promise<readonly CredentialInfo[]>;
}

export interface Context {
  readonly caller: Caller;
  readonly client: { readonly info: Implementation | undefined; supports(capability: InputCapability): boolean };
  /** Aborted when the client has cancelled or left, or, with a TimeoutError as its reason, when the call's time is over. */
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
  readonly elicitForm: <F extends ElicitationForm>(
    key: string,
    elicitation: { message: string; form: F },
  ) => Promise<ElicitResult<ElicitationContent<F>>>;
  /** Sends the person to `url` for what must not pass through the client. "accept" means agreed, not finished. */
  readonly elicitUrl: (key: string, elicitation: UrlElicitation) => Promise<ElicitResult<undefined>>;
  /**
   * Ends the request until the person has been to `url`: the client makes it again then. Call it as long as your own
   * records say that the person is not done.
   */
  readonly requireUrl: (key: string, elicitation: UrlElicitation) => Promise<never>;
  /** Tells the client that asked that the person is done at the URL of this elicitation id. One that was made up tells nobody. */
  readonly elicitationComplete: (elicitationId: string) => void;
  readonly sample: (key: string, request: SamplingRequest) => Promise<SamplingResult>;
  readonly roots: (key: string) => Promise<readonly Root[]>;
  /** Runs `action` in the first round only and gives its result in every later one. The result travels sealed. */
  readonly once: <T extends JsonValue>(key: string, action: () => T | Promise<T>) => Promise<T>;

  /** The caller's own storage: the same in every session, era and client. On a server that asks nobody, everybody's. */
  readonly storage: Store;
  /** Makes storage that lives for so many seconds (default 30 days), and gives the caller's handle to it: a tool argument. */
  readonly createStorage: (seconds?: number) => Promise<string>;
  /** The storage behind a handle. A handle that is expired, made up or another caller's ends the call, and wakes nothing. */
  readonly openStorage: (handle: string) => Promise<Store>;
  /** A handle to the same storage for whoever holds it, for so many seconds and never longer than the first one. */
  readonly shareStorage: (handle: string, seconds?: number) => Promise<string>;
  /**
   * The value of `key`, loaded at most once in `ttl` seconds, or once a day (UTC) with "today", by one of all who ask
   * at the same time. When loading fails, an old value is given for a while, and says so.
   */
  readonly cache: <T extends JsonValue>(
    key: string,
    ttl: number | "today",
    load: () => Promise<T>,
    options?: ScopedCacheOptions,
  ) => Promise<CachedValue<T>>;
  /** Counts a use of `key`, of which there may be `max` in any `windowMs` milliseconds. Says whether this one may be. */
  readonly rateLimit: (
    key: string,
    max: number,
    windowMs: number,
    options?: RateLimitOptions,
  ) => Promise<RateLimitResult>;
  readonly vault: Credentials;
  /** Fetches from an upstream that the operator configured. Passes the trace on. The reason of a failure is dotted. */
  readonly fetch: (url: string, limits: FetchLimits & FetchOptions) => Promise<Result<FetchResult, string>>;

  /** Lets a session's client go while the work goes on: it comes back for the rest. Elsewhere this does nothing. */
  readonly closeStream: () => void;

  /** Tells listeners that a list changed. */
  readonly listChanged: (list: ListName) => void;
  /** Tells subscribers that a resource changed; with "caller", only those of the same caller. */
  readonly resourceUpdated: (uri: string, audience?: "everyone" | "caller") => void;
}
