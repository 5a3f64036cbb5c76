// Running a handler: progress, log levels, results that are never made twice, and what an error tells.
import { expect, test, vi } from "vitest";
import { createCancellation } from "../../src/base/cancellation.ts";
import { ANONYMOUS } from "../../src/base/caller.ts";
import type { JsonObject } from "../../src/base/json.ts";
import {
  NO_RETRY_STATE,
  type RetryState,
  type CallNotification,
  type Outcome,
} from "../../src/protocol/outcome.ts";
import type { Change } from "../../src/protocol/change.ts";
import { buildServer } from "../../src/server/registry.ts";
import { PublicError } from "../../src/server/content.ts";
import type { Context } from "../../src/server/context.ts";
import type { HandlerRun } from "../../src/server/handler-context.ts";
import { NO_TARGET } from "../../src/server/request-target.ts";
import { runHandler } from "../../src/server/run-handler.ts";
import type { ServerRequest } from "../../src/server/types.ts";
import { subscriptionMembers } from "../../src/transport/stateless/subscriptions.ts";
import { servicesFor, unrecordedSpan } from "./services.ts";

const FORM: JsonObject = {
  type: "object",
  properties: { name: { type: "string" } },
  required: ["name"],
};

/** Runs `handler` once and says how it ended and what it told on the way. */
async function play(
  handler: (context: Context) => unknown,
  change: Partial<ServerRequest> = {},
): Promise<{ outcome: Outcome; told: CallNotification[]; changes: Change[] }> {
  const told: CallNotification[] = [];
  const changes: Change[] = [];
  const request: ServerRequest = {
    method: "tools/call",
    params: {},
    target: NO_TARGET,
    caller: ANONYMOUS,
    capabilities: { elicitation: {} },
    clientInfo: undefined,
    progressToken: "token",
    logLevel: "debug",
    retryState: NO_RETRY_STATE,
    span: unrecordedSpan,
    ...change,
  };
  const outcome = await runHandler(
    {
      server: buildServer({ info: { name: "run", version: "1" } }),
      request,
      sink: (notice) => told.push(notice),
      cancel: createCancellation(),
      services: servicesFor(undefined, {
        members: subscriptionMembers(async (change) => {
          changes.push(change);
        }),
      }),
    },
    handler,
    (value) => ({ kind: "complete", result: { value: value as string } }),
    ({ error, message }) => ({ kind: "complete", result: { error, message } }),
  );
  return { outcome, told, changes };
}

/** The memory of an outcome that asks, as it comes back through JSON, with these answers more. */
function remembered(outcome: Outcome, answers: JsonObject = {}): RetryState {
  if (outcome.kind !== "inputRequired") throw new Error(`Did not ask: ${JSON.stringify(outcome)}`);
  const memory = JSON.parse(JSON.stringify(outcome.retryState)) as RetryState;
  return { ...memory, answers: { ...memory.answers, ...answers } };
}

const sleep = (ms: number): Promise<number> =>
  new Promise((resolve) => setTimeout(() => resolve(1), ms));

const named = (name: string): JsonObject => ({ action: "accept", content: { name } });

test("a change is told to everybody, or to the caller alone who is asked for", async () => {
  const caller = {
    issuer: "https://issuer.test",
    subject: "ada",
    client: "cli",
    scopes: ["read"],
    grant: "5c",
  };
  const { changes } = await play(
    (context) => {
      context.listChanged("tools");
      context.resourceUpdated("test://a");
      context.resourceUpdated("test://b", "everyone");
      context.resourceUpdated("test://a", "caller");
    },
    { caller },
  );
  const audience = '["https://issuer.test","ada","cli"]';
  expect(changes).toEqual([
    { list: "tools" },
    { uri: "test://a" },
    { uri: "test://b" },
    { uri: "test://a", audience },
  ]);
});

