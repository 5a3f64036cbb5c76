/**
 * The settings of the Worker itself, read once and checked. Refuses to start on a missing or weak key, and says which.
 * Everything beyond `KEYS` has a default that is right for `make dev`. Each feature reads its own settings.
 */

import type { PlacementEnv } from "../base/bindings.ts";
import type { Settings } from "../base/settings.ts";
import { readKeyRing, type KeyRing } from "../crypto/key-ring.ts";
import type { OriginPolicy } from "../wire/origin.ts";

export interface WorkerEnv extends PlacementEnv {
  /** The platform's rate limiter, asked once per message. Without it calls are not limited. */
  readonly LIMITER?: RateLimit;
  /** The key ring: "id:base64 of 32 bytes", comma separated; the first seals. A secret. */
  readonly KEYS?: string;
  /** This server's address as clients know it, such as https://mcp.example.com. */
  readonly PUBLIC_URL?: string;
  /** The origin that tokens, and all that is kept for callers, are bound to, wherever the server is; empty: where it is asked. */
  readonly IDENTITY?: string;
  /** Origins of browser clients beyond loopback and PUBLIC_URL, comma separated. */
  readonly ALLOWED_ORIGINS?: string;
  /** Largest request body in bytes; default 4 MiB. */
  readonly MAX_BODY_BYTES?: string;
  /** How long a handler may take before its call ends with an error; default 300. A tool may have its own `timeoutSeconds`. */
  readonly HANDLER_SECONDS?: string;
  /** "1" writes stacks as text of several lines, which `wrangler dev` maps to lines of the source. */
  readonly DEV?: string;
  /** "none" serves everybody without asking. Empty: whoever comes signs in. */
  readonly AUTH?: string;
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
  /** Limits calls; undefined: they are not limited. */
  readonly limiter: RateLimit | undefined;
  /** Whether nobody is asked who they are. */
  readonly isOpen: boolean;
}

const JURISDICTIONS = ["eu", "us", "fedramp", "fedramp-high"];

/** The checked configuration. What is wrong is noted in `settings`; the ring is undefined where KEYS is. */
export function readConfig(
  settings: Settings,
): Omit<Config, "ring"> & { readonly ring: KeyRing | undefined } {
  const publicUrl = settings.url("PUBLIC_URL");
  const auth = settings.text("AUTH");
  if (auth !== "" && auth !== "none") settings.reject('AUTH must be empty or "none"');
  if (auth === "none" && settings.text("AUTH_ISSUER") !== "")
    settings.reject("AUTH_ISSUER must be empty beside AUTH");
  if (!JURISDICTIONS.includes(settings.text("JURISDICTION") || "eu"))
    settings.reject(`JURISDICTION must be one of ${JURISDICTIONS.join(", ")}`);
  if (!/^([a-z]{2,5}|)$/.test(settings.text("LOCATION_HINT")))
    settings.reject('LOCATION_HINT must be a region such as "weur"');
  return {
    ring: readRing(settings),
    publicOrigin: publicUrl?.origin,
    identity: settings.url("IDENTITY")?.origin,
    originPolicy: originPolicyFor(publicUrl, settings),
    maxBodyBytes: settings.integer("MAX_BODY_BYTES", 1, 4_194_304),
    handlerSeconds: settings.integer("HANDLER_SECONDS", 1, 300),
    limiter: settings.binding<RateLimit>("LIMITER"),
    isOpen: auth === "none",
  };
}

function readRing(settings: Settings): KeyRing | undefined {
  const ring = readKeyRing(settings.text("KEYS"));
  if (ring.ok) return ring.value;
  const isMissing = settings.binding("KEYS") === undefined;
  settings.reject(
    `KEYS${isMissing ? " is missing: make dev makes one for local use" : `: ${ring.error}`}`,
  );
  return undefined;
}

/** Whom the server answers beyond loopback: its own address, and the browser clients that the operator lists. */
function originPolicyFor(publicUrl: URL | undefined, settings: Settings): OriginPolicy {
  const browserOrigins = settings
    .text("ALLOWED_ORIGINS")
    .split(/[\s,]+/)
    .filter((origin) => origin !== "");
  if (!browserOrigins.every(isOriginOrAny))
    settings.reject(
      'ALLOWED_ORIGINS must be "*" or origins such as "https://client.example": no path, no slash at the end, no pattern',
    );
  return {
    allowedOrigins:
      publicUrl === undefined ? browserOrigins : [publicUrl.origin, ...browserOrigins],
    allowedHosts: publicUrl === undefined ? [] : [publicUrl.hostname],
  };
}

/** Only of http and https does the URL standard say how an origin is spelled; apps and extensions have schemes of their own. */
function isOriginOrAny(text: string): boolean {
  if (text === "*") return true;
  // The URL standard takes it in a host name, but no browser has an origin with it.
  if (text.includes("*")) return false;
  const isWeb = /^https?:/i.test(text);
  return isWeb ? URL.parse(text)?.origin === text : /^[a-z][\w+.-]*:\/\/[^\s/?#]+$/i.test(text);
}
