/** A task from its start to its end, whatever happens to its object meanwhile. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { describeTask } from "../../../src/extensions/tasks/describe-task.ts";
import { OPEN_TASK_TTL_MS } from "../../../src/extensions/tasks/limits.ts";
import { tasks } from "../../../src/extensions/tasks/feature.ts";
import type { TaskRecord } from "../../../src/extensions/tasks/task-record.ts";
import { TaskObject } from "../../../src/extensions/tasks/task-object.ts";
import { HubObject } from "../../../src/hub/hub-object.ts";
import { bindings } from "../../transport/session/client.ts";
import { logIn } from "../../oauth/login-flow.ts";
import { costs } from "../../world/counting.ts";
import { stepProbe } from "../../world/task-tools.ts";
import {
  accepted,
  alarmOf,
  ask,
  cancelTask,
  DAY_MS,
  ended,
  getTask,
  holdStep,
  poll,
  resetProbe,
  runAlarm,
  startTask,
  taskStub,
  textOf,
  updateTask,
  waiting,
} from "./tasks.ts";

beforeEach(resetProbe);
afterEach(() => {
  vi.useRealTimers();
});

/** Settings in which every object is there. */
const STARTED = { objects: () => undefined };
const MINUTE_MS = 60_000;
const STEPS = [1, 2, 3, 4, 5];
const names = (label: string): string[] => STEPS.map((step) => `${label}.${step}`);
const setClock = (ms: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: ms });
};

describe("each step happens once", () => {
  it("where its object is evicted after every one", async () => {
    // Each step lasts so long that the next begins in another run.
    stepProbe.hold = () => setClock(Date.now() + 2 * MINUTE_MS);
    const { objectsCreated } = costs;
    const { taskId } = await startTask("spec_steps", { label: "evicted", count: 5 });
    let task = await getTask(taskId);
    while (task.status === "working") {
      await evictDurableObject(taskStub(taskId));
      await runAlarm(taskId);
      task = await getTask(taskId);
    }
    expect(textOf(task)).toBe("evicted: 5 steps");
    expect(stepProbe.begun).toEqual(names("evicted"));
    expect(costs.objectsCreated - objectsCreated).toBeGreaterThanOrEqual(STEPS.length);
  });

  it.each(STEPS)("where its object dies during step %i, which alone is repeated", async (step) => {
    const held = holdStep(`dies.${step}`);
    const { taskId } = await startTask("spec_steps", { label: "dies", count: 5 });
    await held.begun();
    resetHold();
    await runInDurableObject(taskStub(taskId), (_object, state) => state.abort("dies")).catch(
      () => undefined,
    );
    await runAlarm(taskId);
    expect(textOf(await ended(taskId))).toBe("dies: 5 steps");
    const all = names("dies");
    expect(stepProbe.begun).toEqual([...all.slice(0, step), ...all.slice(step - 1)]);
  });
});

describe("a cancelled task", () => {
  it.each(STEPS)("does nothing after step %i, and tells it by its signal", async (step) => {
    const held = holdStep(`stops.${step}`);
    const { taskId } = await startTask("spec_steps", { label: "stops", count: 5 });
    await held.begun();
    expect(await cancelTask(taskId)).toMatchObject({ result: { resultType: "complete" } });
    expect(await getTask(taskId)).toMatchObject({ status: "cancelled" });
    expect(stepProbe.aborted).toEqual(["stops"]);
    held.letGo();
    await runInDurableObject(taskStub(taskId), () => undefined);
    await evictDurableObject(taskStub(taskId));
    await runAlarm(taskId);
    expect(stepProbe.begun).toEqual(names("stops").slice(0, step));
    expect(await getTask(taskId)).toMatchObject({ status: "cancelled" });
  });

  it("that waits for an answer ends at once, and takes none any more", async () => {
    const { taskId } = await startTask("spec_steps", { label: "waits", count: 2, ask: 2 });
    await waiting(taskId);
    await cancelTask(taskId);
    expect(await getTask(taskId)).toMatchObject({ status: "cancelled" });
    expect(await updateTask(taskId, { "before 2": accepted("late") })).toMatchObject({
      result: { resultType: "complete" },
    });
    await runAlarm(taskId);
    const task = await getTask(taskId);
    expect(task).toMatchObject({ status: "cancelled" });
    expect(task).not.toHaveProperty("inputRequests");
    expect(stepProbe.begun).toEqual(["waits.1"]);
  });

  it("stays as it ended where it had ended, and may be cancelled again", async () => {
    const { taskId } = await startTask("spec_steps", { label: "done", count: 1 });
    const before = await ended(taskId);
    for (const _ of "ab")
      expect(await cancelTask(taskId)).toMatchObject({ result: { resultType: "complete" } });
    expect(await getTask(taskId)).toEqual(before);
  });
});

