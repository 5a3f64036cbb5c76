/** The grant object of Workers that add nothing to it. */

import type { Env } from "../../src/config.ts";
import { hubDoor } from "../../src/hub/door.ts";
import { GrantObject } from "../../src/oauth/grant.ts";

export class Grant extends GrantObject<Env> {
  override closeLive({ HUB }: Env, id: string): Promise<void> {
    return hubDoor(HUB).revoke(id);
  }
}
