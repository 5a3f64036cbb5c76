/** What the platform lends, for tests that call the neutral server by hand: real storage, and nobody to tell. */

import { env } from "cloudflare:workers";
import type { Env } from "../../src/worker/config.ts";
import type { KeyRing } from "../../src/crypto/key-ring.ts";
import type { Services } from "../../src/server/types.ts";
import { createStorageClient } from "../../src/storage/client.ts";
import type { Span } from "../../src/telemetry/span.ts";
import { NO_TRACER } from "../../src/telemetry/tracer.ts";
import { createVault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";

export function servicesFor(ring: KeyRing = ringOf("a")): Services {
  const { STORE, VAULT } = env as unknown as Env;
  const nobody = (): void => undefined;
  return {
    ring,
    storage: createStorageClient(ring, STORE),
    vault: createVault(VAULT, ring),
    publish: nobody,
    notifyElicitationComplete: nobody,
    tracer: NO_TRACER,
    handlerSeconds: 300,
  };
}

/** Work of which nothing is recorded. */
export const unrecordedSpan: Span = NO_TRACER.continueTrace({});
