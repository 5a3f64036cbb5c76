/** What is exported is UTF-8, whatever a peer sent: one span that is not would cost a batch of others. */

import { expect, it } from "vitest";
import { cut } from "../../src/base/bytes.ts";
import { writeOtlp } from "../../src/telemetry/otlp.ts";

it("a lone surrogate, in a name or a value, is replaced", () => {
  const record = {
    traceId: "1".repeat(32),
    spanId: "2".repeat(16),
    name: "a \ud83d",
    kind: "server",
    startMs: 1,
    endMs: 2,
    attributes: [{ text: "b \ud83d" }],
  };
  const text = writeOtlp([record as never], { "service.name": "c \ud83d" });
  for (const said of ["a", "b", "c"]) expect(text).toContain(`"${said} \ufffd"`);
  expect(text).not.toContain("\\ud83d");
});

it("an id that is cut between the halves of a character is well-formed", () => {
  expect(cut(`${"x".repeat(63)}\u{1f600}`, 64).isWellFormed()).toBe(true);
});
