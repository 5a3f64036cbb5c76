/**
 * Bindings and variables, read once and checked. Refuses to start on a missing or weak key, and says which.
 * Everything beyond `HUB` and `KEYS` has a default that is right for `make dev`.
 */

import * as z from "zod";
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

const commaList = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  );

const variables = z.object({
  KEYS: z.string({ error: "is missing: set it to a key ring (make dev makes one for local use)" }),
  PUBLIC_URL: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]).default(""),
  ALLOWED_ORIGINS: commaList,
  REVISION: z.enum(["", ...SERVED_DATES]).default(""),
  MAX_BODY_BYTES: z.coerce.number().int().positive().default(4_194_304),
});

/** The checked configuration. Throws with the name of the variable that is wrong; never prints a key. */
export function readConfig(env: Env): Config {
  const parsed = variables.safeParse(env);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`);
    throw new Error(`Configuration: ${faults.join("; ")}`);
  }
  const { KEYS, PUBLIC_URL, ALLOWED_ORIGINS, REVISION, MAX_BODY_BYTES } = parsed.data;
  const ring = readKeyRing(KEYS);
  if (!ring.ok) throw new Error(`Configuration: KEYS: ${ring.error}`);
  const own = PUBLIC_URL === "" ? undefined : new URL(PUBLIC_URL);
  return {
    ring: ring.value,
    origins: {
      allowedOrigins: own === undefined ? ALLOWED_ORIGINS : [own.origin, ...ALLOWED_ORIGINS],
      allowedHosts: own === undefined ? [] : [own.hostname],
    },
    maxBodyBytes: MAX_BODY_BYTES,
    only: REVISION === "" ? undefined : REVISION,
  };
}
