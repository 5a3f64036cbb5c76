// The second runner against servers that answer otherwise than the world, where the text allows it, and where it does not.
import type { ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { audit, serve, stopAll } from "./audited.node.ts";
import type { Json, JsonObject } from "./format.ts";

const REVISION = "2025-11-25";

afterEach(stopAll);

/** What a server answers to a message. */
interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string;
}

const error = (code: number, id: JsonObject = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", ...id, error: { code, message: "no" } });

/** A server with sessions that knows initialize and ping; its other answers are what a text has a say in. */
async function serveSessions(answers: {
  readonly notified?: Answer;
  readonly unreadable?: Answer;
  readonly called?: JsonObject;
  readonly listed?: Answer;
}): Promise<string> {
  const write = (response: ServerResponse, { status, type = "application/json", body }: Answer) =>
    response.writeHead(status, { "Content-Type": type, "Mcp-Session-Id": "s" }).end(body);
  const origin = await serve(({ method, body }, response) => {
    if (method !== "POST") return response.writeHead(405).end();
    let message: { id?: Json; method?: Json; params?: Json };
    try {
      message = JSON.parse(body) as typeof message;
    } catch {
      return write(response, answers.unreadable ?? { status: 400, body: error(-32_700) });
    }
    const { id, method: name } = message;
    if (name === "notifications/initialized") return response.writeHead(202).end();
    if (id === undefined) return write(response, answers.notified ?? { status: 202 });
    if (answers.listed !== undefined && Array.isArray(message.params))
      return write(response, answers.listed);
    if (answers.called !== undefined && name === "tools/call")
      return write(response, {
        status: 200,
        body: JSON.stringify({ jsonrpc: "2.0", id, ...answers.called }),
      });
    if (name !== "initialize" && name !== "ping")
      return write(response, { status: 200, body: error(-32_601, { id }) });
    const serverInfo = { name: "fake", version: "1" };
    const hello = { protocolVersion: REVISION, capabilities: {}, serverInfo };
    const result = name === "ping" ? {} : hello;
    return write(response, { status: 200, body: JSON.stringify({ jsonrpc: "2.0", id, result }) });
  });
  return `${origin}/mcp`;
}

/** The verdict on each requirement that the exchange about what is no message judges. */
async function verdictsOn(url: string, ...more: readonly string[]): Promise<Map<string, string>> {
  const args = ["--only", "session-transports.errors", "--mode", "plain", "--revision", REVISION];
  const { out } = await audit([url, ...args, ...more]);
  const lines = out.matchAll(/^(pass|fail|setup|untested) +[A-Z ]+? {2,}(\S+) {2}/gmu);
  return new Map([...lines].map(([, verdict = "", id = ""]) => [id, verdict]));
}

const SILENT = "jsonrpc.notification.silent";

test.each<[string, string, Answer]>([
  ["nothing", "pass", { status: 202 }],
  ["null, which is no message", "pass", { status: 202, body: "null" }],
  ["a page", "pass", { status: 202, type: "text/html", body: "<p>thanks" }],
  ["another empty success", "pass", { status: 204 }],
  ["a refusal without a body", "pass", { status: 400 }],
  ["a failure without a body", "pass", { status: 500 }],
  ["a refusal whose error has no id", "pass", { status: 400, body: error(-32_601) }],
  ["an error for an id", "fail", { status: 400, body: error(-32_601, { id: 1 }) }],
  ["a result", "fail", { status: 202, body: '{"jsonrpc":"2.0","id":null,"result":{}}' }],
  ["another success", "fail", { status: 200, body: '{"jsonrpc":"2.0","id":1,"result":{}}' }],
])("an unknown notification that gets %s: %s", async (_, verdict, notified) => {
  expect((await verdictsOn(await serveSessions({ notified }))).get(SILENT)).toBe(verdict);
});

test("what is no JSON and gets a page has lost the parse error, and no code its meaning", async () => {
  const page = { status: 400, type: "text/html", body: "<p>bad request" };
  const verdicts = await verdictsOn(await serveSessions({ unreadable: page }));
  expect(verdicts.get("jsonrpc.parse")).toBe("fail");
  expect(verdicts.get("jsonrpc.error.codes")).toBe("pass");
});

test("what is no JSON and gets another code has lost both, where it is judged", async () => {
  const unreadable = { status: 400, body: error(-32_600) };
  const url = await serveSessions({ unreadable });
  const verdicts = await verdictsOn(url, "--choices", "world");
  expect(verdicts.get("jsonrpc.parse")).toBe("fail");
  expect(verdicts.get("jsonrpc.error.codes")).toBe("fail");
});

test.each<[string, string, JsonObject]>([
  ["a result that is an error", "pass", { result: { content: [], isError: true } }],
  ["an error", "pass", { error: { code: -32_000, message: "no" } }],
  ["a result as if there were one", "fail", { result: { content: [] } }],
])("a call of a tool that is not there gets %s: %s", async (_, verdict, called) => {
  expect((await verdictsOn(await serveSessions({ called }))).get("jsonrpc.response.sent")).toBe(
    verdict,
  );
});

test.each<[string, string, Answer]>([
  ["whatever its code", "pass", { status: 400, body: error(-32_700) }],
  ["unless it is taken", "fail", { status: 200, body: '{"jsonrpc":"2.0","id":1,"result":{}}' }],
])("parameters in a list are refused, %s: %s", async (_, verdict, listed) => {
  expect((await verdictsOn(await serveSessions({ listed }))).get("jsonrpc.params.structured")).toBe(
    verdict,
  );
});
