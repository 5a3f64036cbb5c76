/** A handler that hangs is ended, in both eras: its signal aborts, its client is told what took how long, and so is the log. */

import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ANONYMOUS, callerKey } from "../../src/base/caller.ts";
import { createHubClient } from "../../src/hub/client.ts";
import { findRevision, type Revision } from "../../src/protocol/versions.ts";
import { buildServer } from "../../src/server/registry.ts";
import type { Context } from "../../src/server/context.ts";
import { prompt, resource, type Tool } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import {
  cancelCall,
  expireCalls,
  resumeCall,
  startCall,
} from "../../src/transport/session/calls.ts";
import { failLostAndExpiredCalls } from "../../src/transport/session/lost-calls.ts";
import { MAX_CALLS } from "../../src/transport/session/limits.ts";
import type {
  MessageOutcome,
  SessionRuntime,
  RequestContext,
} from "../../src/transport/session/types.ts";
import { createSessionStore } from "../../src/transport/session/session-rows.ts";
import { readReply, serveStatelessly } from "../server/stateless-server.ts";
import {
  bindings,
  callTool,
  EventReader,
  openSession,
  send,
  sessionStub,
} from "../transport/session/client.ts";
import { servicesFor } from "../server/services.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The lines of the log from now on. */
function listen(): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => {
    lines.push(JSON.parse(line) as never);
  });
  return lines;
}
const forever = (): Promise<never> => new Promise(() => undefined);
const aborted = (context: Context): Promise<unknown> =>
  new Promise((resolve) =>
    context.signal.addEventListener("abort", () => resolve(context.signal.reason)),
  );
const FORM = { type: "object", properties: { name: { type: "string" } } } as const;

/** A tool that may take so many seconds. */
const hanging = (timeoutSeconds: number, handler: (context: Context) => unknown): Tool =>
  tool({ name: "hangs", timeoutSeconds, handler: (_args, context) => handler(context) as never });
const call = { name: "hangs", _meta: { progressToken: "p" } };
const isLate = (seconds: number): object => {
  const text: unknown = expect.stringMatching(
    `^hangs took longer than ${seconds} s \\(trace \\w{32}\\)$`,
  );
  return { result: { isError: true, content: [{ type: "text", text }] } };
};

