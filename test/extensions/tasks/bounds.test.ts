/** What a peer can make a task keep: each bound says what to do, and what was there stays. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  MAX_STATUS_CHARACTERS,
  MAX_TASK_BYTES,
  TOO_LARGE,
} from "../../../src/extensions/tasks/limits.ts";
import type { TaskRecord } from "../../../src/extensions/tasks/task-record.ts";
import { bindings } from "../../transport/session/client.ts";
import { stepProbe } from "../../world/task-tools.ts";
import {
  accepted,
  callTool,
  cancelTask,
  DECLARED,
  ended,
  getTask,
  holdStep,
  keysOf,
  placeOf,
  poll,
  resetProbe,
  runAlarm,
  startTask,
  taskStub,
  turns,
  updateTask,
  waiting,
  type Reply,
} from "./tasks.ts";

beforeEach(resetProbe);
afterEach(() => {
  vi.restoreAllMocks();
});

/** The most characters with which a task begins: one more makes none. */
async function roomBeside(start: (characters: number) => Promise<Reply>): Promise<number> {
  let [fits, isTooMuch] = [0, MAX_TASK_BYTES];
  while (isTooMuch - fits > 1) {
    const middle = Math.floor((fits + isTooMuch) / 2);
    const { result } = await start(middle);
    if (result === undefined) isTooMuch = middle;
    else fits = middle;
  }
  return fits;
}

describe("a task", () => {
  it("keeps 1,850,000 bytes of arguments, counted as they are written, and one more byte makes none", async () => {
    // Three bytes of UTF-8 each.
    const call = (characters: number): object => ({ seconds: 0, label: "€".repeat(characters) });
    const reply = await callTool("slow_compute", call(MAX_TASK_BYTES / 3));
    expect(reply).toMatchObject({
      error: {
        code: -32602,
        message: TOO_LARGE,
      },
    });
    const { taskId } = await startTask("slow_compute", call(MAX_TASK_BYTES / 3 - 2_000));
    const task = await ended(taskId);
    expect(task.status).toBe("completed");
  });

  it("that would have more of answers than that refuses them, and goes on waiting for smaller ones", async () => {
    const { taskId } = await startTask("spec_steps", { label: "a", count: 1, ask: 1 });
    await waiting(taskId);
    const large = await updateTask(taskId, { "before 1": accepted("x".repeat(MAX_TASK_BYTES)) });
    expect(large).toMatchObject({
      error: { code: -32602, message: TOO_LARGE },
    });
    expect(await getTask(taskId)).toMatchObject({ status: "input_required" });
    await updateTask(taskId, { "before 1": accepted("small") });
    expect(await ended(taskId)).toMatchObject({ status: "completed" });
  });

  it("keeps eight megabytes of what its steps gave, and says so where they give more", async () => {
    const pad = 1_800_000;
    const { taskId } = await startTask("spec_steps", { label: "s", count: 6, pad });
    const task = await ended(taskId);
    expect(task).toMatchObject({
      status: "completed",
      result: {
        isError: true,
        content: [{ text: TOO_LARGE }],
      },
    });
    // The fifth does not fit any more.
    expect(stepProbe.begun).toEqual(["s.1", "s.2", "s.3", "s.4", "s.5"]);
  });

  it("keeps what its steps gave until it ends, and of a step that ends after that nothing", async () => {
    const held = holdStep("r.2");
    let hasEndedStep = false;
    const { hold } = stepProbe;
    stepProbe.hold = async (step) => {
      await hold(step);
      hasEndedStep = step === "r.2";
    };
    const { taskId } = await startTask("spec_steps", { label: "r", count: 2 });
    await held.begun();
    expect(await keysOf(taskId)).toEqual(["step 0", "task"]);
    await cancelTask(taskId);
    expect(await keysOf(taskId)).toEqual(["task"]);
    held.letGo();
    // What the step gave is written in the same turn, or never.
    await turns(() => hasEndedStep);
    expect(await keysOf(taskId)).toEqual(["task"]);
    const done = await startTask("spec_steps", { label: "d", count: 3 });
    expect(await ended(done.taskId)).toMatchObject({ status: "completed" });
    expect(await keysOf(done.taskId)).toEqual(["task"]);
  });

  it("deletes what its steps gave also where it was evicted since", async () => {
    const { taskId } = await startTask("spec_steps", { label: "v", count: 2, ask: 2 });
    await waiting(taskId);
    await evictDurableObject(taskStub(taskId));
    await cancelTask(taskId);
    expect(await keysOf(taskId)).toEqual(["task"]);
  });

  it("whose client says so much of itself that nothing more would fit ends like any other, and keeps none of it", async () => {
    const pad = "x".repeat(MAX_TASK_BYTES);
    const start = (characters: number): Promise<Reply> =>
      callTool(
        "spec_steps",
        { label: "p", count: 1, ask: 1 },
        { capabilities: { ...DECLARED, pad: pad.slice(0, characters) } },
      );
    const free = await roomBeside(start);
    for (const left of [0, 10, 50]) {
      const { result } = await start(free - left);
      const { taskId = "" } = result ?? {};
      await runAlarm(taskId);
      await cancelTask(taskId);
      expect(["cancelled", "failed"]).toContain((await getTask(taskId)).status);
      expect(
        await runInDurableObject(taskStub(taskId), (_object, { storage }) =>
          storage.kv.get<Uint8Array>("task"),
        ),
      ).toHaveProperty(
        "length",
        expect.toSatisfy((bytes: number) => bytes < 2_000),
      );
    }
  });

  it("that was accepted has room for what it notes by itself: a step that failed once is tried again", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const call = (label: string): Promise<Reply> => callTool("spec_steps", { label, count: 1 });
    const free = await roomBeside((characters) => call("x".repeat(characters)));
    let fails = true;
    stepProbe.hold = () => {
      if (fails) throw new Error("once");
    };
    const { result } = await call("x".repeat(free));
    const taskId = result?.taskId ?? "";
    await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith("Failed 1 of 5"));
    fails = false;
    await runAlarm(taskId);
    expect(await ended(taskId)).toMatchObject({ status: "completed" });
    errors.mockRestore();
  });

  it("that was cancelled keeps its place while its handler works on", async () => {
    const held = holdStep("c.1");
    const { taskId } = await startTask("spec_steps", { label: "c", count: 1 });
    await held.begun();
    await cancelTask(taskId);
    const isCounted = async (): Promise<boolean> => {
      const [pool = "", share = ""] = await placeOf(taskId);
      return runInDurableObject(
        bindings.RUNNING_TASKS.getByName(pool),
        (_object, { storage }) => typeof storage.kv.get(`${share} ${taskId}`) === "number",
      );
    };
    expect(await isCounted()).toBe(true);
    await runInDurableObject(taskStub(taskId), (object) => {
      expect(object.idleSinceMs()).toBeGreaterThan(Date.now() - 1_000);
    });
    held.letGo();
    await vi.waitFor(async () => expect(await isCounted()).toBe(false));
    expect(await getTask(taskId)).toMatchObject({ status: "cancelled" });
  });

  it("whose result is larger than a task keeps fails, and keeps no part of it", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { taskId } = await startTask("spec_large", { characters: MAX_TASK_BYTES });
    expect(await ended(taskId)).toMatchObject({
      status: "failed",
      error: { code: -32603, message: TOO_LARGE },
    });
    expect(errors).toHaveBeenCalled();
  });

  it("keeps of its progress 500 characters", async () => {
    const held = holdStep("p.2");
    const { taskId } = await startTask("spec_steps", { label: "p", count: 2, pad: 1_000 });
    await held.begun();
    const { statusMessage = "" } = await getTask(taskId);
    expect(statusMessage).toMatch(/^step 1 of 2\.+…$/);
    expect(statusMessage).toHaveLength(MAX_STATUS_CHARACTERS + 1);
    held.letGo();
    await ended(taskId);
  });

  it("keeps nothing of its call once it has ended, but the name", async () => {
    const { taskId } = await startTask("spec_steps", { label: "a", count: 1, ask: 1 });
    await waiting(taskId);
    await updateTask(taskId, { "before 1": accepted("a secret") });
    await ended(taskId);
    await runInDurableObject(taskStub(taskId), (_object, { storage }) => {
      const bytes = storage.kv.get<Uint8Array>("task");
      const record = JSON.parse(new TextDecoder().decode(bytes)) as TaskRecord;
      expect(record.params).toEqual({ name: "spec_steps" });
      expect(record.retryState).toEqual({ answers: {}, once: {} });
    });
  });
});

