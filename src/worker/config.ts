/**
 * Bindings and variables, read once and checked. Refuses to start on a missing or weak key, and says which.
 * Everything beyond the objects and `KEYS` has a default that is right for `make dev`.
 */

import * as z from "zod/mini";
import { readJson } from "../base/json.ts";
import { readKeyRing, type KeyRing } from "../crypto/key-ring.ts";
import type { HubObject } from "../hub/hub-object.ts";
import type { AccountObject } from "../oauth/authorization-server/account-object.ts";
import type { ConfiguredClient, AuthorizationServerSettings } from "../oauth/settings.ts";
import type { GrantObject } from "../oauth/authorization-server/grant-object.ts";
import type { ExternalIssuer } from "../oauth/resource-server/external-issuer.ts";
import { SUPPORTED_VERSIONS } from "../protocol/versions.ts";
import type { SessionObject } from "../transport/session/session-object.ts";
import type { OtlpSettings } from "../telemetry/tracer.ts";
import type { StoreObject } from "../storage/store-object.ts";
import type { OriginPolicy } from "../wire/origin.ts";

export interface Env {
  readonly HUB: DurableObjectNamespace<HubObject<unknown>>;
  readonly SESSION: DurableObjectNamespace<SessionObject<unknown>>;
  readonly GRANT: DurableObjectNamespace<GrantObject<unknown>>;
  readonly ACCOUNT: DurableObjectNamespace<AccountObject>;
  readonly STORE: DurableObjectNamespace<StoreObject>;
  /** The database of credentials. Without it no handler can keep any. */
  readonly VAULT?: D1Database;
  /** Where objects live for good: "eu", "us", "fedramp" or "fedramp-high". Set it before anybody comes: what is elsewhere is not found. */
  readonly JURISDICTION?: string;
  /** Near where objects are made, such as "weur" or "apac". */
  readonly LOCATION_HINT?: string;
  /** Base address of a collector that takes OTLP/HTTP JSON. Empty: nothing is recorded. */
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string;
  /** Header fields for it: "name=value", comma separated, percent-encoded. A secret. */
  readonly OTEL_EXPORTER_OTLP_HEADERS?: string;
  /** What this server is called there; its own name when empty. */
  readonly OTEL_SERVICE_NAME?: string;
  /** 0 to 1: the share of traces that begin here and are recorded; all when empty. */
  readonly OTEL_TRACES_SAMPLER_ARG?: string;
  /** The platform's rate limiter, asked once per message. Without it calls are not limited. */
  readonly LIMITER?: RateLimit;
  /** The same for the authorization server, by address. */
  readonly AUTH_LIMITER?: RateLimit;
  /** The key ring: "id:base64 of 32 bytes", comma separated; the first seals. A secret. */
  readonly KEYS?: string;
  /** This server's address as clients know it, such as https://mcp.example.com. */
  readonly PUBLIC_URL?: string;
  /** The origin that tokens, and all that is kept for callers, are bound to, wherever the server is; empty: where it is asked. */
  readonly IDENTITY?: string;
  /** Origins of browser clients beyond loopback and PUBLIC_URL, comma separated. */
  readonly ALLOWED_ORIGINS?: string;
  /** The date of the one revision with sessions to negotiate; all of them when empty. */
  readonly SESSION_PROTOCOL_VERSION?: string;
  /** Largest request body in bytes; default 4 MiB. */
  readonly MAX_BODY_BYTES?: string;
  /** How long a handler may take before its call ends with an error; default 300. A tool may have its own `timeoutSeconds`. */
  readonly HANDLER_SECONDS?: string;
  /** "1" writes stacks as text of several lines, which `wrangler dev` maps to lines of the source. */
  readonly DEV?: string;
  /** "none" serves everybody without asking. Empty: whoever comes signs in. */
  readonly AUTH?: string;
  /** An outside authorization server, by its issuer identifier; empty: this server is its own. */
  readonly AUTH_ISSUER?: string;
  /** "client_id:client_secret" at AUTH_ISSUER, to ask it about opaque tokens (RFC 7662). A secret. */
  readonly AUTH_INTROSPECTION?: string;
  /** "1" also takes JWTs of AUTH_ISSUER whose type does not say that they are access tokens (RFC 9068). */
  readonly ACCEPT_ANY_JWT_TYPE?: string;
  /** Clients known beforehand: a JSON list, see {@link ConfiguredClient}. */
  readonly CLIENTS?: string;
  /** "1" takes no client metadata documents, as in a network without internet. */
  readonly DISABLE_CLIENT_METADATA_DOCUMENTS?: string;
  /** Life of an access token; default 900. */
  readonly ACCESS_SECONDS?: string;
  /** How long a grant may lie unused; default 30 days. */
  readonly REFRESH_SECONDS?: string;
  /** How long a rotated refresh token still gets its successor; default ACCESS_SECONDS, 0 is strict. */
  readonly GRACE_SECONDS?: string;
  /** "1" asks the grant on every request, so that revocation does not wait for ACCESS_SECONDS. */
  readonly STRICT_REVOCATION?: string;
}

