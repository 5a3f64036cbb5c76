/**
 * All that an app imports: what `src/app/` is written with, and nothing else of `src/`. A test holds it.
 * Each name is documented where it is defined. What is not here may change without notice.
 */

// ---- Definitions -----------------------------------------------------------------------------------------

export {
  prompt,
  defineTool,
  resource,
  template,
  type Completer,
  type PromptSpec,
  type ResourceReadResult,
  type ResourceSpec,
  type ResourceTemplate,
  type ScopeInfo,
  type Scopes,
  type ServerSpec,
  type TemplateSpec,
  type Tool,
  type ToolSpec,
} from "./server/define.ts";
export type { Check, RawSchema } from "./server/schema.ts";
export { expandTemplate } from "./server/uri-template.ts";
export type { Platform } from "./server/feature.ts";
export type { Server } from "./server/registry.ts";
export {
  PublicError,
  type Annotations,
  type ContentBlock,
  type Icon,
  type PromptMessage,
  type ResourceContents,
  type Role,
  type SamplingMessage,
  type ToolResult,
} from "./server/content.ts";

// ---- Tools and forms in JSON Schema -----------------------------------------------------------------------

export { jsonSchema } from "./server/json-schema.ts";
export { object, type ValueOf, type ValueSchema } from "./server/value-schema.ts";

// ---- Tools and forms in zod ------------------------------------------------------------------------------

export { checkWith, form, tool, type Schema } from "./server/zod.ts";

// ---- What a handler is given -----------------------------------------------------------------------------

export type {
  Context,
  ElicitationContent,
  ElicitationForm,
  ElicitResult,
  InputCapability,
  Root,
  SamplingContent,
  SamplingRequest,
  SamplingResult,
  UrlElicitation,
} from "./server/context.ts";
export { ownerKey, type Caller } from "./base/caller.ts";

// ---- Skills ----------------------------------------------------------------------------------------------

export { skill, type Skill, type SkillFile, type SkillSpec } from "./extensions/skills/skill.ts";

// ---- Server card -----------------------------------------------------------------------------------------

export type { CardDetails } from "./extensions/server-card/feature.ts";

// ---- Sessions and changes --------------------------------------------------------------------------------

export type { SessionsContext } from "./transport/session/feature.ts";
export type { SubscriptionsContext } from "./transport/stateless/subscriptions.ts";

// ---- Storage ---------------------------------------------------------------------------------------------

export type { RateLimitOptions, ScopedCacheOptions, StorageContext } from "./storage/context.ts";
export type {
  CachedValue,
  CacheOptions,
  ListOptions,
  RateLimitResult,
  SqlValue,
  Store,
} from "./storage/types.ts";

// ---- Vault -----------------------------------------------------------------------------------------------

export type { Credentials, VaultContext } from "./vault/context.ts";
export { openVault } from "./vault/feature.ts";
export type { CredentialId, CredentialInfo, Upstream } from "./vault/types.ts";
export type { Vault } from "./vault/vault.ts";

// ---- How people sign in, and what they see ---------------------------------------------------------------

export type { LoginHooks, LoginOptions } from "./oauth/authorization-server/types.ts";
export type {
  AuthenticatedPerson,
  Person,
  SignInContext,
  SignInField,
  SignInMethod,
  SignInResult,
} from "./oauth/sign-in/types.ts";
export {
  apiKey,
  CREDENTIAL_ID,
  readApiKeyService,
  valueAtPath,
  type ApiKeyService,
  type ApiKeyServiceEnv,
} from "./oauth/sign-in/api-key.ts";
export { openId } from "./oauth/sign-in/openid.ts";
export { passphrase } from "./oauth/sign-in/passphrase.ts";
export { isPassphraseHash, verifyPassphrase } from "./crypto/passphrase.ts";
export type {
  AccountView,
  ClientView,
  ConsentView,
  MessageView,
  RenderPage,
  SignInView,
  View,
} from "./oauth/pages/views.ts";
export { renderPage } from "./oauth/pages/default-pages.ts";

// ---- Requests to others ----------------------------------------------------------------------------------

export {
  fetchConfigured,
  fetchUntrusted,
  JSON_LIMITS,
  type FetchLimits,
  type FetchOptions,
  type FetchResult,
} from "./net/fetch.ts";
export { openWebSocket } from "./net/websocket.ts";

// ---- Pages and answers of the site -----------------------------------------------------------------------

export { html, type Html } from "./base/html.ts";
export { ICON_PATH, pageHeaders, writePage } from "./base/page.ts";
export { acceptsMediaType } from "./wire/media-type.ts";
export { errorResponse, isRead, jsonResponse } from "./wire/response.ts";
export { protocolError } from "./base/protocol-error.ts";

// ---- Small parts that everything here is written with ----------------------------------------------------

export {
  isObject,
  readJson,
  readJsonObject,
  type JsonObject,
  type JsonValue,
} from "./base/json.ts";
export { errorStack, log } from "./base/log.ts";
export { DurableObject } from "./base/platform.ts";
export { err, ok, type Result } from "./base/result.ts";
export { now, randomBytes, sleep, startTimer, withTimeout } from "./base/time.ts";
export { createSettings, type Settings } from "./base/settings.ts";
export { cut, decodeBase64, encodeBase64url } from "./base/bytes.ts";
