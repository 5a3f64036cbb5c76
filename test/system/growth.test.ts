/**
 * How the cost of a call, a change and a login grows with what is there already: counted, and as src/README.md says under
 * "Growth", where each test finds its rows.
 */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import { ANONYMOUS, callerKey } from "../../src/base/caller.ts";
import { HUB_PAGE_SIZE, OPENING_MS, MAX_ANONYMOUS_SESSIONS } from "../../src/hub/admission.ts";
import { HUB_SHARDS } from "../../src/hub/client.ts";
import { accountObjectName } from "../../src/oauth/authorization-server/account-object.ts";
import type { Tool } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import { createWorker } from "../../src/worker/router.ts";
import {
  addRegistryRows,
  hub,
  newCaller,
  openSession as openSessionOf,
  shardOf,
} from "../hub/hub.ts";
import { logIn } from "../oauth/login-flow.ts";
import {
  bindings,
  callTool,
  openSession,
  send,
  sessionStub,
  type Session,
} from "../transport/session/client.ts";
import { countCosts, type Costs } from "../world/counting.ts";
import { emptyStorage } from "../world/empty-storage.ts";
import type { Env } from "../world/env.ts";
import { loginOptions } from "../world/login-options.ts";
import { everyPart } from "../world/parts.ts";

beforeEach(() => emptyStorage());

const [PAGE = ""] = Object.values(
  import.meta.glob("../../src/README.md", { query: "?raw", eager: true, import: "default" }),
);
const [packageJson = "{}"] = Object.values(
  import.meta.glob("../../package.json", { query: "?raw", eager: true, import: "default" }),
);
const IS_OURS = (JSON.parse(packageJson) as { readonly name?: string }).name === "barewire";

/** The page says it: of `what`, against so many of `against`, these counts. A fork's page is its own. */
function expectRow(what: string, against: string, ...counts: readonly string[]): void {
  if (!IS_OURS) return;
  const rows = PAGE.split("\n").filter((line) => line.startsWith(`| ${what} | ${against} |`));
  expect(rows).toEqual([`| ${what} | ${against} | ${counts.join("; ")} |`]);
}

const list = (numbers: readonly number[]): string =>
  numbers.map((one) => one.toLocaleString("en")).join(", ");
const series = (name: string, numbers: readonly number[]): string =>
  new Set(numbers).size === 1 ? `${name} ${list(numbers.slice(0, 1))}` : `${name} ${list(numbers)}`;
const seriesOf = (name: string, member: keyof Costs, spent: readonly Costs[]): string =>
  series(
    name,
    spent.map((cost) => cost[member]),
  );

describe("a stateless call", () => {
  it("reads the definition of no other tool, however many there are", async () => {
    const sizes = [1, 10, 100, 1_000];
    const reads: number[] = [];
    for (const size of sizes) {
      let count = 0;
      const noteReads = (one: Tool): Tool =>
        new Proxy(one, {
          get(target, name) {
            count += 1;
            return Reflect.get(target, name) as unknown;
          },
        });
      const others = Array.from({ length: size - 1 }, (_, index) =>
        noteReads(tool({ name: `other_${index}`, handler: () => "" })),
      );
      const called = tool({ name: "called", handler: () => "done" });
      const worker = createWorker<Env>({
        server: { info: { name: "many", version: "1" }, tools: [...others, called] },
        ...everyPart(loginOptions),
      });
      const call = async (): Promise<void> => {
        const response = await worker.fetch(statelessRequest("called"), bindings);
        expect(await response.text()).toContain("done");
      };
      // The first one makes the server ready.
      await call();
      if (size > 1) expect(count).toBeGreaterThanOrEqual(size - 1);
      count = 0;
      await call();
      reads.push(count);
    }
    expect(reads).toEqual(sizes.map(() => 0));
    expectRow(
      "stateless call of a tool",
      `tools: ${list(sizes)}`,
      series("reads of other tools", reads),
    );
  });
});

