// What a paused request hands to the client: who may bring it back, to what, and for how long.
import { expect, test } from "vitest";
import { ANONYMOUS, type Caller } from "../../../src/base/caller.ts";
import { open, seal } from "../../../src/crypto/seal.ts";
import {
  readRetryState,
  sealRequestState,
  REQUEST_STATE_TTL_MS,
  type StateBinding,
} from "../../../src/transport/stateless/request-state.ts";
import { ringOf } from "../../crypto/keys.ts";

const NOW = 1_800_000_000_000;
const ring = ringOf("a");
const ada: Caller = { issuer: "https://id.example", subject: "ada", client: "app", scopes: [] };
const request: StateBinding = {
  caller: ada,
  method: "tools/call",
  params: { name: "pay", arguments: { to: "Bob", sum: 5 } },
};
const memory = { answers: { first: { action: "accept" } }, once: { order: 7 } };

/** The retry of `request` with `requestState`, changed by `change`. */
async function retry(
  requestState: unknown,
  change: Partial<StateBinding> = {},
  now: number = NOW,
): Promise<unknown> {
  const { params = request.params, ...rest } = change;
  const bound = {
    ...request,
    ...rest,
    params: { ...params, requestState: requestState as string },
  };
  const read = await readRetryState(ring, bound, now);
  return read.ok ? read.value : read.error;
}

const saying = (text: RegExp): object => ({
  error: "InvalidParams",
  message: expect.stringMatching(text) as unknown,
});
const refused = saying(/requestState was not issued .* anew$/);
const sealed = (): Promise<string> => sealRequestState(ring, request, memory, NOW);

test("gives back what was remembered, to the same request by the same caller", async () => {
  expect(await retry(await sealed())).toEqual(memory);
});

test("new answers go over old ones, and the results of once stay", async () => {
  const params = {
    ...request.params,
    inputResponses: { first: { action: "decline" }, second: {} },
  };
  expect(await retry(await sealed(), { params })).toEqual({
    answers: { first: { action: "decline" }, second: {} },
    once: { order: 7 },
  });
});

test.each([
  ["another issuer", { issuer: "https://id.other" }],
  ["another subject", { subject: "bob" }],
  ["another client of the same person", { client: "app2" }],
  [
    "a caller whose names run together to the same text",
    { issuer: 'https://id.example","ada', subject: "app" },
  ],
])("%s is another caller", async (_, change) => {
  expect(await retry(await sealed(), { caller: { ...ada, ...change } })).toEqual(refused);
});

test("refuses state that was given to another caller", async () => {
  const state = await sealed();
  expect(await retry(state, { caller: { ...ada, subject: "bob" } })).toEqual(refused);
  expect(await retry(state, { caller: ANONYMOUS })).toEqual(refused);
  expect(
    await retry(await sealRequestState(ring, { ...request, caller: ANONYMOUS }, memory, NOW)),
  ).toEqual(refused);
  // Scopes are what a caller may do, not who it is: a step-up in the middle keeps the conversation.
  expect(await retry(state, { caller: { ...ada, scopes: ["more"] } })).toEqual(memory);
});

test.each([
  ["another method", { method: "prompts/get" }],
  ["another tool", { params: { ...request.params, name: "refund" } }],
  ["other arguments", { params: { ...request.params, arguments: { to: "Eve", sum: 5 } } }],
  ["an argument more", { params: { ...request.params, arguments: { to: "Bob", sum: 5, x: 1 } } }],
  ["no arguments", { params: { name: "pay" } }],
])("refuses state of %s", async (_, change) => {
  expect(await retry(await sealed(), change)).toEqual(refused);
});

test("the order of arguments and the envelope of the retry do not matter", async () => {
  const params = { arguments: { sum: 5, to: "Bob" }, name: "pay", _meta: { progressToken: 2 } };
  expect(await retry(await sealed(), { params })).toEqual(memory);
});

test("expires: good until the last millisecond, refused from then on", async () => {
  const state = await sealed();
  expect(await retry(state, {}, NOW + REQUEST_STATE_TTL_MS - 1)).toEqual(memory);
  expect(await retry(state, {}, NOW + REQUEST_STATE_TTL_MS)).toEqual(
    saying(/requestState has expired/),
  );
});

test("refuses state that was cut short, wherever it was cut", async () => {
  const state = await sealed();
  for (let length = 0; length < state.length; length += 1) {
    expect(await retry(state.slice(0, length)), `${length} characters`).toEqual(refused);
  }
});

test("refuses state with any one character changed", async () => {
  const state = await sealed();
  // The last character may hold unused bits: base64url is not checked for being canonical.
  for (let at = 0; at < state.length - 1; at += 1) {
    const other = state[at] === "B" ? "C" : "B";
    expect(await retry(state.slice(0, at) + other + state.slice(at + 1)), `at ${at}`).toEqual(
      refused,
    );
  }
});

test.each([null, 1, true, [], {}, "", ".", "a.", "a.AAAA", "é", "x".repeat(100_000), "\0"])(
  "refuses %j as state",
  async (state) => {
    expect(await retry(state)).toEqual(saying(/requestState .* anew$/));
  },
);

test("refuses what was sealed for another purpose, even with the same context", async () => {
  const state = await sealed();
  const context = JSON.stringify(["x"]);
  const foreign = await seal(ring, "cursor", { answers: {}, once: {}, expires: NOW + 1 }, context);
  expect(await retry(foreign)).toEqual(refused);
  expect(await open(ring, "cursor", state, context)).toEqual({ ok: false, error: "not authentic" });
});

test("a rotated key still opens, a removed one does not", async () => {
  const state = await sealed();
  const bound = { ...request, params: { ...request.params, requestState: state } };
  expect(await readRetryState(ringOf("b", "a"), bound, NOW)).toEqual({ ok: true, value: memory });
  expect(await readRetryState(ringOf("b"), bound, NOW)).toMatchObject({
    ok: false,
    error: refused,
  });
});

test("a request without state and answers remembers nothing; answers must be an object", async () => {
  expect(await readRetryState(ring, request, NOW)).toEqual({
    ok: true,
    value: { answers: {}, once: {} },
  });
  for (const inputResponses of [[], "x", 1, null, true]) {
    const bound = { ...request, params: { ...request.params, inputResponses } };
    expect(await readRetryState(ring, bound, NOW)).toMatchObject({
      ok: false,
      error: { error: "InvalidParams" },
    });
  }
});

test("says nothing of what it remembers", async () => {
  const state = await sealed();
  expect(state).toMatch(/^a\.[A-Za-z0-9_-]+$/);
  expect(atob(state.slice(2).replaceAll("-", "+").replaceAll("_", "/"))).not.toMatch(
    /first|accept|order/,
  );
  expect(await sealed(), "the same memory twice").not.toBe(state);
});
