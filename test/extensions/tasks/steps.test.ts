/** What a handler of a task does once: whatever its steps are called, give, and take. */

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { JsonValue } from "../../../src/base/json.ts";
import { ok } from "../../../src/base/result.ts";
import type { Context } from "../../../src/server/context.ts";
import {
  accepted,
  ended,
  getTask,
  poll,
  replaceHandler,
  resetProbe,
  runAlarm,
  startTask,
  textOf,
  turns,
  updateTask,
  waiting,
} from "./tasks.ts";

beforeEach(resetProbe);
afterEach(() => {
  vi.restoreAllMocks();
});

const LONE_SURROGATE = "Zo\ud83d";
const QUESTION = {
  message: "Sure?",
  form: { type: "object", properties: { text: { type: "string" } } },
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A task that runs `handler` from now on. */
async function start(
  handler: (context: Context) => Promise<string>,
  timeoutSeconds: number = 300,
): Promise<string> {
  const { taskId } = await startTask("spec_steps", { label: "own", count: 1, ask: 1 });
  await waiting(taskId);
  await replaceHandler(taskId, handler, timeoutSeconds);
  await updateTask(taskId, { "before 1": accepted("go") });
  return taskId;
}

/** Answers the question `key` of the task, and waits for its end. */
async function answer(taskId: string, key: string): Promise<string | undefined> {
  await poll(taskId, ({ status }) => status !== "working");
  await updateTask(taskId, Object.fromEntries([[key, accepted("yes")]]));
  return textOf(await ended(taskId));
}

it("each step has the time of a handler, however long those before it took, and a client that polls ends none", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const begun: string[] = [];
  const taskId = await start(async (context) => {
    for (const [step, ms] of [
      ["a", 300],
      ["b", 850],
      ["c", 100],
      ["d", 850],
    ] as const)
      await context.once(step, async () => {
        begun.push(step);
        await sleep(ms);
        return step;
      });
    return "done";
  }, 1);
  expect(textOf(await ended(taskId))).toBe("done");
  expect(begun).toEqual(["a", "b", "c", "d"]);
  expect(errors.mock.calls).toEqual([]);
});

it("a step that takes longer than a handler may is given up where a client asks, and tried again", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const begun: string[] = [];
  const taskId = await start(async (context) => {
    for (const step of ["a", "b"])
      await context.once(step, async () => {
        begun.push(step);
        await sleep(begun.length === 2 ? 10_000 : 10);
        return step;
      });
    return "done";
  }, 1);
  await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith("Failed 1 of 5"));
  await runAlarm(taskId);
  expect(textOf(await ended(taskId))).toBe("done");
  expect(begun).toEqual(["a", "b", "b"]);
  expect(errors).toHaveBeenCalledTimes(1);
});

it("what a step gave first stays, also where a run that was given up ends the same step later", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const ends: (() => void)[] = [];
  const taskId = await start(async (context) => {
    const order = await context.once("order", async () => {
      const number = ends.length + 1;
      const ended = new Promise<void>((resolve) => ends.push(resolve));
      if (number === 1) await ended;
      return number;
    });
    const message = `Pay order ${order}?`;
    await context.elicitForm("pay", { ...QUESTION, message });
    return `Paid order ${order}`;
  }, 1);
  await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith("Failed 1 of 5"));
  await runAlarm(taskId);
  const asking = await waiting(taskId);
  expect(JSON.stringify(asking.inputRequests)).toContain("Pay order 2?");
  // What failed is over.
  expect(asking.statusMessage).toBeUndefined();
  ends[0]?.();
  await sleep(50);
  expect(await answer(taskId, "pay")).toBe("Paid order 2");
});

it("a step is not begun that a run which was given up has ended since", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const begun: number[] = [];
  let runs = 0;
  let hasFirstEnded = false;
  let mayLook = false;
  const taskId = await start(async (context) => {
    runs += 1;
    const run = runs;
    // What stands outside of steps is done in each run.
    if (run === 2) await turns(() => mayLook);
    const order = await context.once("order", async () => {
      begun.push(run);
      if (run === 1) await turns(() => hasFirstEnded);
      return run;
    });
    return `Paid order ${order}`;
  }, 1);
  await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith("Failed 1 of 5"));
  const second = runAlarm(taskId);
  await turns(() => runs === 2);
  hasFirstEnded = true;
  await sleep(50);
  mayLook = true;
  await second;
  expect(textOf(await ended(taskId))).toBe("Paid order 1");
  expect(begun).toEqual([1]);
});

