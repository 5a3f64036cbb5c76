/** What requests share, for tests that call the neutral server by hand: real storage, and nobody who listens. */

import { env } from "cloudflare:workers";
import { NO_TRACER, type Span } from "../../src/base/span.ts";
import type { KeyRing } from "../../src/crypto/key-ring.ts";
import { createContextFactory, type ContextMembers } from "../../src/server/handler-context.ts";
import type { Services } from "../../src/server/services.ts";
import { createStorageClient } from "../../src/storage/client.ts";
import { storageMembers } from "../../src/storage/context.ts";
import type { SessionsContext } from "../../src/transport/session/feature.ts";
import type { SubscriptionsContext } from "../../src/transport/stateless/subscriptions.ts";
import { vaultMembers } from "../../src/vault/context.ts";
import { createVault, type Vault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";
import type { Env } from "../world/env.ts";

/** Changes that nobody hears of. */
const silentMembers: ContextMembers<SessionsContext & SubscriptionsContext> = {
  elicitationComplete: () => () => undefined,
  listChanged: () => () => undefined,
  resourceUpdated: () => () => undefined,
};

/** `vault`: another one than the real one behind `ring`; `members`: in place of those that send nothing. */
export function servicesFor(
  ring: KeyRing = ringOf("a"),
  {
    vault,
    members = silentMembers,
  }: { readonly vault?: Vault; readonly members?: ContextMembers } = {},
): Services {
  const { STORE, VAULT } = env as unknown as Env;
  return {
    ring,
    tracer: NO_TRACER,
    handlerSeconds: 300,
    extensionMethods: new Map(),
    listViews: [],
    startTask: undefined,
    addToSubscription: undefined,
    createContext: createContextFactory([
      storageMembers(createStorageClient(ring, STORE)),
      vaultMembers(vault ?? createVault(VAULT, ring)),
      members,
    ]),
  };
}

/** Work of which nothing is recorded. */
export const unrecordedSpan: Span = NO_TRACER.continueTrace({});
