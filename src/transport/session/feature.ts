/**
 * Sessions as a part of the Worker: the revisions of MCP that begin with `initialize`. Needs the Durable Objects
 * `SESSION` and `HUB`, and the class `Session` in `index.ts`.
 */

import { waitUntil } from "../../base/platform.ts";
import { createHubClient } from "../../hub/client.ts";
import type { HubObject } from "../../hub/hub-object.ts";
import { SESSION_VERSIONS } from "../../protocol/versions.ts";
import type { Feature } from "../../server/feature.ts";
import type { SessionObject } from "./session-object.ts";
import {
  completeElicitation,
  handleSessionDelete,
  handleSessionGet,
  handleSessionPost,
} from "./transport.ts";

/** Its bindings and settings. */
export interface SessionsEnv {
  readonly SESSION: DurableObjectNamespace<SessionObject<unknown>>;
  readonly HUB: DurableObjectNamespace<HubObject<unknown>>;
  /** The date of the one revision with sessions to negotiate; all of them when empty. */
  readonly SESSION_PROTOCOL_VERSION?: string;
}

/** What the sessions feature adds to Context. */
export interface SessionsContext {
  /** Tells the client that asked that the person is done at the URL of this elicitation id. One that was made up tells nobody. */
  readonly elicitationComplete: (elicitationId: string) => void;
}

declare module "../../server/context.ts" {
  interface Context extends SessionsContext {}
}

/** Serves every revision with sessions beside the stateless one. */
export function sessions(): Feature {
  return {
    versions: SESSION_VERSIONS,
    start({ ring, server, settings }) {
      const namespace = settings.objects<SessionObject<unknown>>("SESSION");
      const hub = createHubClient(settings.objects<HubObject<unknown>>("HUB"));
      const pinnedRevision = settings.text("SESSION_PROTOCOL_VERSION") || undefined;
      if (pinnedRevision !== undefined && !SESSION_VERSIONS.includes(pinnedRevision))
        settings.reject(`SESSION_PROTOCOL_VERSION must be one of ${SESSION_VERSIONS.join(", ")}`);
      return {
        contextMembers: {
          elicitationComplete: () => (elicitationId: string) =>
            waitUntil(completeElicitation(namespace, ring, elicitationId)),
        },
        createSessionTransport({ services }) {
          const dependencies = { server, services, hub, sessions: namespace, pinnedRevision };
          return {
            handlePost: (...request) => handleSessionPost(dependencies, ...request),
            handleGet: (...request) => handleSessionGet(dependencies, ...request),
            handleDelete: (...request) => handleSessionDelete(dependencies, ...request),
          };
        },
      };
    },
  };
}
