/** The Worker as it is deployed: a list of its parts, and the classes of its Durable Objects. */

import { createLoginOptions } from "./app/auth.ts";
import { card } from "./app/card.ts";
import { errorPage } from "./app/error-page.ts";
import { serverSpec } from "./app/server.ts";
import type { AppEnv } from "./app/settings.ts";
import { site } from "./app/site.ts";
import { appSkills } from "./app/skills.ts";
import { serverCard } from "./extensions/server-card/feature.ts";
import { apps } from "./extensions/apps/feature.ts";
import { skills } from "./extensions/skills/feature.ts";
import { tasks } from "./extensions/tasks/feature.ts";
import { TaskObject } from "./extensions/tasks/task-object.ts";
import { authorizationServer } from "./oauth/authorization-server/feature.ts";
import { externalIssuer } from "./oauth/resource-server/feature.ts";
import type { ServerRuntime } from "./server/feature.ts";
import { storage } from "./storage/feature.ts";
import { telemetry } from "./telemetry/feature.ts";
import { sessions } from "./transport/session/feature.ts";
import { SessionObject } from "./transport/session/session-object.ts";
import { subscriptions } from "./transport/stateless/subscriptions.ts";
import { vault } from "./vault/feature.ts";
import { createWorker, type WorkerHandlers } from "./worker/router.ts";

export { FeedObject as Feed } from "./app/feed-object.ts";
export { RunningTasksObject as RunningTasks } from "./extensions/tasks/running-tasks-object.ts";
export { HubObject as Hub } from "./hub/hub-object.ts";
export { AccountObject as Account } from "./oauth/authorization-server/account-object.ts";
export { GrantObject as Grant } from "./oauth/authorization-server/grant-object.ts";
export { StoreObject as Store } from "./storage/store-object.ts";

const handlers: WorkerHandlers<AppEnv> = createWorker<AppEnv>({
  server: serverSpec,
  auth: [externalIssuer(), authorizationServer(createLoginOptions)],
  features: [
    sessions(),
    subscriptions(),
    storage(),
    vault(),
    telemetry(),
    skills(appSkills),
    serverCard(card),
    apps(),
    tasks(),
  ],
  site,
  errorPage,
});
const worker: ExportedHandler<AppEnv> = { fetch: handlers.fetch };
export default worker;

/** A session runs calls itself: it needs the server, in the isolate of its object. */
export class Session extends SessionObject<AppEnv> {
  override serverRuntime(env: AppEnv): ServerRuntime {
    return handlers.runtime(env);
  }
}

/** A task runs its call itself, in the isolate of its object. */
export class Task extends TaskObject<AppEnv> {
  override serverRuntime(env: AppEnv): ServerRuntime {
    return handlers.runtime(env);
  }
}
