/** The grant object of Workers that add nothing to it. */

import type { Env } from "../../src/worker/config.ts";
import { createHubClient } from "../../src/hub/client.ts";
import { GrantObject } from "../../src/oauth/authorization-server/grant-object.ts";

export class Grant extends GrantObject<Env> {
  override closeSessionsAndStreams({ HUB }: Env, id: string): Promise<void> {
    return createHubClient(HUB).revoke(id);
  }
}
