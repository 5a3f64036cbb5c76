/** The Worker as it is deployed: the router with this fork's app behind it, and the Durable Objects. */

import { createLoginOptions } from "./app/auth.ts";
import { errorPage } from "./app/error-page.ts";
import { serverSpec } from "./app/server.ts";
import type { AppEnv } from "./app/settings.ts";
import { site } from "./app/site.ts";
import { readBindings } from "./worker/bindings.ts";
import type { Env } from "./worker/config.ts";
import { createWorker, type WorkerHandlers } from "./worker/router.ts";
import { createHubClient } from "./hub/client.ts";
import { HubObject, type NotifiableSession } from "./hub/hub-object.ts";
import { GrantObject } from "./oauth/authorization-server/grant-object.ts";
import { SessionObject } from "./transport/session/session-object.ts";
import type { SessionDependencies } from "./transport/session/types.ts";
import { createStorageClient } from "./storage/client.ts";
import { createTracer } from "./telemetry/tracer.ts";
import { rotateKeys } from "./worker/admin.ts";
import { createVault } from "./vault/vault.ts";

export { FeedObject as Feed } from "./app/feed-object.ts";
export { AccountObject as Account } from "./oauth/authorization-server/account-object.ts";
export { StoreObject as Store } from "./storage/store-object.ts";

const handlers: WorkerHandlers<Env & AppEnv> = createWorker<Env & AppEnv>(serverSpec, createLoginOptions, {
  site,
  errorPage,
  storage: createStorageClient,
  vault: { open: createVault, rotate: rotateKeys },
  telemetry: createTracer,
});
const worker: ExportedHandler<Env & AppEnv> = { fetch: handlers.fetch };
export default worker;

export class Hub extends HubObject<Env> {
  override sessions(env: Env): DurableObjectNamespace<NotifiableSession> {
    return readBindings(env).sessions;
  }
}

export class Grant extends GrantObject<Env> {
  override closeSessionsAndStreams(env: Env, id: string): Promise<void> {
    return createHubClient(readBindings(env).hub).revoke(id);
  }
}

export class Session extends SessionObject<Env & AppEnv> {
  override dependencies(env: Env & AppEnv): SessionDependencies {
    return handlers.sessionDependencies(env);
  }
}