export interface Config {
  readonly ring: KeyRing;
  /** The origin of PUBLIC_URL. */
  readonly publicOrigin: string | undefined;
  /** The origin of IDENTITY. */
  readonly identity: string | undefined;
  readonly originPolicy: OriginPolicy;
  readonly maxBodyBytes: number;
  readonly handlerSeconds: number;
  readonly pinnedRevision: string | undefined;
  /** Who vouches for callers. */
  readonly auth: "none" | "builtin" | ExternalIssuer;
  readonly oauth: Omit<AuthorizationServerSettings, "serverName" | "scopes">;
  /** Where traces go; nowhere when undefined. */
  readonly collector: (Omit<OtlpSettings, "service" | "version"> & { readonly service?: string }) | undefined;
}

/** The checked configuration. Throws with the name of every variable that is wrong; never prints a secret. */
export function readConfig(env: Env): Config {
  const faults: string[] = [];
  const { KEYS, ALLOWED_ORIGINS = "", SESSION_PROTOCOL_VERSION = "", AUTH = "", AUTH_ISSUER = "" } = env;
  const readInteger = (
    name: "MAX_BODY_BYTES" | `${"ACCESS" | "REFRESH" | "GRACE" | "HANDLER"}_SECONDS`,
    minimum: number,
    fallback: number,
  ) => {
    const text = env[name] ?? "";
    if (/^\d{0,9}$/.test(text) && (text === "" || Number(text) >= minimum))
      return text === "" ? fallback : Number(text);
    faults.push(`${name} must be a whole number of at least ${minimum}`);
    return fallback;
  };
  const ring = readKeyRing(typeof KEYS === "string" ? KEYS : "");
  if (!ring.ok)
    faults.push(`KEYS${KEYS === undefined ? " is missing: make dev makes one for local use" : `: ${ring.error}`}`);
  const readUrl = (name: "PUBLIC_URL" | "IDENTITY"): URL | undefined => {
    const text = env[name] ?? "";
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (text !== "" && !/^https?:$/.test(url?.protocol ?? "")) faults.push(`${name} must be an http or https URL`);
    return url;
  };
  const publicUrl = readUrl("PUBLIC_URL");
  faults.push(...faultyChoices(env));
  const collector = readCollector(env);
  if (typeof collector === "string") faults.push(collector);
  const clients = readClients(env.CLIENTS ?? "");
  if (typeof clients === "string") faults.push(clients);
  const accessSeconds = readInteger("ACCESS_SECONDS", 1, 900);
  const externalIssuer = {
    issuer: AUTH_ISSUER,
    introspection: env.AUTH_INTROSPECTION,
    acceptsAnyJwtType: env.ACCEPT_ANY_JWT_TYPE === "1",
  };
  const builtinOrExternal = AUTH_ISSUER === "" ? "builtin" : externalIssuer;
  const config = {
    publicOrigin: publicUrl?.origin,
    identity: readUrl("IDENTITY")?.origin,
    originPolicy: originPolicyFor(publicUrl, ALLOWED_ORIGINS),
    maxBodyBytes: readInteger("MAX_BODY_BYTES", 1, 4_194_304),
    handlerSeconds: readInteger("HANDLER_SECONDS", 1, 300),
    pinnedRevision: SESSION_PROTOCOL_VERSION === "" ? undefined : SESSION_PROTOCOL_VERSION,
    collector: typeof collector === "string" ? undefined : collector,
    auth: AUTH === "none" ? AUTH : builtinOrExternal,
    oauth: {
      clients: typeof clients === "string" ? [] : clients,
      acceptsMetadataDocuments: env.DISABLE_CLIENT_METADATA_DOCUMENTS !== "1",
      publicHost: publicUrl?.hostname,
      codeSeconds: 60,
      accessSeconds,
      refreshSeconds: readInteger("REFRESH_SECONDS", 60, 2_592_000),
      graceSeconds: readInteger("GRACE_SECONDS", 0, accessSeconds),
      hasStrictRevocation: env.STRICT_REVOCATION === "1",
    },
  } satisfies Omit<Config, "ring">;
  if (!ring.ok || faults.length > 0) throw new Error(`Configuration: ${faults.join("; ")}`);
  return { ...config, ring: ring.value };
}

