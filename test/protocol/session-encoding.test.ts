/** Results in the words of older revisions. The exchanges of spec/ show most of it; here is what their world does not offer. */

import { expect, it } from "vitest";
import { downgradeInputRequest, encodeSessionResult } from "../../src/protocol/session-encoding.ts";
import { findRevision } from "../../src/protocol/versions.ts";

const LINK = { type: "resource_link", uri: "test://a", name: "a" };

it.each([
  ["2025-03-26", { type: "text", text: "test://a" }],
  ["2025-06-18", LINK],
  ["2025-11-25", LINK],
])("in %s a link to a resource is said in prompts as in tools", (date, said) => {
  const revision = findRevision(date);
  if (revision === undefined) throw new Error("There is no such revision");
  const encode = (method: string, result: object): unknown =>
    JSON.parse(encodeSessionResult(revision, method, result as never));
  expect(encode("tools/call", { content: [LINK] })).toEqual({ content: [said] });
  const messages = [{ role: "user", content: LINK }];
  expect(encode("prompts/get", { messages })).toEqual({
    messages: [{ role: "user", content: said }],
  });
});

it.each([
  ["2025-03-26", 3],
  ["2025-06-18", 3],
  ["2025-11-25", 2],
])("in %s messages to a model are %i, whose content is what the revision knows", (date, count) => {
  const revision = findRevision(date);
  if (revision === undefined) throw new Error("There is no such revision");
  const [one, other] = ["one", "other"].map((text) => ({ type: "text", text }));
  const messages = [
    { role: "user", content: [one, other] },
    { role: "assistant", content: one },
  ];
  const asked = downgradeInputRequest(revision, {
    method: "sampling/createMessage",
    params: { messages, maxTokens: 1 } as never,
  });
  const singleBlocks = [
    { role: "user", content: one },
    { role: "user", content: other },
    { role: "assistant", content: one },
  ];
  expect(asked).toMatchObject({
    ok: true,
    value: { params: { messages: count === 3 ? singleBlocks : messages, maxTokens: 1 } },
  });
});