it.each(["", LONE_SURROGATE, "__proto__", "x".repeat(5_000), "constructor"])(
  "a step is known by any text: %j",
  async (name) => {
    let count = 0;
    const taskId = await start(async (context) => {
      const steps = [name, "\ufffd", "Zo\ufffd\ufffd\ufffd"];
      const results: JsonValue[] = [];
      for (const [index, step] of steps.entries())
        results.push(
          await context.once(step, () => {
            count += 1;
            return index;
          }),
        );
      await context.elicitForm("sure", QUESTION);
      return JSON.stringify([results, await context.once(name, () => "again")]);
    });
    expect(await answer(taskId, "sure")).toBe("[[0,1,2],0]");
    expect(count).toBe(3);
  },
);

it.each([LONE_SURROGATE, "__proto__", "constructor"])("so is a question: %j", async (key) => {
  const taskId = await start(async (context) =>
    JSON.stringify(await context.elicitForm(key, QUESTION)),
  );
  // As it was sent.
  const sent = key.isWellFormed() ? key : "Zo\\ud83d";
  expect(await answer(taskId, sent)).toBe('{"action":"accept","content":{"text":"yes"}}');
});

it("questions whose keys differ in half a character are two, and one that is put often in a run is one", async () => {
  const taskId = await start(async (context) => {
    const same = Array.from({ length: 8 }, () => context.elicitForm("same", QUESTION));
    const one = context.elicitForm("Zo\ud83d", QUESTION);
    const other = context.elicitForm("Zo\ud83c", QUESTION);
    return JSON.stringify((await Promise.all([...same, one, other])).length);
  });
  const { inputRequests = {} } = await waiting(taskId);
  const keys = Object.keys(inputRequests);
  expect(keys).toEqual(["same", "Zo\\ud83d", "Zo\\ud83c"]);
  await updateTask(taskId, Object.fromEntries(keys.map((key) => [key, accepted("yes")])));
  expect(textOf(await ended(taskId))).toBe("10");
});

it("a result is what the handler returned, whatever it changes later", async () => {
  const content = [{ type: "text" as const, text: "first" }];
  const taskId = await start(() => Promise.resolve({ content } as never));
  expect(textOf(await ended(taskId))).toBe("first");
  for (const block of content) block.text = "changed afterwards";
  expect(textOf(await getTask(taskId))).toBe("first");
});

it("a step that could not be kept does not keep the next from being tried again", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  let tries = 0;
  const taskId = await start(async (context) => {
    const kept = await context.once("report", () => 1n as never).catch(() => "left out");
    await context.once("mail", () => {
      tries += 1;
      if (tries === 1) throw new Error("away for a second");
      return 1;
    });
    return `Sent, report ${String(kept)}`;
  });
  await poll(taskId, ({ statusMessage = "" }) => statusMessage.startsWith("Failed 1 of 5"));
  await runAlarm(taskId);
  expect(textOf(await ended(taskId))).toBe("Sent, report left out");
});

it("a step that gives no JSON ends the task at once: it would do so each time", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  let count = 0;
  const taskId = await start(async (context) => {
    await context.once("count", () => {
      count += 1;
      return 1n as never;
    });
    return "done";
  });
  expect((await ended(taskId)).result).toMatchObject({ isError: true });
  expect(count).toBe(1);
  expect(await runAlarm(taskId)).toBe(true);
  expect(count).toBe(1);
  expect((await getTask(taskId)).status).toBe("completed");
});

it("each run has the arguments that were sent, whatever the one before changed, and failed", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const { taskId } = await startTask("spec_steps", {
    label: "own",
    count: 1,
    ask: 1,
    event: { cents: 100 },
  });
  await waiting(taskId);
  const seen: number[] = [];
  await replaceHandler(taskId, async (context, args) => {
    const event = args["event"] as { cents: number };
    seen.push(event.cents);
    event.cents *= 2;
    const form = {
      schema: QUESTION.form,
      check: (value: unknown) => ok(value as { text: string }),
    };
    const given = await context.elicitForm("before 1", { ...QUESTION, form });
    if (given.action === "accept") given.content.text += "!";
    if (seen.length === 1) throw new Error("upstream is away");
    await context.elicitForm("sure", QUESTION);
    return `${JSON.stringify(given)} ${event.cents}`;
  });
  await updateTask(taskId, { "before 1": accepted("go") });
  await poll(taskId, () => seen.length === 1);
  await runAlarm(taskId);
  expect(await answer(taskId, "sure")).toBe('{"action":"accept","content":{"text":"go!"}} 200');
  expect(seen).toEqual([100, 100, 100]);
});
