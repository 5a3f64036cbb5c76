/** Which calls become tasks, whose they are, and how many there may be. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCancellation } from "../../../src/base/cancellation.ts";
import { ANONYMOUS } from "../../../src/base/caller.ts";
import { startTask as beginTask } from "../../../src/extensions/tasks/create-task.ts";
import { MAX_RUNNING_TASKS } from "../../../src/extensions/tasks/limits.ts";
import { RunningTasksObject } from "../../../src/extensions/tasks/running-tasks-object.ts";
import { TaskObject } from "../../../src/extensions/tasks/task-object.ts";
import { NO_RETRY_STATE } from "../../../src/protocol/outcome.ts";
import type { Tool } from "../../../src/server/define.ts";
import { buildServer } from "../../../src/server/registry.ts";
import type { Call } from "../../../src/server/services.ts";
import { servicesFor, unrecordedSpan } from "../../server/services.ts";
import { fetchGuarded, logIn, ORIGIN } from "../../oauth/login-flow.ts";
import {
  bindings,
  callTool as callInSession,
  openSession,
  send,
} from "../../transport/session/client.ts";
import { countCosts } from "../../world/counting.ts";
import { emptyStorage } from "../../world/empty-storage.ts";
import { stepProbe } from "../../world/task-tools.ts";
import {
  accepted,
  ask,
  callTool,
  cancelTask,
  DECLARED,
  ended,
  getTask,
  holdStep,
  placeOf,
  resetProbe,
  runAlarm,
  startTask,
  taskStub,
  textOf,
  updateTask,
  waiting,
} from "./tasks.ts";

beforeEach(async () => {
  resetProbe();
  await emptyStorage();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const WAITING = { label: "w", count: 1, ask: 1 };
const UNDECLARED = { capabilities: { elicitation: {} } };

describe("a call", () => {
  it("that is refused makes no task: no object is asked for one", async () => {
    const refused = {
      slow_compute: { seconds: "many" },
      nothing_of_the_kind: {},
    };
    for (const [name, args] of Object.entries(refused)) {
      const cost = await countCosts(() => callTool(name, args));
      expect(cost).toMatchObject({ requests: 0, rows: 0 });
    }
  });

  it("of a client that did not declare the extension runs at once", async () => {
    const reply = await callTool("slow_compute", { seconds: 0, label: "now" }, UNDECLARED);
    expect(reply.result).toMatchObject({
      resultType: "complete",
      content: [{ text: "computed now" }],
    });
  });

  it("in a session runs at once, with progress on its stream, also where the tool must be a task", async () => {
    const session = await openSession("2025-11-25", DECLARED);
    const call = callInSession(
      1,
      "slow_compute",
      { seconds: 0, label: "then" },
      { progressToken: "p" },
    );
    const text = await (await send(session, call)).text();
    expect(text).toContain('"computed then"');
    expect(text.match(/notifications\/progress/g)).toHaveLength(10);
    const job = await (await send(session, callInSession(2, "failing_job"))).text();
    expect(job).toContain("The job cannot be done");
  });

  it("asks what its tool prepares before there is a task, which knows the answer and what was done once", async () => {
    const first = await callTool("test_tool_with_task");
    expect(first.result).toMatchObject({ resultType: "input_required" });
    const { requestState } = first.result as unknown as { requestState: string };
    const inputResponses = { user_name: { action: "accept", content: { name: "Ada" } } };
    const params = { name: "test_tool_with_task", arguments: {}, requestState, inputResponses };
    const { result } = await ask("tools/call", params, "test_tool_with_task");
    expect(result).toMatchObject({ resultType: "task", status: "working" });
    expect(textOf(await ended(result?.taskId ?? ""))).toBe("Hello, Ada!");
    expect(stepProbe.begun).toEqual(["greeting"]);
  });

  it("that finds no room has done nothing of what its tool prepares", async () => {
    const first = await callTool("test_tool_with_task");
    const { requestState } = first.result as unknown as { requestState: string };
    const running = await Promise.all(
      Array.from({ length: MAX_RUNNING_TASKS }, () => startTask("spec_steps", WAITING)),
    );
    const inputResponses = { user_name: { action: "accept", content: { name: "Ada" } } };
    const params = { name: "test_tool_with_task", arguments: {}, requestState, inputResponses };
    expect(await ask("tools/call", params, "test_tool_with_task")).toMatchObject({
      error: { code: 429 },
    });
    expect(stepProbe.begun).not.toContain("greeting");
    await cancelTask(running[0]?.taskId ?? "");
    const { result } = await ask("tools/call", params, "test_tool_with_task");
    expect(textOf(await ended(result?.taskId ?? ""))).toBe("Hello, Ada!");
    expect(stepProbe.begun.filter((step) => step === "greeting")).toHaveLength(1);
  });

  it("whose client left while its tool prepared becomes no task, and keeps no place", async () => {
    const create = vi.spyOn(TaskObject.prototype, "create");
    const release = vi.spyOn(RunningTasksObject.prototype, "release");
    const cancel = createCancellation();
    const outcome = await beginTask(
      { tasks: bindings.TASK, counters: bindings.RUNNING_TASKS },
      {
        server: buildServer({ info: { name: "left", version: "1" } }),
        http: new Request("https://left.example", {
          headers: { "cf-connecting-ip": "192.0.2.77" },
        }),
        request: {
          method: "tools/call",
          params: { name: "label_items" },
          target: {},
          caller: ANONYMOUS,
          capabilities: DECLARED,
          retryState: NO_RETRY_STATE,
          span: unrecordedSpan,
        },
        cancel,
        services: servicesFor(),
        sink: () => undefined,
      } as unknown as Call,
      { task: "optional", prepare: () => cancel.abort() } as unknown as Tool,
      {} as never,
    );
    expect(outcome).toMatchObject({ kind: "refused", refusal: { message: "The client left" } });
    expect([create.mock.calls.length, release.mock.calls.length]).toEqual([0, 1]);
  });

  it("that asks before there is a task takes no place", async () => {
    for (let count = 0; count < 3; count += 1)
      expect((await callTool("test_tool_with_task")).result).toMatchObject({
        resultType: "input_required",
      });
    const { taskId } = await startTask("spec_steps", WAITING);
    const [pool = ""] = await placeOf(taskId);
    const rows = await runInDurableObject(
      bindings.RUNNING_TASKS.getByName(pool),
      (_object, { storage }) => [...storage.kv.list()].length,
    );
    expect(rows).toBe(1);
  });

  it("that its person declines before there is a task gets the tool's words", async () => {
    const inputResponses = { user_name: { action: "decline" } };
    const params = { name: "test_tool_with_task", arguments: {}, inputResponses };
    const { result } = await ask("tools/call", params, "test_tool_with_task");
    expect(result).toMatchObject({ resultType: "complete", isError: true });
  });
});

describe("a task of one caller", () => {
  it("is unknown to every other, by the words for one that never was", async () => {
    const [ada, bob] = await Promise.all([logIn("ada"), logIn("bob")]);
    const mine = { token: ada.access_token };
    const { taskId } = await startTask("spec_steps", { label: "a", count: 1, ask: 1 }, mine);
    await waiting(taskId, mine);
    const never = bindings.TASK.newUniqueId().toString();
    const foreign = bindings.GRANT.newUniqueId().toString();
    for (const token of [bob.access_token])
      for (const id of [taskId, never, foreign, "made-up"]) {
        const replies = await Promise.all([
          ask("tasks/get", { taskId: id }, id, { token }),
          updateTask(id, { "before 1": accepted("mine now") }, { token }),
          cancelTask(id, { token }),
        ]);
        for (const reply of replies)
          expect(reply).toMatchObject({
            error: { code: -32602, message: "No such task of yours, or none any more" },
          });
      }
    expect(await getTask(taskId, mine)).toMatchObject({ status: "input_required" });
  });

  it("wakes no object for an id that was not issued here", async () => {
    const foreign = bindings.GRANT.newUniqueId().toString();
    for (const id of ["made-up", foreign, "0".repeat(64)])
      expect(await countCosts(() => ask("tasks/get", { taskId: id }, id))).toMatchObject({
        requests: 0,
        objectsCreated: 0,
      });
  });

  it("goes on with another login of the same client, and is at work for who answered last", async () => {
    const first = await logIn("ada", undefined);
    const again = await logIn("ada", first.clientId);
    const { taskId } = await startTask(
      "spec_steps",
      { label: "a", count: 1, ask: 1 },
      { token: first.access_token },
    );
    await waiting(taskId, { token: again.access_token });
    await revoke(first.clientId, first.refresh_token);
    await updateTask(taskId, { "before 1": accepted("go") }, { token: again.access_token });
    expect(textOf(await ended(taskId, { token: again.access_token }))).toBe("a: 1 steps");
  });

  it("ends before its next run where the access by which it was made was taken back", async () => {
    const first = await logIn("ada", undefined);
    const again = await logIn("ada", first.clientId);
    stepProbe.hold = () => {
      throw new Error("no luck");
    };
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const by = { token: again.access_token };
    const { taskId } = await startTask(
      "spec_steps",
      { label: "a", count: 1 },
      { token: first.access_token },
    );
    while (!(await getTask(taskId, by)).statusMessage?.startsWith("Failed 1")) await pause();
    await revoke(first.clientId, first.refresh_token);
    await runAlarm(taskId);
    expect(await getTask(taskId, by)).toMatchObject({
      status: "cancelled",
      statusMessage: "Access was taken back",
    });
    expect(stepProbe.begun).toEqual(["a.1"]);
    errors.mockRestore();
  });

  it("keeps the caller's properties sealed, and goes on without them where their key is gone", async () => {
    const { access_token: token } = await logIn("ada");
    const { taskId } = await startTask("spec_steps", { label: "a", count: 1, ask: 1 }, { token });
    await waiting(taskId, { token });
    await runInDurableObject(taskStub(taskId), (_object, { storage }) => {
      const record = JSON.parse(new TextDecoder().decode(storage.kv.get<Uint8Array>("task"))) as {
        caller: Record<string, string>;
        properties?: string;
      };
      expect(record.caller).not.toHaveProperty("properties");
      if (record.properties !== undefined) expect(record.properties).toMatch(/^test\./);
      const lost = { ...record, properties: "gone.AAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
      storage.kv.put("task", new TextEncoder().encode(JSON.stringify(lost)));
    });
    await evictDurableObject(taskStub(taskId));
    await runInDurableObject(taskStub(taskId), async (object, { storage }) => {
      const record = JSON.parse(new TextDecoder().decode(storage.kv.get<Uint8Array>("task"))) as {
        caller: never;
      };
      expect(await object.update(record.caller, "gone.AAAA", { "before 1": accepted("go") })).toBe(
        true,
      );
    });
    expect(textOf(await ended(taskId, { token }))).toBe("a: 1 steps");
  });
});

async function revoke(clientId: string, token: string): Promise<void> {
  const form = new URLSearchParams({ client_id: clientId, token });
  const response = await fetchGuarded(`${ORIGIN}/revoke`, { method: "POST", body: form });
  expect(response.status).toBe(200);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

describe("the tasks of a caller", () => {
  const FULL = {
    error: {
      code: 429,
      message: `Too many tasks: let one of your ${MAX_RUNNING_TASKS} end, or cancel one`,
    },
  };
  const waitingCall = { label: "w", count: 1, ask: 1 };

  it("are a hundred that run or wait: one more is refused with what to do, and every one of them stays", async () => {
    const taskIds: string[] = [];
    for (let index = 0; index < MAX_RUNNING_TASKS; index += 1)
      taskIds.push((await startTask("spec_steps", waitingCall)).taskId);
    const response = await callTool("spec_steps", waitingCall);
    expect(response).toMatchObject(FULL);
    for (const id of taskIds)
      expect(["working", "input_required"]).toContain((await getTask(id)).status);
    // Another address has a share of its own.
    await startTask("spec_steps", waitingCall, { address: "198.51.100.7" });
    // Whoever ends one has room for one.
    await cancelTask(taskIds[7] ?? "");
    await startTask("spec_steps", waitingCall);
    expect(await callTool("spec_steps", waitingCall)).toMatchObject(FULL);
  });

  it("that were lost without a word are found when there is no room, once a minute", async () => {
    const { taskId } = await startTask("spec_steps", { label: "x", count: 0 });
    await ended(taskId);
    const [pool = "", share = ""] = await placeOf(taskId);
    const counter = bindings.RUNNING_TASKS.getByName(pool);
    const began = Date.now() - 3_600_000;
    await runInDurableObject(counter, (_object, { storage }) => {
      for (let index = 0; index < MAX_RUNNING_TASKS; index += 1)
        storage.kv.put(`${share} ${bindings.TASK.newUniqueId().toString()}`, began);
    });
    await evictDurableObject(counter);
    const cost = await countCosts(() => startTask("spec_steps", waitingCall));
    // Each was asked; and admitted, created.
    expect(cost.requests).toBe(MAX_RUNNING_TASKS + 2);
    await runInDurableObject(counter, (_object, { storage }) => {
      const running = [...storage.kv.list()].filter(([, row]) => typeof row === "number");
      expect(running).toHaveLength(1);
    });
  });

  it("that may only be about to begin are not forgotten", async () => {
    const { taskId } = await startTask("spec_steps", { label: "x", count: 0 });
    await ended(taskId);
    const [pool = "", share = ""] = await placeOf(taskId);
    const counter = bindings.RUNNING_TASKS.getByName(pool);
    await runInDurableObject(counter, (_object, { storage }) => {
      for (let index = 0; index < MAX_RUNNING_TASKS; index += 1)
        storage.kv.put(`${share} ${bindings.TASK.newUniqueId().toString()}`, Date.now());
    });
    await evictDurableObject(counter);
    expect(await callTool("spec_steps", waitingCall)).toMatchObject(FULL);
  });

  it("free their places by themselves when they end, in whichever way", async () => {
    const { taskId } = await startTask("spec_steps", { label: "done", count: 1 });
    await ended(taskId);
    const [pool = ""] = await placeOf(taskId);
    const cancelled = await startTask("spec_steps", waitingCall);
    await waiting(cancelled.taskId);
    await cancelTask(cancelled.taskId);
    const failed = await startTask("protocol_error_job");
    await ended(failed.taskId);
    await runInDurableObject(bindings.RUNNING_TASKS.getByName(pool), (_object, { storage }) => {
      const rows = [...storage.kv.list<unknown>()];
      expect(rows).toHaveLength(3);
      expect(rows.filter(([, row]) => typeof row === "number")).toEqual([]);
    });
  });
});

describe("strangers together", () => {
  it("have a bound: whoever comes then is told, and nobody's task ends", async () => {
    const held = holdStep("s.1");
    const { taskId } = await startTask(
      "spec_steps",
      { label: "s", count: 1 },
      { address: "198.51.100.1" },
    );
    const [pool = ""] = await placeOf(taskId);
    await runInDurableObject(bindings.RUNNING_TASKS.getByName(pool), (_object, { storage }) => {
      for (let index = 0; index < 10_000; index += 1) storage.kv.put(`other${index} x`, Date.now());
    });
    await evictDurableObject(bindings.RUNNING_TASKS.getByName(pool));
    expect(
      await callTool("spec_steps", { label: "s", count: 1 }, { address: "198.51.100.1" }),
    ).toMatchObject({ error: { code: 429 } });
    expect(await getTask(taskId)).toMatchObject({ status: "working" });
    held.letGo();
    await ended(taskId);
  });
});
