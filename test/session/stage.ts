/** A room of a session over a real object's storage, in which a test says what a tool does and what a client answers. */

import { runInDurableObject } from "cloudflare:test";
import { ANONYMOUS, callerKey } from "../../src/base/caller.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { hubDoor } from "../../src/hub/door.ts";
import { revisionOf, type Revision } from "../../src/revision/revisions.ts";
import { catalog } from "../../src/server/catalog.ts";
import type { Context } from "../../src/server/context.ts";
import { prompt, tool, type Complete } from "../../src/server/define.ts";
import type { Services } from "../../src/server/types.ts";
import { start } from "../../src/session/calls.ts";
import type { Handled, Room, Visit } from "../../src/session/room.ts";
import { sessionRows } from "../../src/session/rows.ts";
import { serveStateless } from "../../src/stateless/serve.ts";
import { servicesFor, unrecorded } from "../unit/services.ts";
import { bindings, open, stubOf } from "./client.ts";

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const NEWEST: Revision = revisionOf("2025-11-25") as Revision;
const CLIENT = '{"clientInfo":{"name":"t","version":"1"},"capabilities":{"elicitation":{},"sampling":{},"roots":{}}}';
export const CONVERSATION: Visit = {
  caller: ANONYMOUS,
  trace: {},
  revision: NEWEST,
  row: {
    caller: callerKey(ANONYMOUS),
    share: callerKey(ANONYMOUS),
    grant: undefined,
    revision: NEWEST.date,
    client: CLIENT,
    level: undefined,
    seen: 0,
  },
};

/** A call of one tool that does what the test says, in a room of its own over a real object's storage. */
export interface Stage {
  readonly room: Room;
  /** `more` is laid over the parameters. */
  readonly call: (handler: (context: Context) => unknown, args?: object, more?: object) => Promise<Handled>;
  readonly sent: (stream: number) => Record<string, unknown>[];
  readonly settled: () => Promise<void>;
}

export async function onStage(act: (stage: Stage) => Promise<void>): Promise<void> {
  const session = await open();
  await runInDurableObject(stubOf(session), async (_object, state) => {
    let handler: (context: Context) => unknown = () => "";
    const info = { name: "stage", version: "1" };
    const input = { schema: { type: "object" }, check: (value: unknown) => ({ ok: true as const, value }) };
    const played = tool({ name: "play", input, handler: (_args, context) => handler(context) as never });
    // Runs the same when its argument is completed.
    const complete: Complete = (_typed, _others, context) => handler(context) as never;
    const completed = prompt({ name: "play", arguments: [{ name: "word", complete }], handler: () => [] });
    const waits: Promise<unknown>[] = [];
    const room: Room = {
      rows: sessionRows(state.storage),
      // The call under test must not outlive the test.
      state: new Proxy(state, {
        get(target, name) {
          if (name === "waitUntil")
            return (promise: Promise<unknown>) => void waits.push(promise.catch(() => undefined));
          const member: unknown = Reflect.get(target, name);
          return typeof member === "function" ? (member as () => unknown).bind(target) : member;
        },
      }),
      house: {
        server: catalog({ info, tools: [played], prompts: [completed] }),
        services: servicesFor(),
        hub: hubDoor(bindings.HUB),
      },
      running: new Set(),
      released: new Set(),
      wakes: Infinity,
    };
    let count = 0;
    await act({
      room,
      call(play, args = {}, more = {}) {
        handler = play;
        const params = { name: "play", arguments: args as never, _meta: { progressToken: "p" }, ...more };
        const asked = { kind: "request", id: 9, method: "tools/call", params } as const;
        return start(room, CONVERSATION, asked, `ticket-${count++}`);
      },
      sent: (stream) =>
        [...room.rows.eventsAfter(stream, 0)].map(({ data }) => JSON.parse(data) as Record<string, unknown>),
      settled: async () => void (await Promise.all(waits)),
    });
  });
}

export const streamOf = (handled: Handled): number => (handled.kind === "stream" ? handled.stream : -1);
export const FORM: JsonObject = { type: "object", properties: { name: { type: "string" } } };
export const answerTo = (id: unknown, result: object): { kind: "response"; id: string; result: never } => ({
  kind: "response",
  id: String(id),
  result: result as never,
});

/** The same without a session: a POST to a server with one tool. `more` is laid over the parameters. */
export async function callAlone(
  handler: (context: Context) => unknown,
  { capabilities = {}, ...more }: { capabilities?: object; [member: string]: unknown } = {},
): Promise<Response> {
  const played = tool({ name: "play", handler: (_args, context) => handler(context) as never });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    progressToken: "p",
  };
  const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "play" };
  const http = new Request("http://127.0.0.1/mcp", { method: "POST", headers });
  const params = { name: "play", ...more, _meta: meta } as JsonObject;
  const message = { kind: "request", id: 1, method: "tools/call", params } as const;
  const server = catalog({ info: { name: "stage", version: "1" }, tools: [played] });
  return serveStateless({ server, services, hub: hubDoor(bindings.HUB) }, http, message, ANONYMOUS, unrecorded);
}

/** Of one server, so that its key opens what it sealed. */
const services: Services = servicesFor();