describe("a step that fails", () => {
  const failing = (times: number): void => {
    let failures = 0;
    stepProbe.hold = (step) => {
      if (!step.endsWith(".2") || failures === times) return;
      failures += 1;
      throw new Error("no luck");
    };
  };

  it("is tried again after 5, 10, 20 and 40 s, and what was done before is not done again", async () => {
    failing(4);
    const { taskId } = await startTask("spec_steps", { label: "luck", count: 3 });
    const waits: number[] = [];
    for (let attempt = 1; attempt < 5; attempt += 1) {
      const task = await poll(taskId, ({ statusMessage = "" }) =>
        statusMessage.startsWith(`Failed ${attempt} of 5 times`),
      );
      expect(task.status).toBe("working");
      const at = (await alarmOf(taskId)) ?? 0;
      waits.push(Math.round((at - Date.parse(task.lastUpdatedAt)) / 1_000));
      await runAlarm(taskId);
    }
    expect(waits).toEqual([5, 10, 20, 40]);
    expect(textOf(await ended(taskId))).toBe("luck: 3 steps");
    const tries = ["luck.2", "luck.2", "luck.2", "luck.2", "luck.2"];
    expect(stepProbe.begun).toEqual(["luck.1", ...tries, "luck.3"]);
  });

  it("five times ends its task with the tool's error, and the log says so", async () => {
    failing(Infinity);
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { taskId } = await startTask("spec_steps", { label: "dead", count: 3 });
    for (let attempt = 1; attempt < 5; attempt += 1) {
      await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith(`Failed ${attempt}`));
      await runAlarm(taskId);
    }
    const task = await ended(taskId);
    expect(task).toMatchObject({ status: "completed", result: { isError: true } });
    expect(textOf(task)).toMatch(/^Internal error \(trace [0-9a-f]{32}\)$/);
    const lines = errors.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string });
    expect(lines.filter(({ event }) => event === "handler.failed")).toHaveLength(5);
    expect(lines.at(-1)).toMatchObject({ event: "task.failed", tool: "spec_steps", attempts: 5 });
    errors.mockRestore();
  });

  it("counts anew after a step that was finished", async () => {
    const failures = new Map<string, number>();
    stepProbe.hold = (step) => {
      const count = (failures.get(step) ?? 0) + 1;
      failures.set(step, count);
      if (count < 5) throw new Error("no luck");
    };
    const { taskId } = await startTask("spec_steps", { label: "anew", count: 2 });
    while ((await getTask(taskId)).status === "working") await runAlarm(taskId);
    expect(textOf(await ended(taskId))).toBe("anew: 2 steps");
    expect(stepProbe.begun).toHaveLength(10);
  });

  it("that tells its caller why is not tried again", async () => {
    const { taskId } = await startTask("failing_job");
    expect(await ended(taskId)).toMatchObject({ status: "completed", result: { isError: true } });
  });
});

describe("a task that kills its object", () => {
  it("fails before the platform gives up", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const held = holdStep("kills.1");
    const { taskId } = await startTask("spec_steps", { label: "kills", count: 1 });
    await held.begun();
    resetHold();
    await runInDurableObject(taskStub(taskId), (_object, state) => state.abort("kills")).catch(
      () => undefined,
    );
    await runInDurableObject(taskStub(taskId), (object) =>
      object.alarm({ isRetry: true, retryCount: 5, scheduledTime: Date.now() }),
    );
    const task = await ended(taskId);
    expect(task).toMatchObject({ status: "failed", error: { code: -32603 } });
    expect(task.statusMessage).toBe("Lost in a restart 5 times");
    errors.mockRestore();
  });
});

