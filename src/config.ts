/**
 * Bindings and variables, read once and checked. Refuses to start on a missing or weak key, and says which.
 * Everything beyond `HUB` and `KEYS` has a default that is right for `make dev`.
 */

import { readKeyRing, type KeyRing } from "./crypto/keyring.ts";
import type { Hub } from "./hub/hub.ts";
import { SERVED_DATES } from "./revision/revisions.ts";
import type { SessionObject } from "./session/object.ts";
import type { OriginPolicy } from "./wire/origin.ts";

export interface Env {
  readonly HUB: DurableObjectNamespace<Hub>;
  readonly SESSION: DurableObjectNamespace<SessionObject<unknown>>;
  /** The platform's rate limiter, asked once per POST. Without it calls are not limited. */
  readonly LIMITER?: RateLimit;
  /** The key ring: "id:base64 of 32 bytes", comma separated; the first seals. A secret. */
  readonly KEYS?: string;
  /** This server's address as clients know it, such as https://mcp.example.com. */
  readonly PUBLIC_URL?: string;
  /** Origins of browser clients beyond loopback and PUBLIC_URL, comma separated. */
  readonly ALLOWED_ORIGINS?: string;
  /** The date of the one revision with sessions to negotiate; all of them when empty. */
  readonly REVISION?: string;
  /** Largest request body in bytes; default 4 MiB. */
  readonly MAX_BODY_BYTES?: string;
}

export interface Config {
  readonly ring: KeyRing;
  readonly origins: OriginPolicy;
  readonly maxBodyBytes: number;
  readonly only: string | undefined;
}

/** The checked configuration. Throws with the name of the variable that is wrong; never prints a key. */
export function readConfig(env: Env): Config {
  const faults: string[] = [];
  const { KEYS, PUBLIC_URL = "", ALLOWED_ORIGINS = "", REVISION = "", MAX_BODY_BYTES = "4194304" } = env;
  const ring = readKeyRing(typeof KEYS === "string" ? KEYS : "");
  if (!ring.ok)
    faults.push(`KEYS${KEYS === undefined ? " is missing: make dev makes one for local use" : `: ${ring.error}`}`);
  const own = URL.canParse(PUBLIC_URL) ? new URL(PUBLIC_URL) : undefined;
  if (PUBLIC_URL !== "" && !/^https?:$/.test(own?.protocol ?? ""))
    faults.push("PUBLIC_URL must be an http or https URL");
  if (REVISION !== "" && !SERVED_DATES.includes(REVISION))
    faults.push(`REVISION must be one of ${SERVED_DATES.join(", ")}`);
  if (!/^[1-9]\d*$/.test(MAX_BODY_BYTES)) faults.push("MAX_BODY_BYTES must be a whole number above 0");
  if (!ring.ok || faults.length > 0) throw new Error(`Configuration: ${faults.join("; ")}`);
  const listed = ALLOWED_ORIGINS.split(",").map((part) => part.trim());
  const clients = listed.filter((part) => part !== "");
  return {
    ring: ring.value,
    origins: {
      allowedOrigins: own === undefined ? clients : [own.origin, ...clients],
      allowedHosts: own === undefined ? [] : [own.hostname],
    },
    maxBodyBytes: Number(MAX_BODY_BYTES),
    only: REVISION === "" ? undefined : REVISION,
  };
}