test("a change that is announced a thousand times is published at once, and once more for all that came meanwhile", async () => {
  const published: { readonly change: Change; readonly arrive: () => void }[] = [];
  const publish = (change: Change): Promise<void> =>
    new Promise((resolve) => {
      published.push({ change, arrive: resolve });
    });
  const { createContext } = servicesFor(undefined, { members: subscriptionMembers(publish) });
  const { listChanged, resourceUpdated } = createContext({
    request: { caller: ANONYMOUS },
  } as unknown as HandlerRun);
  const announce = (): void => {
    for (let index = 0; index < 1_000; index++) listChanged("tools");
    resourceUpdated("test://a");
  };
  const changes = (): Change[] => published.map(({ change }) => change);
  announce();
  expect(changes()).toEqual([{ list: "tools" }, { uri: "test://a" }]);
  published[0]?.arrive();
  await vi.waitFor(() => expect(changes().slice(2)).toEqual([{ list: "tools" }]));
  published[2]?.arrive();
  // Another request's announcement waits for nobody.
  createContext({ request: { caller: ANONYMOUS } } as unknown as HandlerRun).resourceUpdated(
    "test://a",
  );
  expect(changes().slice(3)).toEqual([{ uri: "test://a" }]);
  // What was announced once is published once, and again when it is announced later.
  await new Promise((resolve) => setTimeout(resolve, 10));
  listChanged("tools");
  expect(changes().slice(4)).toEqual([{ list: "tools" }]);
});

test("progress must increase: what does not is dropped", async () => {
  const { told } = await play((context) => {
    for (const value of [0, 1, 1, 0.5, -1, NaN, 1.25, 1.25, 2, Infinity, -Infinity])
      context.progress(value, 2, `at ${value}`);
    context.progress(3, Infinity);
  });
  expect(told.map(({ params }) => params["progress"])).toEqual([0, 1, 1.25, 2, 3]);
  expect(told[4]?.params).toEqual({ progressToken: "token", progress: 3 });
  expect(told[1]).toEqual({
    method: "notifications/progress",
    params: { progressToken: "token", progress: 1, total: 2, message: "at 1" },
  });
});

test("the token is told as it came, and without one there is no progress", async () => {
  const report = (context: Context): void => context.progress(1);
  expect((await play(report, { progressToken: 0 })).told[0]?.params).toEqual({
    progressToken: 0,
    progress: 1,
  });
  expect((await play(report, { progressToken: undefined })).told).toEqual([]);
});

test.each([
  ["debug", ["debug", "notice", "emergency"]],
  ["notice", ["notice", "emergency"]],
  ["emergency", ["emergency"]],
  [undefined, []],
] as const)("at log level %s %j are told", async (logLevel, levels) => {
  const { told } = await play(
    (context) => {
      for (const level of ["debug", "notice", "emergency"] as const) context.log(level, level);
    },
    { logLevel },
  );
  expect(told.map(({ params }) => params["level"])).toEqual(levels);
});

test("nothing is told once the handler is done", async () => {
  let kept: Context | undefined;
  const { told } = await play((context) => {
    kept = context;
    context.log("info", "in time");
  });
  kept?.progress(1);
  kept?.log("info", "late");
  expect(told.map(({ params }) => params["data"])).toEqual(["in time"]);
});

test("once is not repeated across rounds", async () => {
  const order = vi.fn(() => ({ order: order.mock.calls.length }));
  const handler = async (context: Context): Promise<unknown> => {
    const made = await context.once("order", order);
    await context.elicitForm("first", { message: "Who?", form: FORM });
    await context.elicitForm("second", { message: "And who else?", form: FORM });
    return made;
  };
  const one = await play(handler);
  const two = await play(handler, { retryState: remembered(one.outcome, { first: named("Ada") }) });
  const three = await play(handler, {
    retryState: remembered(two.outcome, { second: named("Bob") }),
  });
  expect(three.outcome).toMatchObject({ kind: "complete", result: { value: { order: 1 } } });
  expect(order).toHaveBeenCalledTimes(1);
  // Another request starts from nothing.
  await play(handler);
  expect(order).toHaveBeenCalledTimes(2);
});