describe("without a session", () => {
  it.each<[about: string, handler: (context: Context) => unknown]>([
    ["waits for nothing", forever],
    ["returns when it is told to stop", (context) => aborted(context).then(() => "too late")],
    [
      "throws what the signal says",
      (context) => aborted(context).then(() => context.signal.throwIfAborted()),
    ],
    [
      "throws something else then",
      async (context) => Promise.reject(new Error(String(await aborted(context)))),
    ],
    [
      "asked, and does something once that never ends",
      (context) =>
        Promise.all([
          context.elicitForm("name", { message: "?", form: FORM }),
          context.once("thing", forever),
        ]),
    ],
  ])("a handler that %s", async (_about, handler) => {
    const lines = listen();
    const reply = await readReply(
      await serveStatelessly({ tools: [hanging(0.1, handler)] })("tools/call", call),
    );
    expect(reply).toMatchObject(isLate(0.1));
    const [line] = lines;
    expect(lines).toHaveLength(1);
    expect(line).toMatchObject({ event: "handler.timed_out", method: "tools/call", tool: "hangs" });
    expect(JSON.stringify(reply)).toContain(`(trace ${String(line?.["trace"])})`);
  });

  it("the signal says why it aborted, whenever it is looked at", async () => {
    listen();
    const reasons: unknown[] = [];
    const seen: Context[] = [];
    const looksAtOnce = async (context: Context): Promise<string> => {
      reasons.push(await aborted(context));
      return "";
    };
    const looksLater = (context: Context): Promise<never> => {
      seen.push(context);
      return forever();
    };
    for (const handler of [looksAtOnce, looksLater])
      await (await serveStatelessly({ tools: [hanging(0.1, handler)] })("tools/call", call)).text();
    reasons.push(seen[0]?.signal.reason);
    for (const reason of reasons)
      expect(reason).toMatchObject({
        name: "TimeoutError",
        message: "hangs took longer than 0.1 s",
      });
    expect(reasons).toHaveLength(2);
  });

  it("a stream ends with the error, and nothing is told after it", async () => {
    listen();
    const handler = async (context: Context): Promise<unknown> => {
      context.progress(1);
      await aborted(context);
      context.progress(2);
      return forever();
    };
    const response = await serveStatelessly({ tools: [hanging(0.1, handler)] })("tools/call", call);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const messages = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(
      ([, data = ""]) => JSON.parse(data) as object,
    );
    expect(messages).toMatchObject([{ params: { progress: 1 } }, isLate(0.1)]);
    expect(messages).toHaveLength(2);
  });

  it.each([
    ["prompts/get", { name: "p" }, "p"],
    ["resources/read", { uri: "test://r" }, "test://r"],
    [
      "completion/complete",
      { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "" } },
      "p",
    ],
    ["tools/call", { name: "t" }, "t"],
  ])("HANDLER_SECONDS holds for %s", async (method, params, name) => {
    listen();
    const ask = serveStatelessly(
      {
        tools: [tool({ name: "t", handler: forever })],
        prompts: [
          prompt({ name: "p", handler: forever, arguments: [{ name: "a", complete: forever }] }),
        ],
        resources: [resource({ name: "r", uri: "test://r", read: forever })],
      },
      { HANDLER_SECONDS: "1" },
    );
    const { result, error } = await readReply(await ask(method, params));
    expect(error?.code).toBe(method === "tools/call" ? undefined : -32603);
    expect(JSON.stringify(error ?? result)).toContain(`"${name} took longer than 1 s (trace `);
  });

  it("the longest time that can be set is not over at once", async () => {
    const later = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return "done";
    };
    const ask = serveStatelessly(
      { tools: [tool({ name: "t", handler: later })] },
      { HANDLER_SECONDS: "999999999" },
    );
    expect(await readReply(await ask("tools/call", { name: "t" }))).toMatchObject({
      result: { content: [{ text: "done" }] },
    });
  });

  it("a handler that is done in time hears nothing of it", async () => {
    const lines = listen();
    let kept: Context | undefined;
    const handler = async (context: Context): Promise<string> => {
      kept = context;
      // Long enough for the clock to run.
      await new Promise((resolve) => setTimeout(resolve, 10));
      return "done";
    };
    const ask = serveStatelessly({ tools: [hanging(0.1, handler)] });
    expect(await readReply(await ask("tools/call", call))).toMatchObject({
      result: { content: [{ text: "done" }] },
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(kept?.signal.aborted).toBe(false);
    expect(lines).toEqual([]);
  });
});

const CONVERSATION: RequestContext = {
  caller: ANONYMOUS,
  trace: {},
  revision: findRevision("2025-11-25") as Revision,
  record: {
    caller: callerKey(ANONYMOUS),
    share: callerKey(ANONYMOUS),
    grant: undefined,
    revision: "2025-11-25",
    client: '{"clientInfo":{"name":"t","version":"1"},"capabilities":{"elicitation":{}}}',
    logLevel: undefined,
    lastSeenMs: 0,
  },
};

/** What a test does with a call of its own tool, over the storage of a real session object. */
interface Stage {
  readonly room: SessionRuntime;
  readonly begin: () => Promise<MessageOutcome>;
  readonly sent: (handled: MessageOutcome) => Record<string, unknown>[];
}

