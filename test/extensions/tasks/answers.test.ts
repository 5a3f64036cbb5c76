/** Keys of questions, and answers to them. */

import { describe, expect, it } from "vitest";
import { acceptAnswers, openQuestions } from "../../../src/extensions/tasks/answers.ts";
import type { TaskRecord } from "../../../src/extensions/tasks/task-record.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { InputRequest } from "../../../src/protocol/outcome.ts";

const request = (method: InputRequest["method"]): InputRequest => ({ method, params: {} });
const FORM = request("elicitation/create");

function keysOf(asked: JsonObject): string[] {
  const requests = Object.fromEntries(Object.keys(asked).map((key) => [key, FORM]));
  const retryState = { answers: {}, once: {}, asked };
  return Object.keys(openQuestions({ kind: "inputRequired", requests, retryState }));
}

describe("the key of a question", () => {
  it("is the handler's the first time, and has a number from the second on", () => {
    expect(keysOf({ a: 1, b: 2, c: 5 })).toEqual(["a", "b#2", "c#5"]);
  });

  it("is never that of another one, also where a handler's own ends like a number", () => {
    const all = [
      ...keysOf({ a: 1, "a#2": 1, "a#2#1": 1 }),
      ...keysOf({ a: 2, "a#2": 2, "a#2#1": 2 }),
    ];
    expect(all).toEqual(["a", "a#2#1", "a#2#1#1", "a#2", "a#2#2", "a#2#1#2"]);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("an answer", () => {
  const FITS: Readonly<Record<InputRequest["method"], JsonObject>> = {
    "elicitation/create": { action: "decline" },
    "sampling/createMessage": {
      role: "assistant",
      model: "m",
      content: { type: "text", text: "t" },
    },
    "roots/list": { roots: [{ uri: "file:///a" }] },
  };
  const methods = Object.keys(FITS) as InputRequest["method"][];
  const waitingFor = (method: InputRequest["method"]): TaskRecord =>
    ({
      status: "input_required",
      questions: { "q#2": { key: "q", request: request(method) } },
      retryState: { answers: { q: "before", other: "kept" }, once: {}, asked: { q: 2 } },
    }) as unknown as TaskRecord;

  it.each(methods)(
    "to %s must be its result, and is then known to the handler by its own key",
    (method) => {
      for (const other of methods) {
        const accepted = acceptAnswers(waitingFor(method), { "q#2": FITS[other] }, 1_000);
        expect([other, accepted.ok]).toEqual([other, other === method]);
        if (!accepted.ok) continue;
        expect(accepted.value).toMatchObject({
          status: "working",
          questions: undefined,
          retryState: { answers: { q: FITS[method], other: "kept" } },
        });
      }
    },
  );

  it("to nothing that is open changes nothing: not asked, asked before, or by the handler's key", () => {
    for (const key of ["q", "q#1", "other", "__proto__", "toString"])
      expect(acceptAnswers(waitingFor("roots/list"), { [key]: FITS["roots/list"] }, 1_000)).toEqual(
        {
          ok: true,
          value: undefined,
        },
      );
  });
});
