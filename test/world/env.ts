/** The bindings and settings of every part of the Worker, as tests have them. */

import type { AuthorizationServerEnv } from "../../src/oauth/authorization-server/feature.ts";
import type { ExternalIssuerEnv } from "../../src/oauth/resource-server/feature.ts";
import type { TasksEnv } from "../../src/extensions/tasks/feature.ts";
import type { StorageEnv } from "../../src/storage/feature.ts";
import type { TelemetryEnv } from "../../src/telemetry/feature.ts";
import type { SessionsEnv } from "../../src/transport/session/feature.ts";
import type { SubscriptionsEnv } from "../../src/transport/stateless/subscriptions.ts";
import type { VaultEnv } from "../../src/vault/feature.ts";
import type { WorkerEnv } from "../../src/worker/config.ts";

export interface Env
  extends
    WorkerEnv,
    SessionsEnv,
    SubscriptionsEnv,
    StorageEnv,
    TasksEnv,
    VaultEnv,
    TelemetryEnv,
    AuthorizationServerEnv,
    ExternalIssuerEnv {}