test("once is not repeated when it ran beside the question, and was slower than it", async () => {
  const order = vi.fn(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return 1;
  });
  const handler = async (context: Context): Promise<unknown> =>
    (
      await Promise.all([
        context.elicitForm("who", { message: "Who?", form: FORM }),
        context.once("order", order),
      ])
    )[1];
  const one = await play(handler);
  const two = await play(handler, { retryState: remembered(one.outcome, { who: named("Ada") }) });
  expect(two.outcome).toMatchObject({ kind: "complete", result: { value: 1 } });
  expect(order).toHaveBeenCalledTimes(1);
});

test.each<[string, (context: Context, order: () => Promise<number>) => Promise<unknown>]>([
  [
    "that began after the question",
    async (context, order) => {
      await sleep(20);
      return context.once("order", order);
    },
  ],
  [
    "that began after another, which ran when the question was put",
    async (context, order) => {
      await context.once("stock", () => sleep(20));
      return context.once("order", order);
    },
  ],
  [
    "that is asked for twice at once",
    (context, order) => Promise.all([context.once("order", order), context.once("order", order)]),
  ],
])("a once %s runs once", async (_, others) => {
  let orders = 0;
  const order = async (): Promise<number> => {
    await sleep(5);
    return ++orders;
  };
  const handler = async (context: Context): Promise<string> => {
    const [answer] = await Promise.all([
      context.elicitForm("who", { message: "Who?", form: FORM }),
      others(context, order),
    ]);
    return answer.action;
  };
  const retryState = remembered((await play(handler)).outcome, { who: named("Ada") });
  // Whoever left it running does nothing more in this round.
  await sleep(60);
  expect(orders).toBe("order" in retryState.once ? 1 : 0);
  expect((await play(handler, { retryState })).outcome).toMatchObject({
    result: { value: "accept" },
  });
  expect(orders).toBe(1);
});

test("once that failed is tried again", async () => {
  const order = vi.fn<() => number>().mockImplementationOnce(() => {
    throw new PublicError("Not now");
  });
  order.mockImplementation(() => 1);
  const handler = async (context: Context): Promise<unknown> => {
    await context.elicitForm("who", { message: "Who?", form: FORM });
    return context.once("order", order);
  };
  const memory = { answers: { who: named("Ada") }, once: {} };
  expect((await play(handler, { retryState: memory })).outcome).toMatchObject({
    result: { error: "InvalidParams" },
  });
  expect((await play(handler, { retryState: memory })).outcome).toMatchObject({
    result: { value: 1 },
  });
});

test("once tells keys apart, those of every object too", async () => {
  const { outcome } = await play(async (context) =>
    [
      await context.once("toString", () => 1),
      await context.once("a", () => 2),
      await context.once("a", () => 3),
      await context.once("__proto__", () => 4),
      await context.once("__proto__", () => 5),
    ].join(),
  );
  expect(outcome).toMatchObject({ result: { value: "1,2,2,4,4" } });
});

test("a question and a once may be called __proto__", async () => {
  let runs = 0;
  const handler = async (context: Context): Promise<unknown> => {
    await context.once("__proto__", () => ++runs);
    await context.elicitForm("__proto__", { message: "Who?", form: FORM });
    return (await context.elicitForm("who", { message: "Who?", form: FORM })).action;
  };
  const one = await play(handler);
  const answers = JSON.parse(
    '{"__proto__":{"action":"accept","content":{"name":"Ada"}}}',
  ) as JsonObject;
  const first = remembered(one.outcome);
  const two = await play(handler, { retryState: { ...first, answers } });
  expect(Object.keys((two.outcome as { requests: object }).requests)).toEqual(["who"]);
  const second = remembered(two.outcome);
  const all = JSON.parse(
    JSON.stringify(second.answers).replace(
      /}$/,
      ',"who":{"action":"accept","content":{"name":"Ada"}}}',
    ),
  ) as JsonObject;
  const three = await play(handler, { retryState: { ...second, answers: all } });
  expect(three.outcome).toMatchObject({ result: { value: "accept" } });
  expect(runs).toBe(1);
});

