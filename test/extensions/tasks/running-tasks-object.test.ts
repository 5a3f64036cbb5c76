/** Who makes room for one task more, and how few are asked. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  IDLE_TASK_MS,
  MAX_ENDED_BYTES,
  MAX_ENDED_TASKS,
  MAX_RUNNING_TASKS,
  MAX_STRANGERS_TASKS,
} from "../../../src/extensions/tasks/limits.ts";
import { bindings } from "../../transport/session/client.ts";
import { countCosts } from "../../world/counting.ts";
import { emptyStorage } from "../../world/empty-storage.ts";
import {
  callTool,
  ended,
  getTask,
  DAY_MS,
  HOUR_MS,
  placeOf,
  resetProbe,
  respondTo,
  runAlarm,
  startTask,
  taskStub,
  updateTask,
  waiting,
} from "./tasks.ts";

beforeEach(async () => {
  resetProbe();
  await emptyStorage();
});
afterEach(() => {
  vi.useRealTimers();
});

const MINUTE_MS = 60_000;
const WAITING = { label: "w", count: 1, ask: 1 };
const ENDED_FOR_ROOM = {
  status: "cancelled",
  statusMessage: "Ended to make room: it waited for its client, which did not come for an hour",
};
const start = Date.now();
const setClock = (ms: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: start + ms });
};

/** As many tasks as there may be, each waiting for its client, begun a second after another. */
async function fill(count: number = MAX_RUNNING_TASKS): Promise<string[]> {
  const taskIds: string[] = [];
  for (let index = 0; index < count; index += 1) {
    // An alarm goes off by the true clock: none may lie ahead of it.
    setClock((index - count) * 1_000);
    const { taskId } = await startTask("spec_steps", WAITING);
    await waiting(taskId);
    taskIds.push(taskId);
  }
  return taskIds;
}

const startOneMore = (): Promise<{ result?: object; error?: object }> =>
  callTool("spec_steps", WAITING);

