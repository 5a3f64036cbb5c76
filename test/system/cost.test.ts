/**
 * What one more of everything costs, counted in the conformance world, with what has to be cleared away later. The prices
 * and the table of src/README.md are in test/world/prices.ts.
 */

import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ANONYMOUS } from "../../src/base/caller.ts";
import {
  accepted,
  ended,
  getTask,
  startTask,
  taskStub,
  updateTask,
  type Task,
} from "../extensions/tasks/tasks.ts";
import { hub, shards } from "../hub/hub.ts";
import { logIn, tokenRequest } from "../oauth/login-flow.ts";
import {
  bindings,
  callStateless,
  callTool,
  EventReader,
  openGetStream,
  openSession,
  send,
  sessionStub,
  type Session,
} from "../transport/session/client.ts";
import { countCosts, type Costs } from "../world/counting.ts";
import { emptyStorage } from "../world/empty-storage.ts";
import { COSTS, costTable, dollars, type CostName, type Operations } from "../world/prices.ts";

beforeEach(() => emptyStorage());
afterEach(() => {
  vi.useRealTimers();
});

const [README = ""] = Object.values(
  import.meta.glob("../../src/README.md", { query: "?raw", eager: true, import: "default" }),
);
const [packageJson = "{}"] = Object.values(
  import.meta.glob("../../package.json", { query: "?raw", eager: true, import: "default" }),
);
const PACKAGE = JSON.parse(packageJson) as { readonly name?: string };
const HOUR_MS = 3_600_000;
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

