import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { hub, shards } from "../hub/hub.ts";
import { bindings, openSession } from "../transport/session/client.ts";
import { emptyStorage } from "./empty-storage.ts";

/** Milliseconds after which the platform unloads an idle object, with a margin. */
const UNLOADED_AFTER_MS = 13_000;

it("nothing is left, also of an object that was unloaded meanwhile", async () => {
  await openSession();
  await hub.publish({ uri: "test://nobody" });
  await new Promise((resolve) => setTimeout(resolve, UNLOADED_AFTER_MS));
  await emptyStorage();
  const sessions = bindings.SESSION as unknown as DurableObjectNamespace;
  const ids = await listDurableObjectIds(sessions);
  const stubs = [...ids.map((id) => sessions.get(id)), ...shards()] as DurableObjectStub[];
  for (const stub of stubs)
    expect(await runInDurableObject(stub, (_, { storage }) => rows(storage))).toEqual([]);
});

/** Its rows in all tables. Some objects make their tables when they are loaded. */
function rows({ sql }: DurableObjectStorage): unknown[] {
  const tables = sql.exec<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '_cf_%'",
  );
  const names = tables.toArray().map(({ name }) => name);
  return names.flatMap((name) => sql.exec(`SELECT * FROM ${name}`).toArray());
}