describe("a session call", () => {
  it("costs the same however many came before", async () => {
    const sizes = [1, 10, 100];
    const spent: Costs[] = [];
    for (const size of sizes) {
      const session = await openSession();
      await times(size, () => callPlain(session));
      spent.push(await countCosts(() => callPlain(session)));
    }
    expect(new Set(spent.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "session call",
      `earlier calls: ${list(sizes)}`,
      seriesOf("object requests", "requests", spent),
      seriesOf("rows read", "rowsRead", spent),
      seriesOf("rows written", "rows", spent),
    );
  });

  it("costs the same however many events are stored, answered as JSON and streamed", async () => {
    const sizes = [0, 10, 100];
    const spent: Costs[] = [];
    const spentStreaming: Costs[] = [];
    for (const size of sizes) {
      const session = await sessionWithEvents(size);
      spent.push(await countCosts(() => callPlain(session)));
      spentStreaming.push(await countCosts(() => callStreaming(session)));
    }
    for (const costs of [spent, spentStreaming])
      expect(new Set(costs.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "session call",
      `stored events: ${list(sizes)}`,
      seriesOf("rows read", "rowsRead", spent),
      seriesOf("rows written", "rows", spent),
    );
    expectRow(
      "streamed session call",
      `stored events: ${list(sizes)}`,
      seriesOf("rows read", "rowsRead", spentStreaming),
      seriesOf("rows written", "rows", spentStreaming),
    );
  });

  it("that wakes the session reads no more for more events of a stream", async () => {
    const sizes = [2, 10, 100];
    const spent: Costs[] = [];
    for (const size of sizes) {
      const session = await openSession();
      await callStreaming(session, size - 1);
      await evictDurableObject(sessionStub(session), { webSockets: "hibernate" });
      spent.push(await countCosts(() => callPlain(session)));
    }
    expect(new Set(spent.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "session call that wakes the object",
      `stored events of a stream: ${list(sizes)}`,
      seriesOf("rows read", "rowsRead", spent),
    );
  });

  it("that wakes the session reads a few rows for each stream of the last hour", async () => {
    const sizes = [1, 10, 100];
    const spent: Costs[] = [];
    const spentStreaming: Costs[] = [];
    for (const size of sizes) {
      const session = await openSession();
      await times(size, () => callStreaming(session));
      await evictDurableObject(sessionStub(session), { webSockets: "hibernate" });
      spent.push(await countCosts(() => callPlain(session)));
      spentStreaming.push(await countCosts(() => callStreaming(session)));
    }
    expectRow(
      "session call that wakes the object",
      `streams kept: ${list(sizes)}`,
      seriesOf("rows read", "rowsRead", spent),
    );
    expectRow(
      "first streamed call after that",
      `streams kept, of two events: ${list(sizes)}`,
      seriesOf("rows read", "rowsRead", spentStreaming),
    );
  });
});

describe("a session start", () => {
  it("reads the rows of its caller's other sessions, a hundred at most", async () => {
    const sizes = [1, 10, 99];
    const spent: Costs[] = [];
    for (const size of sizes) {
      const by = newCaller();
      spent.push(await startAmong(callerKey(by), size, () => openSessionOf(by)));
    }
    expectRow(
      "session start",
      `other sessions of the caller: ${list(sizes)}`,
      seriesOf("object requests", "requests", spent),
      seriesOf("rows read", "rowsRead", spent),
      seriesOf("rows written", "rows", spent),
    );
  });

  it("of a stranger costs the same however many strangers have one; an object of the hub counts them when it wakes", async () => {
    const sizes = [1, 10, 100, 1_000, 9_900];
    const first: Costs[] = [];
    const others: Costs[] = [];
    for (const size of sizes) {
      await emptyStorage();
      const share = callerKey(ANONYMOUS);
      others.push(await startAmong(share, size, () => openSession()));
      await evictDurableObject(shardOf(share), { webSockets: "hibernate" });
      first.push(await countCosts(() => openSession()));
      const next = await countCosts(() => openSession());
      expect([next.rowsRead, next.rows]).toEqual([others[0]?.rowsRead, others[0]?.rows]);
    }
    expect(new Set(others.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "session start of a stranger",
      `other sessions of strangers: ${list(sizes)}`,
      seriesOf("object requests", "requests", others),
      seriesOf("rows read", "rowsRead", others),
      seriesOf("rows written", "rows", others),
    );
    expectRow(
      "session start of a stranger that wakes the hub",
      `other sessions of strangers: ${list(sizes)}`,
      seriesOf("rows read", "rowsRead", first),
    );
  });

  it("of a stranger beyond the bound of all strangers looks for the one that makes room", async () => {
    const share = callerKey(ANONYMOUS);
    await openSession();
    const id = (): string => bindings.SESSION.newUniqueId().toString();
    await addRegistryRows(share, MAX_ANONYMOUS_SESSIONS - 1, Date.now() - 2 * OPENING_MS, id);
    await evictDurableObject(shardOf(share), { webSockets: "hibernate" });
    const spent = [await countCosts(() => openSession()), await countCosts(() => openSession())];
    expectRow(
      "session start of a stranger beyond the bound",
      `other sessions of strangers: ${list([MAX_ANONYMOUS_SESSIONS])}`,
      seriesOf("object requests", "requests", spent),
      seriesOf("rows read", "rowsRead", spent),
      seriesOf("rows written", "rows", spent),
    );
  });
});

describe("a change", () => {
  const sizes = [1, 10, 100, 1_000, 10_000];

  it("asks each session that listens once, in pages, and reads a row for it", async () => {
    const changes: PublishedChange[] = [];
    for (const size of sizes) changes.push(await publishToRegistered(size, true));
    expect(changes.map(({ asked }) => asked)).toEqual(sizes);
    expect(changes.map(({ cost }) => cost.requests)).toEqual(sizes.map(() => HUB_SHARDS));
    expect(changes.map(({ cost }) => cost.alarms)).toEqual(
      sizes.map((size) => Math.floor(size / HUB_PAGE_SIZE)),
    );
    const spent = changes.map(({ cost }) => cost);
    expectRow(
      "change",
      `sessions that listen: ${list(sizes)}`,
      series(
        "object requests",
        changes.map(({ asked, cost }) => asked + cost.requests),
      ),
      seriesOf("alarms", "alarms", spent),
      seriesOf("rows read", "rowsRead", spent),
      seriesOf("rows written by the hub", "rows", spent),
    );
  });

  it("asks no session that does not listen, and reads no row of it", async () => {
    const changes: PublishedChange[] = [];
    for (const size of sizes) changes.push(await publishToRegistered(size, false));
    expect(changes.map(({ asked }) => asked)).toEqual(sizes.map(() => 0));
    const spent = changes.map(({ cost }) => cost);
    expect(new Set(spent.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "change",
      `sessions that do not listen: ${list(sizes)}`,
      seriesOf("object requests", "requests", spent),
      seriesOf("rows read", "rowsRead", spent),
    );
  });

  it("costs the same however many streams of subscriptions/listen hear of it", async () => {
    const listenerSizes = sizes.slice(0, 4);
    const spent: Costs[] = [];
    const heard: number[] = [];
    let opened = 0;
    let messages = 0;
    await hub.publish({ list: "prompts" });
    for (const size of listenerSizes) {
      for (; opened < size; opened += 1) {
        const socket = await hub.openListener(
          { toolsListChanged: true },
          ANONYMOUS,
          callerKey(ANONYMOUS),
        );
        if (!socket.ok) throw new Error("Refused");
        socket.value.addEventListener("message", () => (messages += 1));
        socket.value.accept();
      }
      messages = 0;
      spent.push(await countCosts(() => hub.publish({ list: "tools" })));
      await expect.poll(() => messages).toBe(size);
      heard.push(messages);
    }
    expect(new Set(spent.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "change",
      `streams of subscriptions/listen: ${list(listenerSizes)}`,
      seriesOf("object requests", "requests", spent),
      seriesOf("rows read", "rowsRead", spent),
      series("messages sent, which are free", heard),
    );
  });
});

describe("a login", () => {
  it("costs the same however many grants a person has; the row that lists them grows", async () => {
    const sizes = [0, 10, 100, 399];
    const spent: Costs[] = [];
    const bytes: number[] = [];
    for (const size of sizes) {
      const name = `person ${size}`;
      await giveGrants(name, newIds(size));
      spent.push(await countCosts(() => logIn(name)));
      bytes.push(await accountBytes(name));
    }
    expect(new Set(spent.map((cost) => JSON.stringify(cost))).size).toBe(1);
    expectRow(
      "login",
      `grants of the person: ${list(sizes)}`,
      seriesOf("object requests", "requests", spent),
      seriesOf("rows written", "rows", spent),
      series("bytes of the person's row", bytes),
    );
  });
});

/** What one more session of `share` costs, where so many are registered. */
async function startAmong(
  share: string,
  size: number,
  start: () => Promise<Session>,
): Promise<Costs> {
  // The first one makes the hub's tables and sets its alarm.
  await start();
  await addRegistryRows(share, size - 1, Date.now(), (index) => `none ${index}`);
  return countCosts(start);
}

function statelessRequest(name: string): Request {
  const revision = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      "mcp-method": "tools/call",
      "mcp-name": name,
    },
    body: JSON.stringify(callTool(1, name, {}, meta)),
  });
}

async function callPlain(session: Session): Promise<void> {
  const response = await send(session, callTool(1, "test_simple_text"));
  expect(await response.text()).toContain("simple text response");
}

/** A call whose stream has an event for each of `notifications`, and one for the answer. */
async function callStreaming(session: Session, notifications: number = 1): Promise<void> {
  const args = { count: notifications };
  const call = callTool(1, "spec_progress", args, { progressToken: "a" });
  const text = await (await send(session, call)).text();
  expect(text.match(/^data: \{/gm)).toHaveLength(notifications + 1);
}

/** One that has streamed before: its tables are there, and its alarm is set. */
async function sessionWithEvents(count: number): Promise<Session> {
  const session = await openSession();
  await callStreaming(session);
  await runInDurableObject(sessionStub(session), (_object, { storage }) => {
    storage.sql.exec("DELETE FROM events");
    storage.sql.exec("DELETE FROM streams");
  });
  await times(count / 2, () => callStreaming(session));
  return session;
}

interface PublishedChange {
  readonly cost: Costs;
  /** Requests to sessions, which are none here: the test answers for them. */
  readonly asked: number;
}

/** A change for everybody where so many sessions are registered: to its last page. */
async function publishToRegistered(size: number, listens: boolean): Promise<PublishedChange> {
  await emptyStorage();
  const share = "somebody";
  const shard = shardOf(share);
  const idOf = (index: number): string => `none ${String(index).padStart(5, "0")}`;
  await hub.publish({ uri: "test://nobody" });
  await addRegistryRows(share, size, Date.now(), idOf, listens);
  let asked = 0;
  await runInDurableObject(shard, (object) => {
    const session = {
      notify: () => {
        asked += 1;
        return Promise.resolve("delivered");
      },
    };
    object.sessions = () => ({ idFromString: () => "", get: () => session }) as never;
  });
  const cost = await countCosts(async () => {
    await hub.publish({ list: "tools" });
    while (asked > 0 && (await hasAlarm(shard))) await runDurableObjectAlarm(shard);
  });
  return { cost, asked };
}

function hasAlarm(stub: ReturnType<typeof shardOf>): Promise<boolean> {
  return runInDurableObject(stub, async (_object, { storage }) => {
    const at = await storage.getAlarm();
    // The look at what is gone comes an hour later.
    return at !== null && at <= Date.now() + 1_000;
  });
}

function newIds(count: number): string[] {
  return Array.from({ length: count }, () => bindings.GRANT.newUniqueId().toString());
}

/** The person's account knows these grants, oldest first. */
async function giveGrants(name: string, grants: readonly string[]): Promise<void> {
  const account = bindings.ACCOUNT.getByName(await accountObjectName(name));
  await runInDurableObject(account, (_object, { storage }) =>
    storage.kv.put("account", { failed: [], grants }),
  );
}

async function accountBytes(name: string): Promise<number> {
  const account = bindings.ACCOUNT.getByName(await accountObjectName(name));
  return runInDurableObject(
    account,
    (_object, { storage }) => JSON.stringify(storage.kv.get("account")).length,
  );
}

async function times(count: number, action: () => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await action();
}