describe("a run whose result is no JSON", () => {
  it.each<[string, () => object]>([
    ["a BigInt", () => ({ content: [{ type: "text", text: "x", _meta: { count: 1n } }] })],
    ["a cycle", cycle],
  ])("ends its task at once, with an internal error: %s", async (_what, result) => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { taskId } = await startTask("spec_steps", { label: "odd", count: 1, ask: 1 });
    await waiting(taskId);
    let runs = 0;
    await runInDurableObject(taskStub(taskId), (object) => {
      const { server, ...runtime } = object.serverRuntime(env);
      const given = server.tools.get("spec_steps");
      const run = (): never => {
        runs += 1;
        return result() as never;
      };
      const tools = new Map([...server.tools, ["spec_steps", { ...given, run } as never]]);
      object.serverRuntime = () => ({ ...runtime, server: { ...server, tools } });
    });
    await updateTask(taskId, { "before 1": accepted("go") });
    expect(await ended(taskId)).toMatchObject({
      status: "failed",
      error: {
        code: -32603,
        message: expect.stringMatching(/^Internal error \(trace [0-9a-f]{32}\)$/) as string,
      },
    });
    expect(runs).toBe(1);
    const lines = errors.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string });
    expect(lines.map(({ event }) => event)).toEqual(["call.failed", "task.failed"]);
    errors.mockRestore();
  });
});

function cycle(): object {
  const content: object[] = [];
  content.push({ type: "text", text: "x", _meta: { content } });
  return { content };
}

describe("a run that cannot begin, as a setting is missing or the hub is away,", () => {
  /** An alarm, while `breakIt` holds. */
  async function alarmWhile(
    taskId: string,
    breakIt: (object: TaskObject<unknown>) => () => void,
  ): Promise<void> {
    await runInDurableObject(taskStub(taskId), async (object) => {
      const mend = breakIt(object);
      try {
        await object.alarm({ isRetry: false, retryCount: 0, scheduledTime: Date.now() });
      } finally {
        mend();
      }
    });
  }

  const isMissing = (): never => {
    throw new Error("Configuration: KEYS is missing");
  };
  const withoutSettings = (object: TaskObject<unknown>): (() => void) => {
    const spy = vi.spyOn(object, "serverRuntime").mockImplementation(isMissing);
    return () => {
      spy.mockRestore();
    };
  };
  const withoutHub = (): (() => void) => {
    const spy = vi.spyOn(HubObject.prototype, "isRevoked").mockImplementation(isMissing);
    return () => {
      expect(spy).toHaveBeenCalledTimes(4);
      spy.mockRestore();
    };
  };

  it.each([
    ["a setting", withoutSettings],
    ["the hub", withoutHub],
  ])("is tried again five minutes later, however often: %s", async (_what, breakIt) => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { access_token: token } = await logIn("ada");
    stepProbe.hold = () => {
      throw new Error("no luck");
    };
    const { taskId } = await startTask("spec_steps", { label: "away", count: 1 }, { token });
    await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith("Failed 1"), { token });
    resetHold();
    for (let count = 0; count < 6; count += 1) {
      await alarmWhile(taskId, breakIt);
      const waitMs = ((await alarmOf(taskId)) ?? 0) - Date.now();
      expect(Math.round(waitMs / MINUTE_MS)).toBe(5);
    }
    expect(await getTask(taskId, { token })).toMatchObject({ status: "working" });
    const lines = errors.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string });
    expect(lines.filter(({ event }) => event === "task.postponed")).toHaveLength(6);
    await runAlarm(taskId);
    expect(textOf(await ended(taskId, { token }))).toBe("away: 1 steps");
    errors.mockRestore();
  });

  it("ends when its time is over", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    stepProbe.hold = () => {
      throw new Error("no luck");
    };
    const { taskId } = await startTask("spec_steps", { label: "over", count: 1 });
    const { createdAt, ttlMs } = await poll(taskId, ({ statusMessage = "" }) =>
      statusMessage.startsWith("Failed 1"),
    );
    const endsAt = Date.parse(createdAt) + ttlMs;
    setClock(endsAt - MINUTE_MS);
    await alarmWhile(taskId, withoutSettings);
    expect(await alarmOf(taskId)).toBe(endsAt);
    setClock(endsAt);
    await alarmWhile(taskId, withoutSettings);
    expect(await getTask(taskId)).toMatchObject({
      status: "failed",
      statusMessage: "Not done within 30 days",
    });
    errors.mockRestore();
  });
});

