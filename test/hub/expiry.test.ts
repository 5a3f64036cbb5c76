/** Rows of the hub that nobody takes back go by themselves, and those of sessions that live stay. */

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { callerKey } from "../../src/base/caller.ts";
import { HUB_PAGE_SIZE } from "../../src/hub/admission.ts";
import { bindings } from "../transport/session/client.ts";
import { costs } from "../world/counting.ts";
import {
  addRegistryRow,
  addRegistryRows,
  hub,
  openGetStream,
  openSession,
  ping,
  registryRows,
  shardOf,
  shards,
  newCaller,
  recordRequestedSessions,
} from "./hub.ts";

afterEach(() => {
  vi.useRealTimers();
});

const MINUTE = 60_000;
const HOUR = 3_600_000;
const newId = (): string => bindings.SESSION.newUniqueId().toString();
/** Minutes pass; only the clock is set. */
const at = (start: number, minutes: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: start + minutes * MINUTE });
};
/** What the alarms of all shards do at that hour. */
const alarms = async (): Promise<void> => {
  for (const shard of shards()) await runDurableObjectAlarm(shard);
};

it("expire by themselves: what is gone is asked once and forgotten, what lives stays", async () => {
  const by = newCaller();
  const share = callerKey(by);
  const start = Date.now();
  const [used, held] = [await openSession(by), await openSession(by)];
  const gone = newId();
  await addRegistryRow(share, gone, start);
  at(start, 20 * 60);
  await ping(by, used);
  await openGetStream(by, held);
  at(start, 23 * 60);
  await alarms();
  expect(await registryRows(share)).toHaveLength(3);
  at(start, 25 * 60);
  await alarms();
  const left = await registryRows(share);
  expect(left.map(({ id, last_seen_ms }) => [id, last_seen_ms])).toEqual([
    [used.id, start + 20 * HOUR],
    [held.id, start + 25 * HOUR],
  ]);
  const asked: string[] = [];
  for (const shard of shards())
    await runInDurableObject(shard, (object) =>
      recordRequestedSessions(object, (id) => {
        asked.push(id);
      }),
    );
  at(start, 26 * 60);
  await alarms();
  expect(asked).toEqual([]);
});

it("the alarm is set by the first session, and not by those that follow", async () => {
  const by = newCaller();
  await openSession(by);
  const alarm = await runInDurableObject(shardOf(callerKey(by)), (_hub, { storage }) =>
    storage.getAlarm(),
  );
  expect(alarm).toBeGreaterThan(Date.now());
  expect(alarm).toBeLessThanOrEqual(Date.now() + HOUR);
  const rows = costs.rows;
  await hub.registerSession(newId(), callerKey(by), undefined);
  expect(costs.rows - rows).toBe(1);
});

it("are looked at in pages, so that no alarm asks more than the platform allows", async () => {
  const share = callerKey(newCaller());
  const shard = shardOf(share);
  const start = Date.now();
  // Ids that are none: nobody can be asked, so that they count as at work, and no object is built.
  await addRegistryRows(
    share,
    2 * HUB_PAGE_SIZE + 100,
    start - 25 * HOUR,
    (index) => `no id ${index}`,
  );
  const asked: number[] = [];
  for (let round = 0; round < 4; round++) {
    // As the first admission, or the alarm before it, would have set it.
    await runInDurableObject(shard, (_hub, { storage }) => storage.setAlarm(start));
    await runDurableObjectAlarm(shard);
    asked.push(
      (await registryRows(share)).filter(({ last_seen_ms }) => last_seen_ms >= start).length,
    );
  }
  expect(asked).toEqual([
    HUB_PAGE_SIZE,
    2 * HUB_PAGE_SIZE,
    2 * HUB_PAGE_SIZE + 100,
    2 * HUB_PAGE_SIZE + 100,
  ]);
});
