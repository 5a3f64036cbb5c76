/** A client of the Tasks extension for tests, and what they do to the objects behind it. */

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { JsonObject } from "../../../src/base/json.ts";
import { ok, type Result } from "../../../src/base/result.ts";
import type { TaskObject } from "../../../src/extensions/tasks/task-object.ts";
import type { Context } from "../../../src/server/context.ts";
import { ENDPOINT, fetchGuarded } from "../../oauth/login-flow.ts";
import { stepProbe } from "../../world/task-tools.ts";
import { bindings, jsonRpcRequest, send } from "../../transport/session/client.ts";

export const EXTENSION = "io.modelcontextprotocol/tasks";
export const DECLARED: object = { extensions: { [EXTENSION]: {} }, elicitation: {}, sampling: {} };
export const HOUR_MS = 3_600_000;
export const DAY_MS: number = 24 * HOUR_MS;

/** A task as a client is told of it. */
export interface Task {
  readonly taskId: string;
  readonly status: string;
  readonly statusMessage?: string;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  readonly ttlMs: number;
  readonly pollIntervalMs?: number;
  readonly inputRequests?: Readonly<Record<string, { method: string; params: object }>>;
  readonly result?: {
    readonly content: readonly { readonly text: string }[];
    readonly isError?: boolean;
  };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export interface Reply {
  readonly result?: Task & { readonly resultType: string };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

interface Options {
  readonly capabilities?: object;
  /** Of a stranger. */
  readonly address?: string;
  readonly token?: string;
}

/** The answer to one request of 2026-07-28, of a client that declares the extension unless told otherwise. */
export async function respondTo(
  method: string,
  params: object,
  name: string,
  { capabilities = DECLARED, address, token }: Options = {},
): Promise<Response> {
  const version = "2026-07-28";
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": version,
    "mcp-method": method,
    ...(name !== "" && { "mcp-name": name }),
    ...(address !== undefined && { "cf-connecting-ip": address }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const body = jsonRpcRequest(1, method, { ...params, _meta });
  if (token === undefined) return send(undefined, body, { headers });
  return fetchGuarded(ENDPOINT, { method: "POST", headers, body: JSON.stringify(body) });
}

export async function ask(
  method: string,
  params: object,
  name: string,
  options?: Options,
): Promise<Reply> {
  const text = await (await respondTo(method, params, name, options)).text();
  const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  return JSON.parse(data) as Reply;
}

/** The call of a tool, whatever it comes to. */
export function callTool(name: string, args: object = {}, options?: Options): Promise<Reply> {
  return ask("tools/call", { name, arguments: args }, name, options);
}

/** Calls a tool that becomes a task. @throws with what came instead */
export async function startTask(name: string, args: object = {}, options?: Options): Promise<Task> {
  const { result, error } = await callTool(name, args, options);
  if (result?.resultType !== "task") throw new Error(`No task: ${JSON.stringify(result ?? error)}`);
  return result;
}

export async function getTask(taskId: string, options?: Options): Promise<Task> {
  const { result, error } = await ask("tasks/get", { taskId }, taskId, options);
  if (result === undefined) throw new Error(`No task: ${JSON.stringify(error)}`);
  return result;
}

export function updateTask(
  taskId: string,
  inputResponses: object,
  options?: Options,
): Promise<Reply> {
  return ask("tasks/update", { taskId, inputResponses }, taskId, options);
}

export function cancelTask(taskId: string, options?: Options): Promise<Reply> {
  return ask("tasks/cancel", { taskId }, taskId, options);
}

export function taskStub(taskId: string): DurableObjectStub<TaskObject<unknown>> {
  return bindings.TASK.get(bindings.TASK.idFromString(taskId));
}

/** Asks until `isDone`; a poll a turn, without waiting for time. */
export async function poll(
  taskId: string,
  isDone: (task: Task) => boolean,
  options?: Options,
): Promise<Task> {
  for (;;) {
    const task = await getTask(taskId, options);
    if (isDone(task)) return task;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function ended(taskId: string, options?: Options): Promise<Task> {
  return poll(taskId, ({ status }) => status !== "working" && status !== "input_required", options);
}

export function waiting(taskId: string, options?: Options): Promise<Task> {
  return poll(taskId, ({ status }) => status === "input_required", options);
}

export const accepted = (text: string): JsonObject => ({ action: "accept", content: { text } });

/** The text of a completed task. */
export function textOf({ result }: Task): string | undefined {
  return result?.content[0]?.text;
}

/** Which object counts a task, and as whose. */
export function placeOf(taskId: string): Promise<string[]> {
  return runInDurableObject(taskStub(taskId), (_object, { storage }) => {
    const bytes = storage.kv.get<Uint8Array>("task");
    const { pool, share } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>;
    return [pool ?? "", share ?? ""];
  });
}

/** The keys of a task's rows. */
export function keysOf(taskId: string): Promise<string[]> {
  return runInDurableObject(taskStub(taskId), (_object, { storage }) =>
    [...storage.kv.list()].map(([key]) => key),
  );
}

/** When the alarm of a task goes off. */
export function alarmOf(taskId: string): Promise<number | null> {
  return runInDurableObject(taskStub(taskId), (_object, { storage }) => storage.getAlarm());
}

export function runAlarm(taskId: string): Promise<boolean> {
  return runDurableObjectAlarm(taskStub(taskId));
}

/** Waits until `isTrue`, in turns: no promise may be awaited that another request settles. */
export async function turns(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Holds the step "label.number" of `spec_steps` from when it has begun until `letGo`. Others pass. */
export function holdStep(step: string): { begun: () => Promise<void>; letGo: () => void } {
  let isFree = false;
  const { hold } = stepProbe;
  stepProbe.hold = async (one) => {
    await hold(one);
    if (one === step) await turns(() => isFree);
  };
  return {
    begun: () => turns(() => stepProbe.begun.includes(step)),
    letGo: () => {
      isFree = true;
    },
  };
}

/** No step is held, and none has begun. */
export function resetProbe(): void {
  stepProbe.begun = [];
  stepProbe.aborted = [];
  stepProbe.hold = () => undefined;
}

/** From now on the task runs `handler`, of a tool with so much time that takes any arguments. */
export function replaceHandler(
  taskId: string,
  handler: (context: Context, args: JsonObject) => string | Promise<string>,
  timeoutSeconds: number = 300,
): Promise<void> {
  return runInDurableObject(taskStub(taskId), (object) => {
    const { server, ...runtime } = object.serverRuntime(env);
    const run = (args: JsonObject, context: Context): string | Promise<string> =>
      handler(context, args);
    const checkInput = (value: JsonObject): Result<JsonObject, string> => ok(value);
    const own = { ...server.tools.get("spec_steps"), checkInput, run, timeoutSeconds } as never;
    const tools = new Map([...server.tools, ["spec_steps", own]]);
    object.serverRuntime = () => ({ ...runtime, server: { ...server, tools } });
  });
}
