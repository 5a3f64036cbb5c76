/** A thousand tasks of ten callers at once: all of them end, each step happens once, and each task costs what one alone costs. */

import { beforeEach, expect, it } from "vitest";
import { COSTS } from "../../world/prices.ts";
import { countCosts } from "../../world/counting.ts";
import { emptyStorage } from "../../world/empty-storage.ts";
import { stepProbe } from "../../world/task-tools.ts";
import { ended, getTask, resetProbe, startTask, textOf } from "./tasks.ts";

beforeEach(async () => {
  resetProbe();
  await emptyStorage();
});

const CALLERS = Array.from({ length: 10 }, (_, index) => `198.51.100.${index + 1}`);
const TASKS_EACH = 100;
const STEPS = 2;

it("a thousand tasks", async () => {
  const started: { taskId: string; label: string; address: string }[] = [];
  const cost = await countCosts(async () => {
    for (let index = 0; index < TASKS_EACH; index += 1)
      await Promise.all(
        CALLERS.map(async (address) => {
          const label = `${address}-${index}`;
          const { taskId } = await startTask("spec_steps", { label, count: STEPS }, { address });
          started.push({ taskId, label, address });
        }),
      );
    while (stepProbe.begun.length < CALLERS.length * TASKS_EACH * STEPS)
      await new Promise((resolve) => setTimeout(resolve, 20));
    // Nobody asks after them until all are done, so that what they cost is their own.
    await new Promise((resolve) => setTimeout(resolve, 500));
  });
  const count = CALLERS.length * TASKS_EACH;
  expect(new Set(stepProbe.begun).size).toBe(count * STEPS);
  expect(stepProbe.begun).toHaveLength(count * STEPS);
  for (const { taskId, label, address } of started) {
    expect(textOf(await ended(taskId, { address }))).toBe(`${label}: ${STEPS} steps`);
  }
  // Deleted are none yet: that is an alarm and a row less, and a row less for each step.
  const { requests, alarms, rows } = COSTS.task.operations;
  expect(cost.workerRequests).toBe(count);
  expect(cost.requests).toBe(requests * count);
  expect(cost.alarms).toBe((alarms - 1) * count);
  expect(cost.rows).toBe((rows - 1 + STEPS) * count);
  // Another caller's, by its id, is unknown to each.
  await expect(
    getTask(started[0]?.taskId ?? "", { address: "203.0.113.9" }),
  ).resolves.toBeDefined();
}, 120_000);
