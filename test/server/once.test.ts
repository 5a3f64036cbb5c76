/** What is done around the steps of a task's handler, which are `once`. */

import { describe, expect, it, vi } from "vitest";
import { createInputRequests, type InputRequests } from "../../src/server/input-requests.ts";
import { errorOutcome, NO_RETRY_STATE } from "../../src/protocol/outcome.ts";
import type { Steps } from "../../src/server/types.ts";

/** Steps that let go before the one with this number, from 0. */
function stepsOf(letGoBefore: number): Steps & { readonly recorded: [string, unknown][] } {
  const recorded: [string, unknown][] = [];
  return {
    recorded,
    mustLetGo: () => recorded.length >= letGoBefore,
    kept: () => undefined,
    record: (key, value) => {
      recorded.push([key, value]);
      return value;
    },
    fail: () => undefined,
  };
}

const requestsWith = (steps: Steps | undefined): InputRequests =>
  createInputRequests({}, NO_RETRY_STATE, errorOutcome, undefined, steps);

describe("a step", () => {
  it("is recorded when it is finished, and before anything that follows it", async () => {
    const steps = stepsOf(Infinity);
    const requests = requestsWith(steps);
    const seen: number[] = [];
    await requests.once("a", () => 1);
    seen.push(steps.recorded.length);
    await Promise.all([requests.once("b", () => 2), requests.once("c", () => 3)]);
    expect(steps.recorded).toEqual([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    expect(await requests.once("a", () => 9)).toBe(1);
    expect(seen).toEqual([1]);
    expect(await requests.outcome()).toBeUndefined();
  });

  it("without a result has null for one, at once and later", async () => {
    for (const steps of [stepsOf(Infinity), undefined]) {
      const requests = requestsWith(steps);
      let count = 0;
      for (let round = 0; round < 2; round += 1)
        expect(
          await requests.once("a", () => {
            count += 1;
            return Promise.resolve(undefined as never);
          }),
        ).toBeNull();
      expect(count).toBe(1);
    }
  });

  it("that fails is tried again where it is asked for again, also where it fails at once", async () => {
    const requests = requestsWith(undefined);
    for (const isAsync of [true, false]) {
      let tries = 0;
      const action = (): string | Promise<string> => {
        tries += 1;
        const error = new Error(`try ${tries}`);
        if (tries < 3 && isAsync) return Promise.reject(error);
        if (tries < 3) throw error;
        return "done";
      };
      const seen: unknown[] = [];
      for (let time = 0; time < 4; time += 1)
        seen.push(await requests.once(`${isAsync}`, action).catch((error: Error) => error.message));
      expect(seen).toEqual(["try 1", "try 2", "done", "done"]);
    }
  });

  it("is waited for once, however many follow it", async () => {
    const waits = vi.spyOn(Promise, "allSettled");
    const requests = requestsWith(undefined);
    const count = 200;
    const all = (async () => {
      for (let step = 0; step < count; step += 1)
        await requests.once(`${step}`, () => Promise.resolve(step));
    })();
    await requests.outcome();
    await all;
    const waited = waits.mock.calls.map(([works]) => [...works].length);
    waits.mockRestore();
    expect(waited.reduce((sum, works) => sum + works, 0)).toBe(count);
  });

  it("gives each time what it gave first, whatever a handler does to that", async () => {
    for (const steps of [stepsOf(Infinity), undefined]) {
      const requests = requestsWith(steps);
      for (let round = 0; round < 3; round += 1) {
        const order = await requests.once("order", () => ({ total: 100 }));
        expect(order).toEqual({ total: 100 });
        order.total += 5;
      }
      const [one, other] = await Promise.all([
        requests.once("link", () => new URL("https://example.com/") as never),
        requests.once("link", () => "never"),
      ]);
      expect([one, other]).toEqual(["https://example.com/", "https://example.com/"]);
      expect(await requests.once(undefined as never, () => 1)).toBe(1);
      expect(await requests.once("undefined", () => 2)).toBe(1);
      await expect(requests.once("none", () => 1n as never)).rejects.toThrow(TypeError);
    }
  });

  it("gives what is kept of it, where that is something else", async () => {
    const steps = { ...stepsOf(Infinity), record: () => "of an earlier run" };
    const requests = requestsWith(steps);
    expect(await requests.once("a", () => "of this run")).toBe("of an earlier run");
    expect(await requests.once("a", () => 9)).toBe("of an earlier run");
  });

  it("that fails is not recorded", async () => {
    const steps = stepsOf(Infinity);
    const requests = requestsWith(steps);
    await expect(requests.once("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(steps.recorded).toEqual([]);
  });

  it("that cannot be recorded fails, and counts as not done", async () => {
    const steps = {
      ...stepsOf(Infinity),
      record: () => {
        throw new Error("full");
      },
    };
    const requests = requestsWith(steps);
    await expect(requests.once("a", () => 1)).rejects.toThrow("full");
    await expect(requests.once("a", () => 2)).rejects.toThrow("full");
  });

  it("before which it is time to let go is not begun: the request ends by running again, whoever catches it", async () => {
    const steps = stepsOf(1);
    const requests = requestsWith(steps);
    await requests.once("a", () => 1);
    const begun: string[] = [];
    const caught = await requests
      .once("b", () => {
        begun.push("b");
        return 2;
      })
      .catch(() => "caught");
    expect([caught, begun]).toEqual(["caught", []]);
    // What is done already is still given.
    expect(await requests.once("a", () => 9)).toBe(1);
    expect(await requests.outcome()).toMatchObject({
      kind: "inputRequired",
      requests: {},
      retryState: { once: { a: 1 } },
    });
  });

  it("outside of a task is done as before", async () => {
    const requests = requestsWith(undefined);
    expect(await requests.once("a", () => 1)).toBe(1);
    expect(await requests.outcome()).toBeUndefined();
  });
});