const MEASURES: Record<CostName, () => Promise<Operations>> = {
  statelessCall: () =>
    costOfOneMore((count) =>
      times(count, async () => (await callStateless(1, "test_simple_text")).text()),
    ),
  async sessionCall() {
    const session = await openSession();
    return costOfOneMore((count) =>
      times(count, async () => (await send(session, callTool(1, "test_simple_text"))).text()),
    );
  },
  async streamedCall() {
    const session = await openSession();
    const call = callTool(1, "spec_progress", { count: 1 }, { progressToken: "a" });
    return costOfOneMore(async (count) => {
      await times(count, async () => {
        const text = await (await send(session, call)).text();
        expect(text.match(/^data: \{/gm)).toHaveLength(2);
      });
      await sweepEvents(session);
    });
  },
  async sessionStart() {
    await endSession(await openSession());
    return operationsOf(await countCosts(() => openSession()));
  },
  async sessionEnd() {
    await endSession(await openSession());
    const session = await openSession();
    return operationsOf(await countCosts(() => endSession(session)));
  },
  login: () =>
    costOfOneMore(async (count) => {
      await times(count, () => logIn(`one of ${count}`));
      await runGrantAlarms();
      // Nobody uses what was granted.
      await later(31 * 24, runGrantAlarms);
    }),
  async refresh() {
    let tokens = await logIn("ada");
    return costOfOneMore((count) =>
      times(count, async () => {
        const { clientId, refresh_token } = tokens;
        const form = { grant_type: "refresh_token", client_id: clientId, refresh_token };
        tokens = { ...tokens, ...(await (await tokenRequest(form)).json<object>()) };
      }),
    );
  },
  getStreamHour: () =>
    costOfOneMoreStream(openListeningSession, (sessions) => passHours(25, sessions)),
  listenStreamHour: () => costOfOneMoreStream(listen, () => passHours(25, [])),
  async change() {
    const [first, ...others] = [await changeCost(0), await changeCost(2), await changeCost(12)];
    for (const other of others) expect(other).toEqual(first);
    return first;
  },
  async changePerSession() {
    const alone = await changeCost(0);
    await emptyStorage();
    const { session, stream } = await openListeningSession();
    const cost = await costOfOneMore(async (count) => {
      await times(count, async () => {
        await hub.publish({ list: "tools" });
        expect(await stream.message()).toMatchObject({
          method: "notifications/tools/list_changed",
        });
      });
      await sweepEvents(session);
    });
    await stream.cancel();
    return combine(cost, alone, (one, other) => one - other);
  },
  task: () => costOfOneMore((count) => times(count, () => runTask({ count: 0 }))),
  async taskStep() {
    await runTask({ count: 0 });
    const cost = async (count: number): Promise<Operations> =>
      operationsOf(await countCosts(() => runTask({ count })));
    return combine(await cost(12), await cost(2), (one, other) => (one - other) / 10);
  },
  async taskQuestion() {
    await runTask({ count: 1 });
    const plain = operationsOf(await countCosts(() => runTask({ count: 1 })));
    const asking = operationsOf(await countCosts(() => runTask({ count: 1, ask: 1 })));
    return combine(asking, plain, (one, other) => one - other);
  },
  async taskPoll() {
    const { taskId } = await startTask("spec_steps", { label: "cost", count: 0 });
    await ended(taskId);
    return costOfOneMore((count) => times(count, () => getTask(taskId)));
  },
};

it.each(Object.keys(MEASURES) as CostName[])(
  "the cost of a %s is as the table says",
  async (name) => {
    expect(await MEASURES[name]()).toEqual(COSTS[name].operations);
  },
);

/** A task from its call to its deletion, that nobody asks after. */
async function runTask(args: { readonly count: number; readonly ask?: number }): Promise<void> {
  const { taskId } = await startTask("spec_steps", { label: "cost", ...args });
  const key = `before ${args.ask}`;
  if (args.ask !== undefined) {
    await untilStatus(taskId, "input_required");
    await updateTask(taskId, { [key]: accepted("go") });
  }
  await untilStatus(taskId, "completed");
  await later(25, () => runDurableObjectAlarm(taskStub(taskId)));
}

/** Looks into the object, which costs nothing. */
async function untilStatus(taskId: string, status: string): Promise<void> {
  for (;;) {
    const json = await runInDurableObject(taskStub(taskId), (object) => object.get(ANONYMOUS));
    if ((JSON.parse(json ?? "{}") as Task).status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

it("a session that nobody ends costs an alarm in place of the client's two requests", async () => {
  await endSession(await openSession());
  const session = await openSession();
  const cost = await countCosts(() => later(25, () => runDurableObjectAlarm(sessionStub(session))));
  const { operations } = COSTS.sessionEnd;
  expect(operationsOf(cost)).toEqual({
    ...operations,
    workerRequests: operations.workerRequests - 1,
    requests: operations.requests - 1,
    alarms: 1,
  });
});

it("a session that never streamed keeps 12 KiB, one that did 24, a grant 12, a person 8", async () => {
  const bytes = (stub: DurableObjectStub): Promise<number> =>
    runInDurableObject(stub, (_object, { storage }) => storage.sql.databaseSize);
  /** Of the largest: objects of earlier tests are still listed, and empty. */
  const mostBytes = async (namespace: unknown): Promise<number> => {
    const objects = namespace as DurableObjectNamespace;
    const ids = await listDurableObjectIds(objects);
    return Math.max(...(await Promise.all(ids.map((id) => bytes(objects.get(id))))));
  };
  const session = await openSession();
  await (await send(session, callTool(1, "test_simple_text"))).text();
  expect(await mostBytes(bindings.SESSION)).toBe(12_288);
  const call = callTool(1, "spec_progress", { count: 1 }, { progressToken: "a" });
  await (await send(session, call)).text();
  expect(await mostBytes(bindings.SESSION)).toBe(24_576);
  await logIn("ada");
  expect(await mostBytes(bindings.GRANT)).toBe(12_288);
  expect(await mostBytes(bindings.ACCOUNT)).toBe(8_192);
});

it("src/README.md has the table: make size prints it", () => {
  // A fork's README is its own.
  if (PACKAGE.name !== "barewire") return;
  const [, table = ""] = /^## Cost\n[^|]*^(\|[^]*?\n)\n/m.exec(README) ?? [];
  expect(table.split("\n").slice(0, -1)).toEqual(costTable());
});

it("prices are of a million", () => {
  const { operations } = COSTS.statelessCall;
  expect(dollars(operations)).toBe(0.3);
  expect(
    dollars({ ...operations, requests: 2, alarms: 2, messages: 20, rows: 3, rowsRead: 1_000 }),
  ).toBeCloseTo(0.3 + 5 * 0.15 + 3 + 1);
});

function operationsOf({ objectsCreated: _, ...operations }: Costs): Operations {
  return operations;
}

function combine(
  one: Operations,
  other: Operations,
  act: (one: number, other: number) => number,
): Operations {
  const result = { ...one };
  for (const name of Object.keys(result) as (keyof Operations)[])
    result[name] = act(one[name], other[name]);
  return result;
}

/** What one more costs, where `action` does so many: twelve without two. What comes once for all is not in it. */
async function costOfOneMore(action: (count: number) => Promise<void>): Promise<Operations> {
  await action(1);
  const few = operationsOf(await countCosts(() => action(2)));
  const many = operationsOf(await countCosts(() => action(12)));
  return combine(many, few, (one, other) => (one - other) / 10);
}

/** The same for streams that are held open, each of a new world. */
async function costOfOneMoreStream<T extends { readonly stream: EventReader }>(
  openOne: () => Promise<T>,
  action: (opened: readonly T[]) => Promise<void>,
): Promise<Operations> {
  const cost = async (count: number): Promise<Operations> => {
    await emptyStorage();
    const opened: T[] = [];
    await times(count, async () => {
      opened.push(await openOne());
    });
    // Each object of the hub makes its tables when it is first needed.
    await hub.publish({ uri: "test://nobody" });
    const spent = operationsOf(await countCosts(() => action(opened)));
    for (const { stream } of opened) await stream.cancel();
    return spent;
  };
  const few = await cost(2);
  return combine(await cost(12), few, (one, other) => (one - other) / 10);
}

/** What a change costs that so many streams of subscriptions/listen hear of. */
async function changeCost(listeners: number): Promise<Operations> {
  await emptyStorage();
  const opened: EventReader[] = [];
  await times(listeners, async () => {
    opened.push((await listen()).stream);
  });
  await hub.publish({ list: "prompts" });
  const cost = operationsOf(await countCosts(() => hub.publish({ list: "tools" })));
  for (const stream of opened) {
    expect(await stream.message()).toMatchObject({ method: "notifications/tools/list_changed" });
    await stream.cancel();
  }
  return cost;
}

async function times(count: number, action: () => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await action();
}

async function later(hours: number, action: () => Promise<unknown>): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * HOUR_MS });
  await action();
  vi.useRealTimers();
}

/** The session forgets the events that it keeps, which it does an hour after they were written. */
async function sweepEvents(session: Session): Promise<void> {
  await later(2, () => runDurableObjectAlarm(sessionStub(session)));
}

async function runGrantAlarms(): Promise<void> {
  for (const id of await listDurableObjectIds(bindings.GRANT))
    await runDurableObjectAlarm(bindings.GRANT.get(id));
}

/** Hours pass: alarms of sessions and of the hub go off when they are due. */
async function passHours(
  hours: number,
  opened: readonly { readonly session: Session }[],
): Promise<void> {
  const start = Date.now();
  const stubs = [...shards(), ...opened.map(({ session }) => sessionStub(session))];
  for (let hour = 1; hour <= hours; hour++) {
    vi.useFakeTimers({ toFake: ["Date"], now: start + hour * HOUR_MS });
    for (const stub of stubs as DurableObjectStub[])
      if (await isAlarmDue(stub)) await runDurableObjectAlarm(stub);
  }
  vi.useRealTimers();
}

function isAlarmDue(stub: DurableObjectStub): Promise<boolean> {
  return runInDurableObject(stub, async (_object, { storage }) => {
    const at = await storage.getAlarm();
    return at !== null && at <= Date.now();
  });
}

async function endSession(session: Session): Promise<void> {
  const headers = { "mcp-session-id": session.id, "mcp-protocol-version": session.revision };
  const response = await send(session, undefined, { method: "DELETE", headers, body: null });
  expect(response.status).toBe(204);
}

async function openListeningSession(): Promise<{ session: Session; stream: EventReader }> {
  const session = await openSession();
  return { session, stream: new EventReader(await openGetStream(session)) };
}

async function listen(): Promise<{ stream: EventReader }> {
  const method = "subscriptions/listen";
  const params = {
    _meta: META,
    notifications: { toolsListChanged: true },
  };
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
  };
  const stream = new EventReader(
    await send(undefined, { jsonrpc: "2.0", id: 1, method, params }, { headers }),
  );
  expect(await stream.message()).toMatchObject({
    method: "notifications/subscriptions/acknowledged",
  });
  return { stream };
}
