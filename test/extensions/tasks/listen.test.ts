/** `taskIds` of subscriptions/listen: the caller's own tasks, each as it is and with each change, and nothing else. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, expect, it, vi } from "vitest";
import { MAX_LISTENED_TASKS, MAX_TASK_LISTENERS } from "../../../src/extensions/tasks/limits.ts";
import { hub } from "../../hub/hub.ts";
import { bindings, EventReader } from "../../transport/session/client.ts";
import { countCosts } from "../../world/counting.ts";
import {
  accepted,
  cancelTask,
  DECLARED,
  ended,
  getTask,
  holdStep,
  replaceHandler,
  resetProbe,
  respondTo,
  startTask,
  taskStub,
  updateTask,
  waiting,
  type Task,
} from "./tasks.ts";

beforeEach(resetProbe);

const METHOD = "subscriptions/listen";

interface Heard {
  readonly method: string;
  readonly params: Task & { readonly notifications: { readonly taskIds?: readonly string[] } };
}

async function listen(notifications: object): Promise<EventReader> {
  return new EventReader(await respondTo(METHOD, { notifications }, ""));
}

async function next(stream: EventReader): Promise<Heard> {
  return (await stream.message()) as unknown as Heard;
}

it("tells a listener what the task is and each change, as tasks/get does, across evictions", async () => {
  const held = holdStep("l.1");
  const { taskId } = await startTask("spec_steps", { label: "l", count: 2, ask: 2 });
  await held.begun();
  const stream = await listen({ taskIds: [taskId] });
  expect(await next(stream)).toMatchObject({
    method: "notifications/subscriptions/acknowledged",
    params: { notifications: { taskIds: [taskId] } },
  });
  expect(await next(stream)).toMatchObject({
    method: "notifications/tasks",
    params: { status: "working" },
  });
  held.letGo();
  expect((await next(stream)).params).toMatchObject({
    status: "working",
    statusMessage: "step 1 of 2",
  });
  const asked = (await next(stream)).params;
  const { pollIntervalMs: _, ...told } = asked;
  expect(await getTask(taskId)).toMatchObject(
    JSON.parse(JSON.stringify({ ...told, _meta: undefined })) as object,
  );
  expect(asked.status).toBe("input_required");
  await evictDurableObject(taskStub(taskId));
  await updateTask(taskId, { "before 2": accepted("go") });
  expect((await next(stream)).params).toMatchObject({ status: "working" });
  expect((await next(stream)).params).toMatchObject({ statusMessage: "step 2 of 2" });
  expect((await next(stream)).params).toMatchObject({
    status: "completed",
    result: { content: [{}] },
  });
  // Nothing follows its end, and the stream stays for what else it was opened for.
  await hub.publish({ list: "tools" });
  await stream.cancel();
});

it("grants only ids of the caller's own tasks, and says nothing of the others", async () => {
  const { taskId } = await startTask("spec_steps", { label: "mine", count: 0 });
  await ended(taskId);
  const other = bindings.TASK.newUniqueId().toString();
  const stream = await listen({
    taskIds: ["made-up", taskId, other, taskId],
    toolsListChanged: true,
  });
  expect((await next(stream)).params.notifications).toEqual({
    taskIds: [taskId],
    toolsListChanged: true,
  });
  expect((await next(stream)).params).toMatchObject({ taskId, status: "completed" });
  await hub.publish({ list: "tools" });
  expect(await next(stream)).toMatchObject({ method: "notifications/tools/list_changed" });
  await stream.cancel();
});

it("refuses what is no list of ids, and more of them than one stream may have", async () => {
  const taskIds = Array.from({ length: MAX_LISTENED_TASKS + 1 }, () => "x");
  for (const wrong of [taskIds, "x", [7]]) {
    const response = await respondTo(METHOD, { notifications: { taskIds: wrong } }, "");
    expect(await response.json()).toMatchObject({ error: { code: -32602 } });
  }
});

it("takes an empty list of ids for none, also of a client without the extension", async () => {
  for (const capabilities of [DECLARED, {}]) {
    const notifications = { toolsListChanged: true, taskIds: [] };
    const response = await respondTo(METHOD, { notifications }, "", { capabilities });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    await response.body?.cancel();
  }
});

it("has eight listeners for a task: with one more the oldest subscription ends in order, to be opened anew", async () => {
  const { taskId } = await startTask("spec_steps", { label: "w", count: 1, ask: 1 });
  await waiting(taskId);
  const streams: EventReader[] = [];
  for (let index = 0; index <= MAX_TASK_LISTENERS; index += 1) {
    const stream = await listen({ taskIds: [taskId] });
    await next(stream);
    await next(stream);
    streams.push(stream);
  }
  const [oldest, ...others] = streams;
  expect(await oldest?.message()).toMatchObject({ result: { resultType: "complete" } });
  expect(await oldest?.message()).toMatchObject({ method: "notifications/cancelled" });
  await cancelTask(taskId);
  for (const stream of others)
    expect((await next(stream)).params).toMatchObject({ status: "cancelled" });
  for (const stream of streams) await stream.cancel();
});

it("costs the task one request, and no row, however often it changes", async () => {
  const held = holdStep("cost.1");
  const { taskId } = await startTask("spec_steps", { label: "cost", count: 5 });
  await held.begun();
  const before = await countCosts(async () => {
    const stream = await listen({ taskIds: [taskId] });
    await next(stream);
    await next(stream);
    await stream.cancel();
  });
  // The hub's, and the task's.
  expect(before).toMatchObject({ requests: 2, rows: 0 });
  held.letGo();
  await ended(taskId);
});

it("tells a client that reads of tasks that have ended, however large they are together", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 4; count++) {
    const { taskId } = await startTask("spec_large", { characters: 700_000 });
    await ended(taskId);
    ids.push(taskId);
  }
  const stream = await listen({ taskIds: ids });
  await next(stream);
  const told: string[] = [];
  for (const _ of ids) told.push((await next(stream)).params.taskId);
  expect(told.toSorted()).toEqual(ids.toSorted());
});

it("holds what one task is, of a client that does not read, however many it listens to", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 4; count += 1) {
    const { taskId } = await startTask("spec_large", { characters: 700_000 });
    await ended(taskId);
    ids.push(taskId);
  }
  const response = await respondTo(METHOD, { notifications: { taskIds: ids } }, "");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const told = await Promise.all(
    ids.map((id) =>
      runInDurableObject(
        taskStub(id),
        (_object, state) =>
          state.getWebSockets().filter(({ readyState }) => readyState !== WebSocket.OPEN).length,
      ),
    ),
  );
  // What has heard its end is closed: one, and no other before that is read.
  expect(told.filter((closed) => closed > 0).length).toBeLessThanOrEqual(1);
  await response.body?.cancel();
});

it("tells a client that reads of tasks that end together, however large their results are", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const { taskId } = await startTask("spec_steps", { label: "w", count: 1, ask: 1 });
    await waiting(taskId);
    await replaceHandler(taskId, () => "z".repeat(700_000));
    ids.push(taskId);
  }
  const stream = await listen({ taskIds: ids });
  for (let count = 0; count <= ids.length; count += 1) await next(stream);
  await Promise.all(ids.map((id) => updateTask(id, { "before 1": accepted("go") })));
  let completed = 0;
  while (completed < ids.length)
    completed += (await next(stream)).params.status === "completed" ? 1 : 0;
  await stream.cancel();
});

it("closes what it listened to where the server ends the subscription", async () => {
  const { taskId: first } = await startTask("spec_steps", { label: "m", count: 1, ask: 1 });
  const { taskId: second } = await startTask("spec_steps", { label: "n", count: 1, ask: 1 });
  await waiting(first);
  await waiting(second);
  const stream = await listen({ taskIds: [first, second] });
  for (let count = 0; count < 3; count++) await next(stream);
  for (let count = 0; count < MAX_TASK_LISTENERS; count++) {
    const other = await listen({ taskIds: [first] });
    await next(other);
  }
  await vi.waitUntil(async () =>
    runInDurableObject(taskStub(second), (_, state) =>
      state.getWebSockets().every(({ readyState }) => readyState !== WebSocket.READY_STATE_OPEN),
    ),
  );
});
