/** A line of the log is JSON; for people who develop, an error follows it as text. */

import { afterEach, expect, it, vi } from "vitest";
import { log, errorStack, setStacksAsText } from "../../src/base/log.ts";

afterEach(() => {
  setStacksAsText(false);
  vi.restoreAllMocks();
});

function lineOf(error: unknown): string {
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  log("error", "handler.failed", { tool: "t", error: errorStack(error), trace: "1" });
  return String(written.mock.lastCall?.[0]);
}

it("one object a line, its error in it", () => {
  const line = lineOf(new Error('a "b"\nc'));
  expect(line).not.toContain("\n");
  expect(JSON.parse(line)).toMatchObject({ event: "handler.failed", tool: "t", trace: "1" });
  expect((JSON.parse(line) as { error: string }).error).toContain('Error: a "b"\nc\n    at ');
});

it("as text, the error stands behind the line as it is", () => {
  setStacksAsText(true);
  const [first = "", ...rest] = lineOf(new Error('a "b"')).split("\n");
  expect(JSON.parse(first)).toEqual({ event: "handler.failed", tool: "t", trace: "1" });
  expect(rest[0]).toBe('Error: a "b"');
  expect(rest[1]).toMatch(/^    at /);
});

it("as text, a line without an error is one line", () => {
  setStacksAsText(true);
  const written = vi.spyOn(console, "log").mockImplementation(() => undefined);
  log("log", "oauth.token_issued", { client: "c" });
  expect(written.mock.lastCall).toEqual(['{"event":"oauth.token_issued","client":"c"}']);
});
