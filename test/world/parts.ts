/** Every part that a Worker can have, for Workers of tests. */

import { apps } from "../../src/extensions/apps/feature.ts";
import { tasks } from "../../src/extensions/tasks/feature.ts";
import { authorizationServer } from "../../src/oauth/authorization-server/feature.ts";
import type { LoginOptions } from "../../src/oauth/authorization-server/types.ts";
import { externalIssuer } from "../../src/oauth/resource-server/feature.ts";
import type { AuthFeature, Feature } from "../../src/server/feature.ts";
import type { ServedFeatures } from "../../src/server/registry.ts";
import { storage } from "../../src/storage/feature.ts";
import { telemetry } from "../../src/telemetry/feature.ts";
import { SESSION_VERSIONS } from "../../src/protocol/versions.ts";
import { sessions } from "../../src/transport/session/feature.ts";
import { subscriptions } from "../../src/transport/stateless/subscriptions.ts";
import { vault } from "../../src/vault/feature.ts";

/** Each Worker has its own. */
export function everyPart(login: LoginOptions): {
  readonly auth: AuthFeature[];
  readonly features: Feature[];
} {
  return {
    auth: [externalIssuer(), authorizationServer(() => login)],
    features: [sessions(), subscriptions(), storage(), vault(), telemetry(), apps(), tasks()],
  };
}

/** What a server can do that is built beside all of them. */
export const EVERYTHING: ServedFeatures = {
  versions: SESSION_VERSIONS,
  sendsChanges: true,
  extensions: {},
};
