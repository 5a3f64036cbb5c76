/** The smallest Worker with sessions and OAuth: one tool and one sign-in. `make size` holds the bundle budget to it. */

import { authorizationServer } from "../../src/oauth/authorization-server/feature.ts";
import { renderPage } from "../../src/oauth/pages/default-pages.ts";
import { passphrase } from "../../src/oauth/sign-in/passphrase.ts";
import type { ServerRuntime } from "../../src/server/feature.ts";
import { sessions } from "../../src/transport/session/feature.ts";
import { SessionObject } from "../../src/transport/session/session-object.ts";
import { subscriptions } from "../../src/transport/stateless/subscriptions.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { serverSpec } from "../system/minimal-app/server.ts";

export { HubObject as Hub } from "../../src/hub/hub-object.ts";
export { AccountObject as Account } from "../../src/oauth/authorization-server/account-object.ts";
export { GrantObject as Grant } from "../../src/oauth/authorization-server/grant-object.ts";

interface AppEnv {
  readonly PASSPHRASE: string;
}
const handlers: WorkerHandlers<AppEnv> = createWorker<AppEnv>({
  server: serverSpec,
  auth: [
    authorizationServer(({ PASSPHRASE }: AppEnv) => ({
      renderPage,
      signIn: passphrase(PASSPHRASE),
    })),
  ],
  features: [sessions(), subscriptions()],
});
const worker: ExportedHandler<AppEnv> = { fetch: handlers.fetch };
export default worker;

export class Session extends SessionObject<AppEnv> {
  override serverRuntime(env: AppEnv): ServerRuntime {
    return handlers.runtime(env);
  }
}
