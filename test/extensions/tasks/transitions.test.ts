/** What becomes of a task, where a run of its handler cannot easily bring it about. */

import { expect, it } from "vitest";
import { protocolError } from "../../../src/base/protocol-error.ts";
import type { TaskRecord } from "../../../src/extensions/tasks/task-record.ts";
import { endOf, suspendTask } from "../../../src/extensions/tasks/transitions.ts";

it("an answer that a run did not come to is still known to the next", () => {
  const task = {
    status: "working",
    retryState: { answers: { a: "1", b: "2" }, once: { prepared: 1 }, asked: { a: 1, b: 1 } },
  } as unknown as TaskRecord;
  const suspended = suspendTask(
    task,
    {
      kind: "inputRequired",
      requests: { c: { method: "roots/list", params: {} } },
      retryState: {
        answers: { a: "1" },
        once: { prepared: 1, step: 2 },
        asked: { a: 1, b: 1, c: 1 },
      },
    },
    false,
    1_000,
  );
  expect(suspended).toMatchObject({
    status: "input_required",
    questions: { c: { key: "c" } },
    // What steps gave has rows of its own.
    retryState: { answers: { a: "1", b: "2" }, once: { prepared: 1 }, asked: { c: 1 } },
  });
});

it("an error of the protocol has its data, in the words of the newest revision", () => {
  const refusal = protocolError("ResourceNotFound", "Resource not found", { uri: "test://a" });
  expect(endOf({ kind: "refused", refusal })).toMatchObject({
    status: "failed",
    statusMessage: "Resource not found",
    error: { code: -32602, message: "Resource not found", data: { uri: "test://a" } },
  });
});