describe("one task more than there may be", () => {
  it("ends the one whose client was away longest, and says why", async () => {
    const [first = "", second = "", third = "", ...others] = await fill();
    setClock(HOUR_MS);
    // Nobody was away for an hour.
    expect(await startOneMore()).toMatchObject({ error: { code: 429 } });
    await getTask(first);
    setClock(IDLE_TASK_MS);
    await updateTask(second, { "none of these": { action: "cancel" } });
    const cost = await countCosts(startOneMore);
    expect(await getTask(third)).toMatchObject(ENDED_FOR_ROOM);
    for (const id of [first, second, ...others])
      expect(await getTask(id)).toMatchObject({ status: "input_required" });
    // Admitted and created; each was asked, one ended and gave its place back.
    expect(cost.requests).toBe(2 + MAX_RUNNING_TASKS + 2);
  });

  it("asks nobody twice in a minute, and still makes room for several at once", async () => {
    const taskIds = await fill();
    setClock(IDLE_TASK_MS);
    const cost = await countCosts(async () => {
      const replies = await Promise.all([startOneMore(), startOneMore(), startOneMore()]);
      for (const { result } of replies) expect(result).toMatchObject({ resultType: "task" });
    });
    expect(cost.requests).toBe(3 * 2 + MAX_RUNNING_TASKS + 3 * 2);
    for (const id of taskIds.slice(0, 3)) expect(await getTask(id)).toMatchObject(ENDED_FOR_ROOM);
    expect(await getTask(taskIds[3] ?? "")).toMatchObject({ status: "input_required" });
  });

  it("does not end one that came back after it was asked, or that somebody listens to", async () => {
    const [first = "", second = "", third = "", fourth = ""] = await fill();
    const params = { notifications: { taskIds: [first] } };
    const stream = await respondTo("subscriptions/listen", params, "");
    setClock(IDLE_TASK_MS);
    await startOneMore();
    expect(await getTask(second)).toMatchObject(ENDED_FOR_ROOM);
    // It was among those that might go next.
    await getTask(third);
    await startOneMore();
    expect(await getTask(fourth)).toMatchObject(ENDED_FOR_ROOM);
    for (const id of [first, third])
      expect(await getTask(id)).toMatchObject({ status: "input_required" });
    await stream.body?.cancel();
  });

  it("does not end one that somebody listened to until its object was reset, for an hour from then", async () => {
    const [first = "", second = ""] = await fill();
    const params = { notifications: { taskIds: [first] } };
    const stream = await respondTo("subscriptions/listen", params, "");
    setClock(5 * HOUR_MS);
    await runInDurableObject(taskStub(first), (_object, state) => {
      state.abort("deployed");
    }).catch(() => undefined);
    await startOneMore();
    expect(await getTask(second)).toMatchObject(ENDED_FOR_ROOM);
    await runInDurableObject(taskStub(first), (object) => {
      expect(object.idleSinceMs()).toBe(start + 5 * HOUR_MS);
    });
    await stream.body?.cancel().catch(() => undefined);
  });

  it("ends nobody's where the caller is refused for their own share", async () => {
    const victim = "198.51.100.1";
    setClock(0);
    const { taskId } = await startTask("spec_steps", WAITING, { address: victim });
    await waiting(taskId, { address: victim });
    const [pool = ""] = await placeOf(taskId);
    let [address, share] = ["", ""];
    for (let last = 2; share === ""; last += 1) {
      address = `198.51.100.${last}`;
      const { taskId: own } = await startTask("spec_steps", WAITING, { address });
      const place = await placeOf(own);
      if (place[0] === pool) [, share = ""] = place;
    }
    setClock(IDLE_TASK_MS + MINUTE_MS);
    const counter = bindings.RUNNING_TASKS.getByName(pool);
    await runInDurableObject(counter, (_object, { storage }) => {
      // Of the caller's own, as many as there may be have begun just now; and so have all others.
      for (let index = 1; index < MAX_STRANGERS_TASKS; index += 1) {
        const owner = index <= MAX_RUNNING_TASKS ? share : `other${index}`;
        storage.kv.put(`${owner} ${bindings.TASK.newUniqueId().toString()}`, Date.now());
      }
    });
    await evictDurableObject(counter);
    expect(await callTool("spec_steps", WAITING, { address })).toMatchObject({
      error: { code: 429 },
    });
    expect(await getTask(taskId, { address: victim })).toMatchObject({ status: "input_required" });
  });

  it("knows when a client came also where the object was evicted since", async () => {
    const [first = "", second = ""] = await fill();
    setClock(HOUR_MS);
    await getTask(first);
    await evictDurableObject(taskStub(first));
    setClock(IDLE_TASK_MS);
    await startOneMore();
    expect(await getTask(second)).toMatchObject(ENDED_FOR_ROOM);
    expect(await getTask(first)).toMatchObject({ status: "input_required" });
  });

  it("does not count polls of somebody else, nor writes a row for each", async () => {
    const [taskId = ""] = await fill(1);
    setClock(30 * MINUTE_MS);
    const cost = await countCosts(async () => {
      for (let polls = 0; polls < 5; polls += 1) await getTask(taskId);
    });
    expect(cost.rows).toBe(1);
    setClock(HOUR_MS + 2 * MINUTE_MS);
    await runInDurableObject(taskStub(taskId), (object) => {
      expect(object.get({ issuer: "x", subject: "y", clientId: "z" } as never)).toBeUndefined();
      expect(object.idleSinceMs()).toBe(start + 30 * MINUTE_MS);
    });
  });
});

it("strangers together: the one that waited longest makes room, and no more than a hundred are asked", async () => {
  const address = "198.51.100.1";
  setClock(0);
  const { taskId } = await startTask("spec_steps", WAITING, { address });
  await waiting(taskId, { address });
  const [pool = ""] = await placeOf(taskId);
  const counter = bindings.RUNNING_TASKS.getByName(pool);
  setClock(IDLE_TASK_MS);
  await runInDurableObject(counter, (_object, { storage }) => {
    for (let index = 1; index < MAX_STRANGERS_TASKS; index += 1)
      storage.kv.put(`other${index} ${bindings.TASK.newUniqueId().toString()}`, Date.now());
  });
  await evictDurableObject(counter);
  await startTask("spec_steps", WAITING, { address });
  expect(await getTask(taskId, { address })).toMatchObject(ENDED_FOR_ROOM);
  expect(await callTool("spec_steps", WAITING, { address })).toMatchObject({
    error: { code: 429 },
  });
});

