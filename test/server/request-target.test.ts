// What a request names of what the server offers.
import { expect, test } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { prompt, resource, template } from "../../src/server/define.ts";
import { buildServer } from "../../src/server/registry.ts";
import { findTarget, NO_TARGET, targetNames } from "../../src/server/request-target.ts";
import { tool } from "../../src/server/zod.ts";

const add = tool({ name: "both", handler: () => "" });
const plan = prompt({ name: "both", handler: () => "" });
const fixed = resource({ uri: "user://me", name: "me", read: () => "" });
const users = template({ uriTemplate: "user://{id}", name: "user", read: () => "" });
const files = template({ uriTemplate: "file:///notes/{path}", name: "note", read: () => "" });
const server = buildServer({
  info: { name: "targets", version: "1" },
  tools: [add],
  prompts: [plan],
  resources: [fixed],
  templates: [files, users],
});
const found = (method: string, params: JsonObject): object =>
  findTarget(server, { method, params });

test.each<[method: string, params: JsonObject, target: object]>([
  ["tools/call", { name: "both" }, { tool: add }],
  ["prompts/get", { name: "both" }, { prompt: plan }],
  ["resources/read", { uri: "user://me" }, { resource: fixed }],
  ["resources/read", { uri: "user://4" }, { template: users, variables: { id: "4" } }],
  ["resources/read", { uri: "file:///notes/..%2Fsecret" }, NO_TARGET],
  ["resources/read", { uri: 4 }, NO_TARGET],
  ["completion/complete", { ref: { type: "ref/prompt", name: "both" } }, { prompt: plan }],
  ["completion/complete", { ref: { type: "ref/resource", uri: "user://4" } }, { template: users }],
  [
    "completion/complete",
    { ref: { type: "ref/resource", uri: "user://{id}" } },
    { template: users },
  ],
  ["completion/complete", { ref: { type: "ref/resource", name: "both" } }, NO_TARGET],
  ["completion/complete", { name: "both" }, NO_TARGET],
  ["resources/subscribe", { uri: "user://me" }, NO_TARGET],
  ["tools/list", { name: "both" }, NO_TARGET],
])("%s of %j", (method, params, target) => {
  expect(found(method, params)).toEqual(target);
});

test.each(["other", "constructor", "__proto__", 1, null, {}, ["both"]])(
  "%j names nothing that is offered",
  (name) => {
    for (const method of ["tools/call", "prompts/get"])
      expect(targetNames(found(method, { name }))).toEqual(targetNames(NO_TARGET));
  },
);

test("no name of a target is a client's own words", () => {
  expect(targetNames(found("resources/read", { uri: "user://secret" }))).toEqual({
    tool: undefined,
    prompt: undefined,
    resource: "user://{id}",
  });
});