describe("answers", () => {
  it("of the wrong shape are refused together, by the key that is wrong, and the questions stay", async () => {
    const { taskId } = await startTask("spec_task_input");
    await waiting(taskId);
    const reply = await updateTask(taskId, { first: accepted("a"), second: { action: "maybe" } });
    expect(reply).toMatchObject({
      error: {
        code: -32602,
        message:
          'inputResponses["second"] is no result of elicitation/create: /action must be "accept", "decline" or "cancel"',
      },
    });
    const { inputRequests = {} } = await getTask(taskId);
    expect(Object.keys(inputRequests)).toEqual(["first", "second"]);
  });

  it("that do not fit their form are asked for again, by another key, five times at most", async () => {
    const { taskId } = await startTask("spec_steps", { label: "f", count: 1, ask: 1 });
    const keys: string[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const { inputRequests = {} } = await poll(taskId, ({ inputRequests: open = {} }) =>
        Object.keys(open).some((key) => !keys.includes(key)),
      );
      keys.push(...Object.keys(inputRequests));
      await updateTask(taskId, { [keys.at(-1) ?? ""]: { action: "accept", content: { text: 7 } } });
    }
    expect(keys).toEqual(["before 1", "before 1#2", "before 1#3", "before 1#4", "before 1#5"]);
    const task = await ended(taskId);
    expect(task).toMatchObject({ status: "completed", result: { isError: true } });
    expect(task.result?.content[0]?.text).toContain("was asked 5 times in vain");
  });
});
