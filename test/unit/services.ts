/** What the platform lends, for tests that call the neutral server by hand: real storage, and nobody to tell. */

import { env } from "cloudflare:workers";
import type { Env } from "../../src/config.ts";
import type { KeyRing } from "../../src/crypto/keyring.ts";
import type { Services } from "../../src/server/types.ts";
import { stateDoor } from "../../src/state/door.ts";
import type { Span } from "../../src/telemetry/span.ts";
import { NO_TRACER } from "../../src/telemetry/tracer.ts";
import { vaultIn } from "../../src/vault/vault.ts";
import { ringOf } from "./keys.ts";

export function servicesFor(ring: KeyRing = ringOf("a")): Services {
  const { STORE, VAULT } = env as unknown as Env;
  const nobody = (): void => undefined;
  return {
    ring,
    stores: stateDoor(ring, STORE),
    vault: vaultIn(VAULT, ring),
    publish: nobody,
    complete: nobody,
    tracer: NO_TRACER,
    handlerSeconds: 300,
  };
}

/** Work of which nothing is recorded. */
export const unrecorded: Span = NO_TRACER.resume({});
