/** The Worker with as little app as there can be: one tool and one sign-in. `make size` holds the bundle budget to it. */

import { renderPage } from "../../src/oauth/pages/default-pages.ts";
import { addNumbers } from "../../src/app/tools/add-numbers.ts";
import { passphrase } from "../../src/oauth/sign-in/passphrase.ts";
import { readBindings } from "../../src/worker/bindings.ts";
import type { Env } from "../../src/worker/config.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { HubObject, type NotifiableSession } from "../../src/hub/hub-object.ts";
import { SessionObject } from "../../src/transport/session/session-object.ts";
import type { SessionDependencies } from "../../src/transport/session/types.ts";

export { AccountObject as Account } from "../../src/oauth/authorization-server/account-object.ts";
export { Grant } from "./grant.ts";

const info = { name: "smallest", version: "0.1.0" };
type Owned = Env & { readonly PASSPHRASE: string };
const handlers: WorkerHandlers<Owned> = createWorker({ info, tools: [addNumbers] }, ({ PASSPHRASE }: Owned) => ({
  renderPage,
  signIn: passphrase(PASSPHRASE),
}));
const worker: ExportedHandler<Owned> = { fetch: handlers.fetch };
export default worker;

export class Hub extends HubObject<Env> {
  override sessions(env: Env): DurableObjectNamespace<NotifiableSession> {
    return readBindings(env).sessions;
  }
}

export class Session extends SessionObject<Owned> {
  override dependencies(env: Owned): SessionDependencies {
    return handlers.sessionDependencies(env);
  }
}