async function onStage(played: Tool, act: (stage: Stage) => Promise<void>): Promise<void> {
  await runInDurableObject(sessionStub(await openSession()), async (_object, state) => {
    const dependencies = {
      server: buildServer({ info: { name: "stage", version: "1" }, tools: [played] }),
      services: servicesFor(),
    };
    const room: SessionRuntime = {
      store: createSessionStore(state.storage),
      // A call that hangs must not hold up the test.
      objectState: new Proxy(state, {
        get(target, name) {
          if (name === "waitUntil") return () => undefined;
          const member: unknown = Reflect.get(target, name);
          return typeof member === "function" ? (member as () => unknown).bind(target) : member;
        },
      }),
      dependencies: { ...dependencies, hub: createHubClient(bindings.HUB) },
      runningCalls: new Set(),
      stoppedCalls: new Set(),

      closedBeforeAttach: new Set(),
      hubUpdates: { current: undefined, next: undefined },
      alarmAt: Infinity,
    };
    const params = { name: "hangs", arguments: {}, _meta: { progressToken: "p" } };
    await act({
      room,
      begin: () =>
        startCall(
          room,
          CONVERSATION,
          { kind: "request", id: 9, method: "tools/call", params },
          "ticket",
        ),
      sent: (handled) =>
        [...room.store.eventsAfter(handled.kind === "stream" ? handled.streamId : 0, 0)].map(
          ({ data }) => JSON.parse(data) as Record<string, unknown>,
        ),
    });
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
/** Moves the clock; timers stay as they are. */
const later = (ms: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
};

describe("in a session", () => {
  it("the alarm ends a call of the world after five minutes, on its stream", async () => {
    const session = await openSession();
    const lines = listen();
    const began = Date.now();
    const events = new EventReader(await send(session, callTool(1, "spec_slow", { ms: 30_000 })));
    await events.next();
    const alarm = await runInDurableObject(sessionStub(session), (_object, state) =>
      state.storage.getAlarm(),
    );
    expect(alarm).toBeGreaterThanOrEqual(began + 300_000);
    expect(alarm).toBeLessThan(began + 310_000);
    later(310_000);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    const { result } = (await events.message()) as {
      result?: { isError: boolean; content: { text: string }[] };
    };
    expect(result?.isError).toBe(true);
    expect(await events.next()).toBeUndefined();
    expect(lines).toMatchObject([
      { event: "handler.timed_out", method: "tools/call", tool: "spec_slow" },
    ]);
    expect(result?.content[0]?.text).toBe(
      `spec_slow took longer than 300 s (trace ${String(lines[0]?.["trace"])})`,
    );
  });

  it("the alarm ends a call whose client left before there was a stream", async () => {
    const session = await openSession();
    const lines = listen();
    const began = Date.now();
    const leaving = new AbortController();
    const left = send(session, callTool(1, "spec_slow", { ms: 30_000 }), {
      signal: leaving.signal,
    }).catch(() => "left");
    await new Promise((resolve) => setTimeout(resolve, 100));
    leaving.abort();
    expect(await left).toBe("left");
    const alarm = (): Promise<number | null> =>
      runInDurableObject(sessionStub(session), (_object, state) => state.storage.getAlarm());
    await vi.waitFor(async () => expect(await alarm()).toBeLessThan(began + 310_000), {
      timeout: 3_000,
    });
    later(310_000);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    await vi.waitFor(() =>
      expect(lines).toMatchObject([{ event: "handler.timed_out", tool: "spec_slow" }]),
    );
    // Nobody is there to hold a stream.
    await vi.waitFor(async () =>
      expect(
        await runInDurableObject(
          sessionStub(session),
          (_object, state) => state.getWebSockets().length,
        ),
      ).toBe(0),
    );
  });

  it("a call whose client left early goes on to its answer, and the session serves others", async () => {
    const session = await openSession();
    const leaving = new AbortController();
    const left = send(session, callTool(1, "spec_slow", { ms: 1_500 }), {
      signal: leaving.signal,
    }).catch(() => "left");
    setTimeout(() => leaving.abort(), 200);
    expect(await left).toBe("left");
    const answers = (): Promise<number> =>
      runInDurableObject(sessionStub(session), (_object, { storage }) =>
        Number(
          createSessionStore(storage).isAnswered(createSessionStore(storage).newestStreamId()),
        ),
      );
    await vi.waitFor(async () => expect(await answers()).toBe(1), { timeout: 4_000 });
    expect(await (await send(session, callTool(2, "spec_slow", { ms: 300 }))).text()).toContain(
      "slept",
    );
  });

  it("a call that was cancelled and hangs takes room until its time is over", () =>
    onStage(hanging(60, forever), async ({ room, begin }) => {
      listen();
      for (let index = 0; index < MAX_CALLS; index += 1) {
        const begun = begin();
        cancelCall(room, 9);
        expect(await begun).toEqual({ kind: "accepted" });
      }
      expect(await begin()).toMatchObject({ kind: "answer" });
      later(61_000);
      const next = begin();
      await vi.waitFor(() => expect(room.stoppedCalls.size).toBe(0));
      expect(room.runningCalls.size).toBe(1);
      later(61_000);
      expireCalls(room);
      expect(await next).toMatchObject({ kind: "answer" });
    }));

  it("calls whose time is over take no room, also where no alarm came", () =>
    onStage(hanging(60, forever), async ({ room, begin }) => {
      listen();
      const begun = Array.from({ length: MAX_CALLS }, begin);
      expect(room.runningCalls.size).toBe(MAX_CALLS);
      expect(await begin()).toMatchObject({
        kind: "answer",
        text: expect.stringContaining("too many") as string,
      });
      later(61_000);
      const next = begin();
      for (const outcome of await Promise.all(begun))
        expect(outcome).toMatchObject({
          kind: "answer",
          text: expect.stringContaining("longer than 60 s") as string,
        });
      expect(room.runningCalls.size).toBe(1);
      later(61_000);
      expireCalls(room);
      expect(await next).toMatchObject({ kind: "answer" });
    }));

  it("a call whose object was gone meanwhile is ended by the alarm too", async () => {
    const session = await openSession();
    const events = new EventReader(await send(session, callTool(1, "spec_slow", { ms: 30_000 })));
    const { id = "" } = (await events.next()) ?? {};
    await abortAllDurableObjects();
    const lines = listen();
    later(310_000);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    const rows = await runInDurableObject(sessionStub(session), (_object, { storage }) => [
      ...createSessionStore(storage).eventsAfter(Number(id.split("-")[0]), 0),
    ]);
    expect(rows.map(({ data }) => JSON.parse(data) as object)).toEqual([
      {
        jsonrpc: "2.0",
        id: 1,
        error: { code: -32603, message: "spec_slow took longer than 300 s" },
      },
    ]);
    expect(lines).toEqual([
      { event: "handler.timed_out", error: "spec_slow took longer than 300 s" },
    ]);
  });

  it("the events' alarm comes when no call is left, and then the session's own", async () => {
    const session = await openSession();
    const untilAlarm = async (): Promise<number> => {
      const alarm = await runInDurableObject(sessionStub(session), (_object, state) =>
        state.storage.getAlarm(),
      );
      return (alarm ?? 0) - Date.now();
    };
    await (
      await send(session, callTool(1, "test_tool_with_progress", {}, { progressToken: "p" }))
    ).text();
    later(310_000);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    expect(await untilAlarm()).toBeGreaterThan(3_000_000);
    expect(await untilAlarm()).toBeLessThanOrEqual(3_600_000);
    later(3_600_000);
    expect(await runDurableObjectAlarm(sessionStub(session))).toBe(true);
    expect(await untilAlarm()).toBeGreaterThan(80_000_000);
  });

  it("a tool may have less time, and the object wakes for it", () => {
    const handler = (context: Context): Promise<never> => {
      context.progress(1);
      return forever();
    };
    return onStage(hanging(60, handler), async ({ room, begin, sent }) => {
      listen();
      const handled = await begin();
      await turn();
      expect((await room.objectState.storage.getAlarm()) ?? 0).toBeLessThanOrEqual(
        Date.now() + 60_000,
      );
      later(59_000);
      failLostAndExpiredCalls(room);
      await turn();
      expect(sent(handled)).toHaveLength(1);
      later(2_000);
      failLostAndExpiredCalls(room);
      await turn();
      expect(sent(handled).at(-1)).toMatchObject({ id: 9, ...isLate(60) });
      expect(room.runningCalls.size).toBe(0);
    });
  });

  it("waiting for an answer does not count, and the next round has the whole time again", () => {
    let rounds = 0;
    const handler = async (context: Context): Promise<unknown> => {
      rounds += 1;
      await context.elicitForm("name", { message: "?", form: FORM });
      return forever();
    };
    return onStage(hanging(60, handler), async ({ room, begin, sent }) => {
      listen();
      const handled = await begin();
      await turn();
      later(90_000);
      failLostAndExpiredCalls(room);
      await turn();
      const [question] = sent(handled);
      expect(sent(handled)).toMatchObject([{ method: "elicitation/create" }]);
      resumeCall(room, CONVERSATION, {
        kind: "response",
        id: String(question?.["id"]),
        result: { action: "decline" },
      });
      await turn();
      expect(rounds).toBe(2);
      expect((await room.objectState.storage.getAlarm()) ?? 0).toBeLessThanOrEqual(
        Date.now() + 60_000,
      );
      later(59_000);
      failLostAndExpiredCalls(room);
      await turn();
      expect(sent(handled)).toHaveLength(1);
      later(2_000);
      failLostAndExpiredCalls(room);
      await turn();
      expect(sent(handled).at(-1)).toMatchObject({ id: 9, ...isLate(60) });
    });
  });

  it("a call that was answered as JSON sets no alarm", () =>
    onStage(
      hanging(60, () => "done"),
      async ({ room, begin }) => {
        const before = await room.objectState.storage.getAlarm();
        expect((await begin()).kind).toBe("answer");
        await turn();
        expect(await room.objectState.storage.getAlarm()).toBe(before);
      },
    ));
});
