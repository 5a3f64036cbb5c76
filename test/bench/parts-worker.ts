/** The Worker whose parts are measured: a tool for each, so that what a part costs is a call with it beside one without. */

import * as z from "zod/mini";
import { utf8 } from "../../src/base/bytes.ts";
import type { Env } from "../../src/config.ts";
import { readKeyRing } from "../../src/crypto/keyring.ts";
import { openRow, sealRow } from "../../src/crypto/row-seal.ts";
import { front, type Front } from "../../src/front.ts";
import { HubObject, type Notified } from "../../src/hub/hub.ts";
import type { Context } from "../../src/server/context.ts";
import { tool, type Tool } from "../../src/server/define.ts";
import { SessionObject } from "../../src/session/object.ts";
import type { House } from "../../src/session/room.ts";
import { entrance } from "../world/entrance.ts";
import { rooms } from "../world/rooms.ts";

export { Account } from "../../src/oauth/account.ts";
export { Grant } from "../world/grant.ts";
export { StoreObject as Store } from "../../src/state/object.ts";

const ring = readKeyRing(`bench:${btoa("0123456789abcdefghijklmnopqrstuv")}`);
const CREDENTIAL = utf8(JSON.stringify({ kind: "key", key: "sk-0123456789abcdef" }));

const part = (name: string, use: (context: Context) => Promise<unknown>): Tool =>
  tool({
    name,
    input: z.object({}),
    handler: async (_args, context) => {
      await use(context);
      return "done";
    },
  });

const tools = [
  part("nothing", () => Promise.resolve()),
  part("seal_open", async () => {
    if (!ring.ok) throw new Error(ring.error);
    const opened = await openRow(ring.value, "vault", "row", await sealRow(ring.value, "vault", "row", CREDENTIAL));
    if (!opened.ok) throw new Error(opened.error);
  }),
  part("cache_hit", (context) => context.cache("hit", 3_600, () => Promise.resolve({ value: 1 }))),
  part("limit", (context) => context.limit("bench", 1_000_000, 60_000)),
  part("mine_get", (context) => context.mine.get("bench")),
];

const house: Front = front({ info: { name: "barewire-bench", version: "1.0.0" }, tools }, () => entrance, rooms);
const worker: ExportedHandler<Env> = { fetch: house.fetch };
export default worker;

export class Hub extends HubObject<Env> {
  override sessions({ SESSION }: Env): DurableObjectNamespace<Notified> {
    return SESSION;
  }
}

export class Session extends SessionObject<Env> {
  override furnish(env: Env): House {
    return house.furnish(env);
  }
}