describe("tasks that have ended", () => {
  const END = { label: "e", count: 0 };

  /** One that has ended. */
  async function end(): Promise<string> {
    const { taskId } = await startTask("spec_steps", END);
    await ended(taskId);
    return taskId;
  }

  /** The rows of the object that counts, and others in place of them. */
  async function change(taskId: string, rows: (share: string) => object): Promise<void> {
    const [pool = "", share = ""] = await placeOf(taskId);
    const counter = bindings.RUNNING_TASKS.getByName(pool);
    await runInDurableObject(counter, (_object, { storage }) => {
      for (const [key, row] of Object.entries(rows(share))) storage.kv.put(key, row);
    });
    await evictDurableObject(counter);
  }

  async function keptRows(taskId: string): Promise<string[]> {
    const [pool = ""] = await placeOf(taskId);
    return runInDurableObject(bindings.RUNNING_TASKS.getByName(pool), (_object, { storage }) =>
      [...storage.kv.list()].map(([key]) => key),
    );
  }

  const UNKNOWN = "No such task of yours, or none any more";
  const others = (shareOf: (index: number) => string, count: number, bytes: number): object =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        `${shareOf(index)} ${bindings.TASK.newUniqueId().toString()}`,
        [Date.now() + index, bytes],
      ]),
    );

  it("are a thousand: with one more, the one that ended longest ago is unknown", async () => {
    const waits = await startTask("spec_steps", WAITING);
    const [first, rest] = [await end(), [await end(), await end()]];
    const there = 1 + rest.length;
    await change(first, (share) => others(() => share, MAX_ENDED_TASKS - there, 1_000));
    expect(await getTask(first)).toMatchObject({ status: "completed" });
    const last = await end();
    await expect(getTask(first)).rejects.toThrow(UNKNOWN);
    await runInDurableObject(taskStub(first), async (_object, { storage }) => {
      expect((await storage.list()).size).toBe(0);
      expect(await storage.getAlarm()).toBeNull();
    });
    for (const id of [...rest, last])
      expect(await getTask(id)).toMatchObject({ status: "completed" });
    expect(await getTask(waits.taskId)).toMatchObject({ status: "input_required" });
    expect(await keptRows(last)).toHaveLength(MAX_ENDED_TASKS + 1);
  });

  it("are a hundred megabytes together", async () => {
    const large = 1_500_000;
    const most = Math.floor(MAX_ENDED_BYTES / large);
    const taskIds: string[] = [];
    for (let count = 0; count <= most; count += 1) {
      const { taskId } = await startTask("spec_large", { characters: large });
      await ended(taskId);
      taskIds.push(taskId);
    }
    await expect(getTask(taskIds[0] ?? "")).rejects.toThrow(UNKNOWN);
    for (const id of taskIds.slice(1)) await getTask(id);
    expect(await keptRows(taskIds[1] ?? "")).toHaveLength(most);
  });

  it("of strangers together are ten thousand", async () => {
    const first = await end();
    await change(first, () =>
      others((index) => `other${index}`, MAX_STRANGERS_TASKS - 1, MAX_ENDED_BYTES),
    );
    const next = await end();
    await expect(getTask(first)).rejects.toThrow(UNKNOWN);
    expect(await getTask(next)).toMatchObject({ status: "completed" });
  });

  it("leave no row when their day is over", async () => {
    const [first, second] = [await end(), await end()];
    const { lastUpdatedAt } = await getTask(first);
    setClock(Date.parse(lastUpdatedAt) - start + DAY_MS);
    await runAlarm(first);
    expect(await keptRows(second)).toHaveLength(1);
  });
});
