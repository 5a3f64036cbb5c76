// The valve between a handler and its client: how much passes, and when nothing does.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createCancellation } from "../../src/base/cancellation.ts";
import type { CallNotification } from "../../src/protocol/outcome.ts";
import {
  NOTIFICATION_BURST,
  NOTIFICATIONS_PER_SECOND,
  limitNotifications,
} from "../../src/server/notification-limiter.ts";

const notice: CallNotification = {
  method: "notifications/message",
  params: { level: "info", data: "x" },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Pump {
  /** Sends `count` notices and says how many of them came through. */
  readonly send: (count: number) => number;
  readonly stop: () => void;
  readonly abort: () => void;
}

function pump(): Pump {
  let passed = 0;
  const gone = createCancellation();
  const flow = limitNotifications(() => {
    passed += 1;
  }, gone);
  return {
    send: (count) => {
      const before = passed;
      for (let index = 0; index < count; index += 1) flow.sink(notice);
      return passed - before;
    },
    stop: () => flow.close(),
    abort: () => gone.abort(),
  };
}

test("notices beyond the bound are dropped", () => {
  const { send } = pump();
  expect(send(NOTIFICATION_BURST)).toBe(NOTIFICATION_BURST);
  expect(send(1_000)).toBe(0);
});

test("room comes back with time, and never more than one burst", () => {
  const { send } = pump();
  send(NOTIFICATION_BURST);
  vi.setSystemTime(Date.now() + 1_000);
  expect(send(1_000)).toBe(NOTIFICATIONS_PER_SECOND);
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(send(1_000)).toBe(NOTIFICATION_BURST);
});

test("room comes back in small steps too", () => {
  const { send } = pump();
  send(NOTIFICATION_BURST);
  let passed = 0;
  for (let step = 0; step < 1_000; step += 1) {
    vi.setSystemTime(Date.now() + 1);
    passed += send(1);
  }
  // Fifty in a thousand milliseconds, give or take the rounding of the last step.
  expect(passed).toBeGreaterThanOrEqual(NOTIFICATIONS_PER_SECOND - 1);
  expect(passed).toBeLessThanOrEqual(NOTIFICATIONS_PER_SECOND);
});

test("nothing passes once it is closed", () => {
  const { send, stop } = pump();
  expect(send(1)).toBe(1);
  stop();
  expect(send(1)).toBe(0);
});

test("nothing passes once the client has left", () => {
  const { send, abort } = pump();
  expect(send(1)).toBe(1);
  abort();
  expect(send(1)).toBe(0);
});

test("one call's flood leaves another call its own room", () => {
  const [loud, quiet] = [pump(), pump()];
  loud.send(10_000);
  expect(quiet.send(1)).toBe(1);
});
