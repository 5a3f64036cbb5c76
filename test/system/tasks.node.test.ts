/**
 * Tasks in a running Worker that is killed, deployed anew and given other keys, on the same storage. What a step does is told
 * to a server of the test, which counts it.
 */

import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { registerSecrets } from "../client/secrets.node.ts";
import { serveChanged, type Changes, type TestServer } from "../client/servers.node.ts";
import { post } from "./client.node.ts";

const VERSION = "2026-07-28";
const EXTENSION = "io.modelcontextprotocol/tasks";
const SECRET = "secret-of-the-machine";
const RESULT = "${label}: ${count} steps";

interface Task {
  readonly taskId: string;
  readonly status: string;
  readonly inputRequests?: object;
  readonly result?: { readonly content: readonly { readonly text: string }[] };
}

/** What the steps told, in order; a step in `held` is told, and gets no answer. */
const told: number[] = [];
const held = new Set<number>();
let ledger: Server;
let ledgerUrl = "";
let objects = "";
let server: TestServer | undefined;

beforeAll(async () => {
  ledger = createServer((request, response) => {
    const step = Number(new URL(request.url ?? "", "http://x").searchParams.get("step"));
    told.push(step);
    if (!held.has(step)) response.end("done");
  });
  await new Promise<void>((resolve) => ledger.listen(0, "127.0.0.1", resolve));
  ledgerUrl = `http://127.0.0.1:${(ledger.address() as AddressInfo).port}/`;
});

beforeEach(() => {
  objects = mkdtempSync(join(tmpdir(), "barewire-tasks-"));
  told.length = 0;
  held.clear();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(objects, { recursive: true, force: true });
});

afterAll(() => {
  ledger.closeAllConnections();
  ledger.close();
});

/** Ends the server as it is, and starts it again on the same port and storage. */
async function deploy(
  variables: Readonly<Record<string, string>> = {},
  changes: Changes = {},
): Promise<void> {
  const port = server?.url.port ?? "0";
  await server?.stop();
  server = await serveChanged(
    "test/world/worker.ts",
    { AUTH: "none", ...variables },
    { ...changes, objects, port },
  );
}

/** Ends every process of the server at once, as a machine that loses its power does. */
async function kill(): Promise<void> {
  process.kill(-(server?.pid ?? 0), "SIGKILL");
  await deploy();
}

async function ask(
  method: string,
  params: object,
  name: string,
  token?: string,
): Promise<{ result?: Task; error?: object }> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {
      extensions: { [EXTENSION]: {} },
      elicitation: {},
    },
  };
  const fields = {
    "mcp-protocol-version": VERSION,
    "mcp-method": method,
    "mcp-name": name,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  if (server === undefined) throw new Error("No server");
  const response = await post(server.url, { id: 1, method, params: { ...params, _meta } }, fields);
  return (await response.json()) as { result?: Task; error?: object };
}

async function start(args: object, token?: string): Promise<string> {
  const name = "spec_steps";
  const given = { name, arguments: { label: "job", url: ledgerUrl, ...args } };
  const { result, error } = await ask("tools/call", given, name, token);
  if (result === undefined) throw new Error(JSON.stringify(error));
  return result.taskId;
}

/** Asks after the task until its status is this. */
async function reached(taskId: string, status: string, token?: string): Promise<Task> {
  for (;;) {
    const { result, error } = await ask("tasks/get", { taskId }, taskId, token);
    if (result === undefined) throw new Error(JSON.stringify(error));
    if (result.status === status) return result;
    await pause();
  }
}

function answer(taskId: string, key: string, token?: string): Promise<object> {
  const inputResponses = { [key]: { action: "accept", content: { text: "go" } } };
  return ask("tasks/update", { taskId, inputResponses }, taskId, token);
}