/** What is wrong with the settings that are one of a few words. */
function faultyChoices({
  SESSION_PROTOCOL_VERSION = "",
  JURISDICTION = "",
  LOCATION_HINT = "",
  AUTH = "",
  AUTH_ISSUER = "",
}: Env): string[] {
  const faults: string[] = [];
  if (SESSION_PROTOCOL_VERSION !== "" && !SUPPORTED_VERSIONS.includes(SESSION_PROTOCOL_VERSION))
    faults.push(`SESSION_PROTOCOL_VERSION must be one of ${SUPPORTED_VERSIONS.join(", ")}`);
  if (!/^(eu|us|fedramp|fedramp-high|)$/.test(JURISDICTION))
    faults.push("JURISDICTION must be eu, us, fedramp or fedramp-high");
  if (!/^([a-z]{2,5}|)$/.test(LOCATION_HINT)) faults.push('LOCATION_HINT must be a region such as "weur"');
  if (AUTH !== "" && AUTH !== "none") faults.push('AUTH must be empty or "none"');
  if (AUTH_ISSUER !== "" && (!URL.canParse(AUTH_ISSUER) || AUTH === "none"))
    faults.push("AUTH_ISSUER must be a URL, and AUTH empty beside it");
  return faults;
}

/** Whom the server answers beyond loopback: its own address, and the browser clients that the operator lists. */
function originPolicyFor(publicUrl: URL | undefined, allowedOrigins: string): OriginPolicy {
  const browserOrigins = allowedOrigins.split(/[\s,]+/).filter((origin) => origin !== "");
  return {
    allowedOrigins: publicUrl === undefined ? browserOrigins : [publicUrl.origin, ...browserOrigins],
    allowedHosts: publicUrl === undefined ? [] : [publicUrl.hostname],
  };
}

/** Where traces go, or what is wrong with that. OpenTelemetry's names; of its settings these four are known. */
function readCollector(env: Env): Config["collector"] | string {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", OTEL_SERVICE_NAME: service = "" } = env;
  const { OTEL_EXPORTER_OTLP_HEADERS: headerList = "", OTEL_TRACES_SAMPLER_ARG: ratioText = "" } = env;
  if (endpoint === "") return undefined;
  if (!URL.canParse(endpoint) || !/^https?:\/\/[^@?#\s]+$/.test(endpoint))
    return "OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL without user, query and fragment";
  const ratio = ratioText === "" ? 1 : Number(ratioText);
  if (!(ratio >= 0 && ratio <= 1)) return "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1";
  const headers: Record<string, string> = {};
  for (const field of headerList.split(",").filter((entry) => entry.trim() !== "")) {
    // Of what is encoded only visible ASCII and the space can stand in a field: a line break would begin another.
    const [, name, value] = /^\s*([\w-]+)\s*=\s*((?:[!-$&-~]|%[2-6][0-9A-Fa-f]|%7[0-9A-Ea-e])+)\s*$/.exec(field) ?? [];
    if (name === undefined || value === undefined)
      return "OTEL_EXPORTER_OTLP_HEADERS must be name=value, comma separated and percent-encoded";
    headers[name.toLowerCase()] = decodeURIComponent(value);
  }
  return { endpoint, headers, sampleRatio: ratio, ...(service !== "" && { service }) };
}

/** The list in CLIENTS, or what is wrong with it. */
function readClients(text: string): readonly ConfiguredClient[] | string {
  if (text === "") return [];
  const strings = z.array(z.string());
  const shape = z.array(
    z.strictObject({
      client_id: z.string().check(z.minLength(1), z.maxLength(200)),
      client_name: z.string().check(z.minLength(1)),
      redirect_uris: strings,
      client_secret_sha256: z.optional(z.string().check(z.length(43))),
      jwks: z.optional(z.record(z.string(), z.json())),
      grant_types: z.optional(strings),
      scope: z.optional(z.string()),
    }),
  );
  const parsed = z.safeParse(shape, readJson(text));
  // zod's messages name paths and types, never values: one of them may be a digest.
  return parsed.success ? (parsed.data as readonly ConfiguredClient[]) : `CLIENTS: ${z.prettifyError(parsed.error)}`;
}