test("questions side by side are asked together, and an open one outranks what was returned", async () => {
  const { outcome } = await play(async (context) => {
    const question = { message: "Who?", form: FORM };
    await Promise.allSettled([
      context.elicitForm("a", question),
      context.elicitForm("b", question),
    ]);
    return "finished anyway";
  });
  expect(outcome).toMatchObject({ kind: "inputRequired", requests: { a: {}, b: {} } });
});

const BY_URL = { message: "Sign in", url: (id: string) => `https://example.com/connect?id=${id}` };
const ANY_QUESTION = { capabilities: { elicitation: { form: {}, url: {} } } };
const SESSION = { ...ANY_QUESTION, sessionId: "5e551011" };

test.each([ANY_QUESTION, SESSION])(
  "questions by URL are asked together with others, in a session or not: %j",
  async (era) => {
    const { outcome } = await play(
      (context) =>
        Promise.all([
          context.elicitUrl("a", BY_URL),
          context.elicitForm("b", { message: "Who?", form: FORM }),
          context.elicitUrl("c", BY_URL),
        ]),
      era,
    );
    expect(outcome).toMatchObject({ kind: "inputRequired", requests: { a: {}, b: {}, c: {} } });
    const ids =
      outcome.kind === "inputRequired" ? [outcome.requests["a"], outcome.requests["c"]] : [];
    const urls = ids.map((one) => String(one?.params["url"]));
    expect(new Set(urls).size).toBe(2);
    expect(urls.join()).not.toContain(SESSION.sessionId);
  },
);

test("a page that is required beside a question ends the call in a session", async () => {
  const both = (context: Context): unknown =>
    Promise.all([
      context.elicitForm("b", { message: "Who?", form: FORM }),
      context.requireUrl("a", BY_URL),
    ]);
  expect((await play(both, SESSION)).outcome).toMatchObject({
    kind: "refused",
    refusal: { error: "UrlElicitationRequired", data: { elicitations: [{ mode: "url" }] } },
  });
});

test("a question that the client cannot be asked is refused with what it lacks", async () => {
  const both = async (context: Context): Promise<void> => {
    await Promise.all([
      context.elicitForm("a", { message: "Who?", form: FORM }),
      context.roots("b"),
    ]);
  };
  expect((await play(both, { capabilities: {} })).outcome).toMatchObject({
    kind: "refused",
    refusal: {
      error: "MissingRequiredClientCapability",
      data: { requiredCapabilities: { elicitation: { form: {} }, roots: {} } },
    },
  });
});

test("only a PublicError tells what it says", async () => {
  const thrown = async (error: unknown): Promise<Outcome> =>
    (
      await play(() => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw error;
      })
    ).outcome;
  expect(await thrown(new PublicError("No such city"))).toMatchObject({
    result: { error: "InvalidParams", message: "No such city" },
  });
  for (const error of [new Error("secret-1"), "secret-2", null, { message: "secret-3" }])
    expect(await thrown(error)).toEqual({
      kind: "complete",
      result: {
        error: "InternalError",
        message: expect.stringMatching(/^Internal error \(trace [0-9a-f]{32}\)$/) as string,
      },
    });
});

test("each run has a caller of its own, the same whenever it asks", async () => {
  const caller = { ...ANONYMOUS, scopes: ["read"], properties: { shoe: "42" } };
  for (let turn = 0; turn < 2; turn += 1) {
    const { outcome } = await play(
      (context) => {
        const given = JSON.stringify(context.caller);
        delete context.caller.properties?.["shoe"];
        (context.caller.scopes as string[]).push("admin");
        return `${given} ${JSON.stringify(context.caller.properties)}`;
      },
      { caller },
    );
    const value = `${JSON.stringify(caller)} {}`;
    expect(outcome).toEqual({ kind: "complete", result: { value } });
  }
  expect(caller).toEqual({ ...ANONYMOUS, scopes: ["read"], properties: { shoe: "42" } });
});