describe("a run that takes too long", () => {
  it("is given up by whoever asks after it, and tried again", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const held = holdStep("hangs.1");
    const { taskId } = await startTask("spec_steps", { label: "hangs", count: 1 });
    await held.begun();
    resetHold();
    setClock(Date.now() + 301_000);
    await getTask(taskId);
    const task = await poll(taskId, ({ statusMessage = "" }) =>
      statusMessage.startsWith("Failed 1"),
    );
    expect(task.status).toBe("working");
    held.letGo();
    await runAlarm(taskId);
    expect(textOf(await ended(taskId))).toBe("hangs: 1 steps");
    errors.mockRestore();
  });
});

describe("time", () => {
  it("polls are to come ever less often while nothing changes", async () => {
    const { taskId, pollIntervalMs } = await startTask("spec_steps", {
      label: "t",
      count: 1,
      ask: 1,
    });
    expect(pollIntervalMs).toBe(1_000);
    const { lastUpdatedAt } = await waiting(taskId);
    const intervals: (number | undefined)[] = [];
    for (const seconds of [2, 20, 3_600]) {
      setClock(Date.parse(lastUpdatedAt) + seconds * 1_000);
      intervals.push((await getTask(taskId)).pollIntervalMs);
    }
    expect(intervals).toEqual([1_000, 5_000, 60_000]);
  });

  it("polls of a hundred tasks, all in their first minute, are fewer than the requests about them that a caller may send", async () => {
    const ids = Array.from({ length: 100 }, () => bindings.TASK.newUniqueId().toString());
    const { limitKey = String } =
      tasks().start({ settings: STARTED } as never).methods?.["tasks/get"] ?? {};
    const polls = new Map<string, number>();
    for (const taskId of ids)
      for (let at = 0; at < MINUTE_MS;) {
        const key = limitKey({ taskId });
        polls.set(key, (polls.get(key) ?? 0) + 1);
        // As if each poll came upon a change.
        const task = { status: "working", createdAtMs: 0, updatedAtMs: at } as TaskRecord;
        const changed = { ...task, expiresAtMs: OPEN_TASK_TTL_MS };
        at += Number(describeTask(taskId, changed, at)["pollIntervalMs"]);
      }
    // As wrangler.toml has it: of a caller, in a minute. Half is left for answers that ask again.
    expect(Math.max(...polls.values())).toBeLessThan(600 / 2);
    expect(polls.size).toBeLessThanOrEqual(16);
    expect(limitKey({ taskId: ["x"] })).toBe("");
  });

  it("a task that nobody answers fails after 30 days, and is kept for a day more", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { taskId } = await startTask("spec_steps", { label: "old", count: 1, ask: 1 });
    const { createdAt, ttlMs } = await waiting(taskId);
    const endsAt = Date.parse(createdAt) + ttlMs;
    expect(Math.round(ttlMs / DAY_MS)).toBe(30);
    expect(await alarmOf(taskId)).toBe(endsAt);
    setClock(endsAt - 1);
    await runAlarm(taskId);
    expect(await getTask(taskId)).toMatchObject({ status: "input_required" });
    setClock(endsAt);
    await runAlarm(taskId);
    expect(await getTask(taskId)).toMatchObject({
      status: "failed",
      statusMessage: "Not done within 30 days",
      error: { code: -32603 },
    });
    expect(await alarmOf(taskId)).toBe(endsAt + DAY_MS);
    errors.mockRestore();
  });

  it("a task that has ended is deleted a day later: no row and no alarm stays, and its id is unknown", async () => {
    const { taskId } = await startTask("spec_steps", { label: "gone", count: 2 });
    const { lastUpdatedAt } = await ended(taskId);
    setClock(Date.parse(lastUpdatedAt) + DAY_MS + 1_000);
    await runAlarm(taskId);
    await runInDurableObject(taskStub(taskId), async (_object, { storage }) => {
      expect((await storage.list()).size).toBe(0);
      expect(await storage.getAlarm()).toBeNull();
    });
    await expect(getTask(taskId)).rejects.toThrow("No such task of yours");
    await evictDurableObject(taskStub(taskId));
    await expect(getTask(taskId)).rejects.toThrow("No such task of yours");
  });
});

