/** The conformance world as a Worker: the same router as in production, with the fixtures behind it. */

import type { Env } from "./env.ts";
import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { AccountObject as RealAccount } from "../../src/oauth/authorization-server/account-object.ts";
import { serverCard } from "../../src/extensions/server-card/feature.ts";
import { skills } from "../../src/extensions/skills/feature.ts";
import { HubObject } from "../../src/hub/hub-object.ts";
import { SessionObject } from "../../src/transport/session/session-object.ts";
import { createSettings } from "../../src/base/settings.ts";
import type { ServerRuntime } from "../../src/server/feature.ts";
import { RunningTasksObject } from "../../src/extensions/tasks/running-tasks-object.ts";
import { TaskObject } from "../../src/extensions/tasks/task-object.ts";
import { StoreObject } from "../../src/storage/store-object.ts";
import type { SessionKey } from "../../src/hub/hub-records.ts";
import { costs, countedNamespace, countedState } from "./counting.ts";
import { loginOptions } from "./login-options.ts";
import { closedGrants, failHub, interruptedHub } from "./faults.ts";
import { GrantObject } from "../../src/oauth/authorization-server/grant-object.ts";
import { everyPart } from "./parts.ts";
import { fixtureServer } from "./server.ts";
import { worldSkills } from "./skills.ts";

/** The real hub, with a switch to end every subscription, and others to fail: an object may be lost at any time. */
export class Hub extends HubObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), counted(env));
  }

  override alarm(): Promise<void> {
    costs.alarms += 1;
    return super.alarm();
  }

  override revoke(grant: string): Promise<void> {
    failHub("revoke");
    return super.revoke(grant);
  }

  override unregisterSession(one: SessionKey): void {
    failHub("forget");
    super.unregisterSession(one);
  }

  end(): void {
    for (const socket of this.ctx.getWebSockets()) socket.close(1001, "ended by a fixture");
  }
}

export class Grant extends GrantObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), counted(env));
  }

  override alarm(): Promise<void> {
    costs.alarms += 1;
    return super.alarm();
  }

  override closeSessionsAndStreams(id: string): Promise<void> {
    closedGrants.push(id);
    return super.closeSessionsAndStreams(id);
  }
}

export class Account extends RealAccount {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override alarm(): Promise<void> {
    costs.alarms += 1;
    return super.alarm();
  }
}

export class Store extends StoreObject {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override alarm(): Promise<void> {
    costs.alarms += 1;
    return super.alarm();
  }
}

const handlers: WorkerHandlers<Env> = createWorld();
const guardedHandlers: WorkerHandlers<Env> = createWorld();
let outsideHandlers: WorkerHandlers<Env> | undefined;
/** Nothing is there: a test serves it. */
const OUTSIDE_ISSUER = "https://issuer.example.com";

function createWorld(): WorkerHandlers<Env> {
  const { auth, features } = everyPart(loginOptions);
  return createWorker<Env>({
    server: fixtureServer,
    auth,
    features: [
      ...features,
      skills(worldSkills),
      serverCard({ namespace: "com.example.spec", description: "Fixtures for conformance tests" }),
    ],
  });
}

/**
 * Clients that the operator knows: one proves itself with the words "secret-of-the-machine", and acts for itself; the
 * other is the official suite, which comes with a callback on any port of loopback.
 */
const CLIENTS = JSON.stringify([
  { client_id: "suite", client_name: "The suite", redirect_uris: ["http://127.0.0.1/callback"] },
  {
    client_id: "machine",
    client_name: "A machine",
    redirect_uris: [],
    client_secret_sha256: "kLgX9pQ-AGrJcFXgtf-VnAq1dwGXoxnhOWdC2N8ZGWg",
    grant_types: ["client_credentials"],
  },
]);

/** The same bindings, with every use of an object counted. */
const counted = (env: Env): Env => ({
  ...env,
  CLIENTS,
  HUB: countedNamespace(env.HUB),
  SESSION: countedNamespace(env.SESSION),
  GRANT: countedNamespace(env.GRANT),
  ACCOUNT: countedNamespace(env.ACCOUNT),
  STORE: countedNamespace(env.STORE),
  TASK: countedNamespace(env.TASK),
  RUNNING_TASKS: countedNamespace(env.RUNNING_TASKS),
});
const worker: ExportedHandler<Env> = {
  fetch(request, env) {
    // For tests that watch a running Worker from outside.
    if (request.url.endsWith("/costs")) return Response.json(costs);
    costs.workerRequests += 1;
    return handlers.fetch(request, counted(env));
  },
};
export default worker;

/** The world behind its authorization server, whatever AUTH says of the open one: the same tools and objects. */
export const guarded: ExportedHandler<Env> = {
  fetch(request, env) {
    costs.workerRequests += 1;
    return guardedHandlers.fetch(request, { ...counted(env), AUTH: "" });
  },
};

/** The world behind an outside issuer. */
export const outside: ExportedHandler<Env> = {
  fetch(request, env) {
    outsideHandlers ??= createWorld();
    return outsideHandlers.fetch(request, {
      ...counted(env),
      AUTH: "",
      AUTH_ISSUER: OUTSIDE_ISSUER,
    });
  },
};

export class Session extends SessionObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), env);
  }

  override serverRuntime(env: Env): ServerRuntime {
    const bindings = counted(env);
    // The runtime is made once, by whoever comes first: what a session asks the hub goes by settings of its own.
    const settings = createSettings({ ...bindings, HUB: interruptedHub(bindings.HUB) });
    return { ...handlers.runtime(bindings), settings };
  }

  override alarm(): Promise<void> {
    costs.alarms += 1;
    return super.alarm();
  }

  override webSocketMessage(socket: WebSocket): void {
    costs.messages += 1;
    super.webSocketMessage(socket);
  }
}

export class Task extends TaskObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), counted(env));
  }

  override serverRuntime(env: Env): ServerRuntime {
    return handlers.runtime(env);
  }

  override alarm(alarm?: AlarmInvocationInfo): Promise<void> {
    costs.alarms += 1;
    return super.alarm(alarm);
  }
}

export class RunningTasks extends RunningTasksObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(countedState(state), counted(env));
  }
}
