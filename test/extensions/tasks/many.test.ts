/** A thousand tasks of ten callers at once: all of them end, each step happens once, and each task costs what one alone costs. */

import { beforeEach, expect, it } from "vitest";
import { COSTS } from "../../world/prices.ts";
import { costs, countCosts } from "../../world/counting.ts";
import { emptyStorage } from "../../world/empty-storage.ts";
import { stepProbe } from "../../world/task-tools.ts";
import { ended, resetProbe, startTask, textOf, turns } from "./tasks.ts";

beforeEach(async () => {
  resetProbe();
  await emptyStorage();
});

const CALLERS = Array.from({ length: 10 }, (_, index) => `198.51.100.${index + 1}`);
const TASKS_EACH = 100;
const STEPS = 2;

it("a thousand tasks of several callers all end, and cost a thousand times what one costs", async () => {
  const count = CALLERS.length * TASKS_EACH;
  const { requests, alarms, rows } = COSTS.task.operations;
  const { rows: steps } = COSTS.taskStep.operations;
  const started: { taskId: string; label: string; address: string }[] = [];
  const requestsBefore = costs.requests;
  const cost = await countCosts(async () => {
    const startAll = async (address: string): Promise<void> => {
      for (let index = 0; index < TASKS_EACH; index += 1) {
        const label = `${address}-${index}`;
        const { taskId } = await startTask("spec_steps", { label, count: STEPS }, { address });
        started.push({ taskId, label, address });
      }
    };
    await Promise.all(CALLERS.map(startAll));
    // The last request of a task, but that at its deletion, makes room for another. Nobody asks after one before.
    await turns(() => costs.requests - requestsBefore >= (requests - 1) * count);
  });
  expect(stepProbe.begun).toHaveLength(count * STEPS);
  expect(new Set(stepProbe.begun).size).toBe(count * STEPS);
  for (const { taskId, label, address } of started)
    expect(textOf(await ended(taskId, { address }))).toBe(`${label}: ${STEPS} steps`);
  // None is deleted yet: a request less, an alarm less, and two rows less.
  expect(cost.workerRequests).toBe(count);
  expect(cost.requests).toBe((requests - 1) * count);
  expect(cost.alarms).toBe((alarms - 1) * count);
  expect(cost.rows).toBe((rows - 2 + steps * STEPS) * count);
}, 120_000);