describe("progress", () => {
  it("is the status message, written with what a run leaves, and never goes back", async () => {
    const held = holdStep("told.3");
    const { taskId } = await startTask("spec_steps", { label: "told", count: 4, ask: 4 });
    await held.begun();
    expect(await getTask(taskId)).toMatchObject({
      status: "working",
      statusMessage: "step 2 of 4",
    });
    held.letGo();
    await waiting(taskId);
    await evictDurableObject(taskStub(taskId));
    expect((await getTask(taskId)).statusMessage).toBe("step 3 of 4");
    const last = holdStep("told.4");
    await updateTask(taskId, { "before 4": accepted("go") });
    await last.begun();
    expect((await getTask(taskId)).statusMessage).toBe("step 3 of 4");
    last.letGo();
    await ended(taskId);
  });
});

function resetHold(): void {
  stepProbe.hold = () => undefined;
}

/** The next request of `method` finds its object reset; `isDone`: once what it asked for is done, and written. */
function resetOnce(method: "get" | "update" | "cancel" | "create", isDone: boolean = false): void {
  const prototype = TaskObject.prototype as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  const original = prototype[method];
  vi.spyOn(prototype, method).mockImplementationOnce(async function (this: unknown, ...args) {
    const { ctx } = this as { ctx: DurableObjectState };
    if (isDone) {
      await original?.apply(this, args);
      await ctx.storage.sync();
    }
    ctx.abort("reset");
  });
}

describe("a method", () => {
  it("that fails inside is answered with -32603 and a trace id, and the log has the rest", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { taskId } = await startTask("spec_steps", { label: "broken", count: 0 });
    await ended(taskId);
    const failing = (["get", "update", "cancel"] as const).map((name) =>
      vi.spyOn(TaskObject.prototype, name).mockImplementation(() => {
        throw new Error("no disk");
      }),
    );
    const methods: Readonly<Record<string, object>> = {
      "tasks/get": {},
      "tasks/update": { inputResponses: {} },
      "tasks/cancel": {},
    };
    for (const [method, params] of Object.entries(methods)) {
      const { error } = await ask(method, { taskId, ...params }, taskId);
      expect(error).toMatchObject({
        code: -32603,
        message: expect.stringMatching(/^Internal error \(trace [0-9a-f]{32}\)$/) as string,
      });
    }
    expect(errors).toHaveBeenCalledTimes(3);
    for (const spy of [errors, ...failing]) spy.mockRestore();
  });

  it.each(["get", "update", "cancel"] as const)(
    "that meets a reset of the object is asked again: tasks/%s",
    async (name) => {
      const { taskId } = await startTask("spec_steps", { label: "reset", count: 1, ask: 1 });
      await waiting(taskId);
      resetOnce(name);
      const answers = name === "update" ? { inputResponses: { "before 1": accepted("go") } } : {};
      expect(await ask(`tasks/${name}`, { taskId, ...answers }, taskId)).toHaveProperty("result");
    },
  );

  it("that makes a task makes one, also where the first answer is lost", async () => {
    resetOnce("create", true);
    const { taskId } = await startTask("spec_steps", { label: "once", count: 1 });
    expect(textOf(await ended(taskId))).toBe("once: 1 steps");
    expect(stepProbe.begun).toEqual(["once.1"]);
  });

  it("tasks/update without answers is refused, and changes nothing", async () => {
    const { taskId } = await startTask("spec_steps", { label: "no", count: 1, ask: 1 });
    await waiting(taskId);
    for (const params of [{}, { inputResponses: ["x"] }])
      expect(await ask("tasks/update", { taskId, ...params }, taskId)).toMatchObject({
        error: { code: -32602, message: "params.inputResponses must be an object" },
      });
    expect(await getTask(taskId)).toMatchObject({ status: "input_required" });
  });

  it("tasks/get has the members of each status, and no others", async () => {
    const always = ["taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"];
    const members = (task: object): string[] =>
      Object.keys(task)
        .filter((key) => !["resultType", "_meta"].includes(key))
        .toSorted();
    const held = holdStep("m.1");
    const { taskId } = await startTask("spec_steps", { label: "m", count: 1, ask: 1 });
    const asking = await waiting(taskId);
    expect(members(asking)).toEqual([...always, "inputRequests", "pollIntervalMs"].toSorted());
    await updateTask(taskId, { "before 1": accepted("go") });
    await held.begun();
    expect(members(await getTask(taskId))).toEqual([...always, "pollIntervalMs"].toSorted());
    held.letGo();
    expect(members(await ended(taskId))).toEqual([...always, "result"].toSorted());
    const failed = await startTask("protocol_error_job");
    expect(members(await ended(failed.taskId))).toEqual(
      [...always, "error", "statusMessage"].toSorted(),
    );
  });
});
