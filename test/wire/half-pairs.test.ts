/** What is sent is UTF-8, whatever a handler or an upstream gave: one half of a pair would make clients refuse it whole. */

import { expect, it } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../src/base/bytes.ts";
import { writeError, writeNotification, writeResult } from "../../src/wire/jsonrpc.ts";

const HALF = "a\ud83d b\ude00";
const WHOLE = '\u{1f600} \\ud83d \\\\ud83d " \n';

it.each([
  ["a result", (text: string) => writeResult(1, JSON.stringify({ text }))],
  ["an error", (text: string) => writeError(1, { error: "InternalError", message: text })],
  ["a notification", (text: string) => writeNotification("notifications/message", { data: text })],
])("%s has no half of a pair, and all else as it was", (_, write) => {
  for (const json of [write(HALF), write(WHOLE)]) {
    expect(json).not.toMatch(/(?<!\\)\\ud[89a-f]/);
    expect(decodeUtf8(encodeUtf8(json))).toBe(json);
  }
  expect(write(HALF)).toContain("a\\ufffd b\\ufffd");
  expect(write(WHOLE)).toContain(JSON.stringify(WHOLE).slice(1, -1));
});