async function toldStep(step: number): Promise<void> {
  while (!told.includes(step)) await pause();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

const textOf = ({ result }: Task): string | undefined => result?.content[0]?.text;

describe("a Worker that is killed (SIGKILL) in the middle of a job", () => {
  it.each([1, 2, 3])(
    "at step %i goes on by itself when it is back: nothing that was done is done again",
    async (step) => {
      await deploy();
      held.add(step);
      const taskId = await start({ count: 3 });
      await toldStep(step);
      held.clear();
      await kill();
      // Nobody asks after it: its alarm is enough.
      while (told.filter((one) => one === 3).length < (step === 3 ? 2 : 1)) await pause();
      expect(textOf(await reached(taskId, "completed"))).toBe("job: 3 steps");
      const steps = [1, 2, 3];
      // The step at work alone is told twice.
      expect(told).toEqual([...steps.slice(0, step), ...steps.slice(step - 1)]);
    },
    90_000,
  );

  it("while it waits for an answer still waits, with the same question", async () => {
    await deploy();
    const taskId = await start({ count: 2, ask: 2 });
    const before = await reached(taskId, "input_required");
    await kill();
    const { pollIntervalMs: _, ...after } = (await reached(taskId, "input_required")) as Task & {
      pollIntervalMs: number;
    };
    expect(before).toMatchObject(after);
    await answer(taskId, "before 2");
    expect(textOf(await reached(taskId, "completed"))).toBe("job: 2 steps");
    expect(told).toEqual([1, 2]);
  }, 90_000);
});

/** What tells the versions apart, by their names. */
const VERSIONS: Readonly<Record<string, Pick<Changes, "alter">>> = {
  one: {},
  two: { alter: (bundle) => bundle.replace(RESULT, `${RESULT}, in version two`) },
};

describe.each([
  ["one", "two"],
  ["two", "one"],
])("version %s, then version %s, and back", (from, to) => {
  const deployVersion = (version: string): Promise<void> => deploy({}, VERSIONS[version]);

  it("work on one task in turn, each step once", async () => {
    await deployVersion(from);
    const taskId = await start({ count: 3, ask: 2 });
    await reached(taskId, "input_required");
    await deployVersion(to);
    held.add(3);
    await answer(taskId, "before 2");
    await toldStep(3);
    held.clear();
    await deployVersion(from);
    expect(textOf(await reached(taskId, "completed"))).toBe(
      from === "two" ? "job: 3 steps, in version two" : "job: 3 steps",
    );
    // The third was at work when its version ended.
    expect(told).toEqual([1, 2, 3, 3]);
  }, 90_000);
});

describe("a key rotation while a task waits", () => {
  const keyOf = (id: string, first: number): string =>
    `${id}:${Buffer.from(Array.from({ length: 32 }, (_, index) => (first + index * 7) % 256)).toString("base64")}`;

  it("changes nothing, also where the old key is gone and its caller signs in anew", async () => {
    const logIn = async (): Promise<string> => {
      if (server === undefined) throw new Error("No server");
      const form = {
        grant_type: "client_credentials",
        client_id: "machine",
        client_secret: SECRET,
      };
      const response = await fetch(new URL("/token", server.url), {
        method: "POST",
        body: new URLSearchParams({ ...form, resource: server.url.href }),
      });
      const { access_token } = (await response.json()) as { access_token: string };
      registerSecrets(access_token);
      return access_token;
    };
    await deploy({ AUTH: "", KEYS: keyOf("a", 1) });
    const firstToken = await logIn();
    const taskId = await start({ count: 2, ask: 2 }, firstToken);
    // A step that is at work when its server stops is done again.
    await reached(taskId, "input_required", firstToken);
    await deploy({ AUTH: "", KEYS: `${keyOf("b", 5)},${keyOf("a", 1)}` });
    await reached(taskId, "input_required", await logIn());
    await deploy({ AUTH: "", KEYS: keyOf("b", 5) });
    const token = await logIn();
    await answer(taskId, "before 2", token);
    expect(textOf(await reached(taskId, "completed", token))).toBe("job: 2 steps");
    expect(told).toEqual([1, 2]);
  }, 90_000);
});
