/** A room of a session over a real object's storage, in which a test says what a tool does and what a client answers. */

import { runInDurableObject } from "cloudflare:test";
import { ANONYMOUS, callerKey } from "../../../src/base/caller.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { createHubClient } from "../../../src/hub/client.ts";
import { findRevision, type Revision } from "../../../src/protocol/versions.ts";
import { buildServer } from "../../../src/server/registry.ts";
import type { Context } from "../../../src/server/context.ts";
import { prompt, type Completer } from "../../../src/server/define.ts";
import { tool } from "../../../src/server/zod.ts";
import type { Services } from "../../../src/server/services.ts";
import { startCall } from "../../../src/transport/session/calls.ts";
import type {
  MessageOutcome,
  SessionRuntime,
  RequestContext,
} from "../../../src/transport/session/types.ts";
import type { SessionObject } from "../../../src/transport/session/session-object.ts";
import { createSessionStore } from "../../../src/transport/session/session-rows.ts";
import { handleStatelessRequest } from "../../../src/transport/stateless/handle-request.ts";
import { servicesFor, unrecordedSpan } from "../../server/services.ts";
import { EVERYTHING } from "../../world/parts.ts";
import { bindings, openSession, sessionStub } from "./client.ts";

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
export const NEWEST: Revision = findRevision("2025-11-25") as Revision;
const CLIENT =
  '{"clientInfo":{"name":"t","version":"1"},"capabilities":{"elicitation":{},"sampling":{},"roots":{}}}';
export const REQUEST_CONTEXT: RequestContext = {
  caller: ANONYMOUS,
  trace: {},
  revision: NEWEST,
  record: {
    caller: callerKey(ANONYMOUS),
    share: callerKey(ANONYMOUS),
    grant: undefined,
    revision: NEWEST.date,
    client: CLIENT,
    logLevel: undefined,
    lastSeenMs: 0,
  },
};

/** What the tool does. */
export type TestHandler = (context: Context, args: JsonObject) => unknown;

/** A call of one tool that does what the test says, in a room of its own over a real object's storage. */
export interface TestSession {
  readonly runtime: SessionRuntime;
  /** The object whose storage it is, restarted: it knows what is there by now. */
  readonly restart: () => SessionObject<unknown>;
  /** `more` is laid over the parameters. */
  readonly call: (handler: TestHandler, args?: object, more?: object) => Promise<MessageOutcome>;
  readonly sentOn: (stream: number) => Record<string, unknown>[];
  readonly settled: () => Promise<void>;
}

export async function withTestSession(act: (stage: TestSession) => Promise<void>): Promise<void> {
  const session = await openSession();
  await runInDurableObject(sessionStub(session), async (object, state) => {
    let handler: TestHandler = () => "";
    const info = { name: "stage", version: "1" };
    const input = {
      schema: { type: "object" },
      check: (value: unknown) => ({ ok: true as const, value }),
    };
    const played = tool({
      name: "play",
      input,
      handler: (args, context) => handler(context, args) as never,
    });
    // Runs the same when its argument is completed.
    const complete: Completer = (_typed, _others, context) => handler(context, {}) as never;
    const completed = prompt({
      name: "play",
      arguments: [{ name: "word", complete }],
      handler: () => [],
    });
    const waits: Promise<unknown>[] = [];
    const room: SessionRuntime = {
      store: createSessionStore(state.storage),
      // The call under test must not outlive the test.
      objectState: new Proxy(state, {
        get(target, name) {
          if (name === "waitUntil")
            return (promise: Promise<unknown>) => {
              waits.push(promise.catch(() => undefined));
            };
          const member: unknown = Reflect.get(target, name);
          return typeof member === "function" ? (member as () => unknown).bind(target) : member;
        },
      }),
      dependencies: {
        server: buildServer({ info, tools: [played], prompts: [completed] }, EVERYTHING),
        services: servicesFor(),
        hub: createHubClient(bindings.HUB),
      },
      runningCalls: new Set(),
      stoppedCalls: new Set(),
      closedBeforeAttach: new Set(),
      hubUpdates: { current: undefined, next: undefined },
      alarmAt: Infinity,
    };
    let count = 0;
    await act({
      runtime: room,
      restart: () => {
        const Session = object.constructor as new (
          state: DurableObjectState,
          env: unknown,
        ) => SessionObject<unknown>;
        return new Session(state, bindings);
      },
      call(play, args = {}, more = {}) {
        handler = play;
        const params = {
          name: "play",
          arguments: args as never,
          _meta: { progressToken: "p" },
          ...more,
        };
        const asked = { kind: "request", id: 9, method: "tools/call", params } as const;
        return startCall(room, REQUEST_CONTEXT, asked, `ticket-${count++}`);
      },
      sentOn: (stream) =>
        [...room.store.eventsAfter(stream, 0)].map(
          ({ data }) => JSON.parse(data) as Record<string, unknown>,
        ),
      settled: async () => {
        await Promise.all(waits);
      },
    });
  });
}

export const streamIdOf = (handled: MessageOutcome): number =>
  handled.kind === "stream" ? handled.streamId : -1;
export const FORM: JsonObject = { type: "object", properties: { name: { type: "string" } } };
export const responseTo = (
  id: unknown,
  result: object,
): { kind: "response"; id: string; result: never } => ({
  kind: "response",
  id: String(id),
  result: result as never,
});

/** The same without a session: a POST to a server with one tool. `more` is laid over the parameters. */
export async function callStatelessTool(
  handler: (context: Context) => unknown,
  { capabilities = {}, ...more }: { capabilities?: object; [member: string]: unknown } = {},
): Promise<Response> {
  const played = tool({ name: "play", handler: (_args, context) => handler(context) as never });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    progressToken: "p",
  };
  const headers = {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "play",
  };
  const http = new Request("http://127.0.0.1/mcp", { method: "POST", headers });
  const params = { name: "play", ...more, _meta: meta } as JsonObject;
  const message = {
    kind: "request",
    id: 1,
    method: "tools/call",
    params,
    target: { tool: played },
    caller: ANONYMOUS,
  } as const;
  const server = buildServer({ info: { name: "stage", version: "1" }, tools: [played] });
  return handleStatelessRequest(
    { server, services, openSubscriptionStream: undefined },
    http,
    message,
    unrecordedSpan,
  );
}

/** Of one server, so that its key opens what it sealed. */
const services: Services = servicesFor();
