// What the wire view keeps of what the Worker sends: entries, their bounds, and no secret.
import { expect, it } from "vitest";
import { createCollector, type RecordCollector } from "../../../src/cli/wire-view/collector.ts";
import type { WireEntry, WireRecord } from "../../../src/cli/wire-view/entries.ts";

const SESSION = "0123456789abcdef".repeat(4);
const CALL =
  '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add","arguments":{}}}';

function request(exchange: string, more: Partial<WireRecord> = {}): WireRecord {
  const headers = [
    ["content-type", "application/json"],
    ["cf-connecting-ip", "127.0.0.1"],
  ] as const;
  const url = "http://localhost:8787/mcp";
  return { what: "request", bundle: "1", exchange, at: 5, method: "POST", url, headers, ...more };
}

async function entriesOf(collector: RecordCollector): Promise<readonly WireEntry[]> {
  return (await collector.changesAfter("", 0, 0)).entries;
}

it("an exchange is one entry, from its request to its end", async () => {
  const collector = createCollector();
  // The marks of another bundle mean something else.
  collector.setMarks("0", [{ file: "src/a.ts", line: 1, code: "", ids: ["z.other"] }]);
  collector.setMarks("1", [
    { file: "src/a.ts", line: 1, code: "", ids: ["a.one", "a.two"] },
    { file: "src/a.ts", line: 2, code: "", ids: ["a.two"] },
  ]);
  collector.add(request("x", { headers: [["mcp-session-id", SESSION]] }));
  collector.add({ what: "request-body", bundle: "1", exchange: "x", text: CALL });
  collector.add({ what: "response", bundle: "1", exchange: "x", status: 200, ms: 3, marks: [0] });
  // Of a bundle that is known no more.
  collector.add({ what: "response-body", bundle: "2", exchange: "x", text: "{}", marks: [0] });
  collector.add({ what: "end", bundle: "1", exchange: "x", ms: 4, marks: [0, 1] });
  expect(await entriesOf(collector)).toEqual([
    {
      kind: "exchange",
      n: 1,
      version: 5,
      id: "x",
      at: 5,
      method: "POST",
      url: "http://localhost:8787/mcp",
      title: "/mcp  tools/call add #7",
      headers: [["mcp-session-id", "[redacted:ID_01234567]"]],
      body: CALL,
      era: "session",
      session: "01234567",
      status: 200,
      headerMs: 3,
      ms: 4,
      responseHeaders: [],
      responseBody: "{}",
      state: "ended",
      events: 0,
      ids: ["a.one", "a.two"],
    },
  ]);
});

it("an event is an entry of its own, with the number of its exchange", async () => {
  const collector = createCollector();
  collector.add(request("x"));
  collector.add({ what: "response", bundle: "1", exchange: "x", status: 200, ms: 3 });
  const text = `id: 1\ndata: ${CALL.replace('"arguments"', '"requestState":"s3cr3t","arguments"')}`;
  collector.add({ what: "event", bundle: "1", exchange: "x", text });
  collector.add({ what: "end", bundle: "1", exchange: "x", left: true });
  const [exchange, event] = await entriesOf(collector);
  expect(exchange).toMatchObject({ state: "left", events: 1 });
  expect(event).toMatchObject({ kind: "event", of: 1, title: "tools/call add #7" });
  expect(JSON.stringify(event)).not.toContain("s3cr3t");
});

it("a title is cut when the secrets in it are out", async () => {
  const secret = "s3cr3t-known-to-make-dev";
  const collector = createCollector(() => [secret]);
  const name = `${"x".repeat(100)} ${secret}`;
  collector.add(request("x"));
  const text = `data: ${JSON.stringify({ id: 7, method: "tools/call", params: { name } })}`;
  collector.add({ what: "event", bundle: "1", exchange: "x", text });
  expect(JSON.stringify((await entriesOf(collector))[1])).not.toContain("s3cr3t");
});

it("an object's entries say which, what, and whose session", async () => {
  const collector = createCollector();
  const object = { bundle: "1", object: "Session", objectId: SESSION, at: 1, ms: 2 };
  collector.add({ ...object, what: "woke" });
  collector.add({ ...object, what: "called", method: "alarm", threw: `Error: token=${SESSION}x` });
  const [woke, called] = await entriesOf(collector);
  expect(woke).toMatchObject({ kind: "object", objectId: "01234567", title: "woke up" });
  expect(called).toMatchObject({ title: "alarm()", session: "01234567" });
  expect(called?.threw).toBe("Error: token=[redacted:TOKEN]");
});

it("keeps the newest five hundred, says which is the oldest, and lists events of a stream that began before", async () => {
  const collector = createCollector();
  for (let n = 1; n <= 502; n += 1) collector.add(request(`x${n}`));
  collector.add({ what: "event", bundle: "1", exchange: "x1", text: "data: {}" });
  const { entries, oldest } = await collector.changesAfter("", 0, 0);
  expect([entries.length, oldest]).toEqual([500, 4]);
  expect(entries.at(-1)).toMatchObject({ kind: "event", of: 1 });
  expect(collector.exchange(3)).toBeUndefined();
});

it("keeps no more than eight million characters", async () => {
  const collector = createCollector();
  for (let n = 1; n <= 200; n += 1) {
    collector.add(request(`x${n}`));
    const text = "a b ".repeat(15_000);
    collector.add({ what: "request-body", bundle: "1", exchange: `x${n}`, text });
  }
  const { entries } = await collector.changesAfter("", 0, 0);
  const size = JSON.stringify(entries).length;
  expect(size).toBeLessThan(8_100_000);
  expect(size).toBeGreaterThan(7_000_000);
  expect(entries.at(-1)?.n).toBe(200);
});

it("whoever waits is answered with the next change, and alone with that", async () => {
  const collector = createCollector();
  collector.add(request("x"));
  const { run, version } = await collector.changesAfter("", 0, 0);
  const next = collector.changesAfter(run, version, 60_000);
  collector.add(request("y"));
  expect((await next).entries.map(({ n }) => n)).toEqual([2]);
  expect((await collector.changesAfter(run, (await next).version, 1)).entries).toEqual([]);
  // A page from before `make dev` was started again is given everything.
  expect((await collector.changesAfter("another", 99, 60_000)).entries).toHaveLength(2);
});

it.each([
  "null",
  "[]",
  "[null,1]",
  "{",
  '{"jsonrpc":"2.0","method":{},"params":[]}',
  '{"params":{"_meta":1}}',
])("a body that is no message is kept as it is: %s", async (text) => {
  const collector = createCollector();
  collector.add(request("x"));
  collector.add({ what: "request-body", bundle: "1", exchange: "x", text });
  expect(await entriesOf(collector)).toMatchObject([{ title: "/mcp", body: text }]);
});
