/**
 * Honest callers of the conformance world, in every revision. Each call is made, lost and resumed as chance has it, and
 * must be answered exactly once, with its own answer and every progress in order. A `mark` is m1.2.3e, of no other call.
 */

import type { IncomingMessage } from "node:http";
import {
  begin,
  eventsOf,
  inSession,
  listening,
  openSession,
  send,
  stateless,
  toolCall,
  type Json,
  type Peer,
  type Session,
  type StreamEvent,
} from "./peer.node.ts";

/** What a soak counts of its honest callers. */
export interface HonestTally {
  answered: number;
  resumed: number;
  /** Streams that were read again from their start when they had ended. */
  reread: number;
}

/** One kind of call: makes it, and throws unless it is answered once and with `mark`. */
export type HonestCall = (mark: string) => Promise<void>;

const STEPS = [1, 2, 3, 4, 5];
/** Milliseconds after which an answer comes as a stream, whatever it is. */
const LONG_MS = 1_200;
/** Every call of a session has the same id: answers must find their way without it. */
const ID = 1;

/** The calls that a caller without a session makes. */
export function statelessCalls(peer: Peer): HonestCall[] {
  const call = (name: string, args: Json, more: Json = {}): Promise<IncomingMessage> =>
    begin(peer, stateless(peer, ID, "tools/call", { name, arguments: args, ...more }));
  return [
    async (mark) => expectAnswer(await messagesOf(await call("spec_json", { value: mark })), mark),
    async (mark) =>
      expectAnswer(await messagesOf(await call("spec_slow", { ms: LONG_MS, text: mark })), mark),
    async (mark) => {
      const meta = { _meta: { progressToken: mark } };
      const messages = await messagesOf(await call("spec_progress", { values: STEPS }, meta));
      expectSteps(messages, mark);
      expectAnswer(messages, "reported");
    },
    async (mark) => {
      const args = { message: mark };
      const [asked] = await messagesOf(await call("test_elicitation", args));
      const { requestState, inputRequests } = resultOf(asked);
      expectText(inputRequests, mark);
      const user = { action: "accept", content: { username: mark, email: "a@example.com" } };
      const retried = await call("test_elicitation", args, {
        requestState,
        inputResponses: { user },
      });
      expectAnswer(await messagesOf(retried), mark);
    },
  ];
}

/** The calls that the owner of a session makes. */
export function sessionCalls(
  session: Session,
  random: () => number,
  tally: HonestTally,
): HonestCall[] {
  const chance = (likely: number): boolean => random() < likely;
  const call = (body: unknown): Promise<IncomingMessage> =>
    begin(session, inSession(session, JSON.stringify(body)));
  const read = (reply: IncomingMessage): Promise<Json[]> =>
    readThrough(session, reply, chance, tally);
  const calls: HonestCall[] = [
    async (mark) =>
      expectAnswer(await messagesOf(await call(toolCall(ID, "spec_json", { value: mark }))), mark),
    async (mark) =>
      expectAnswer(
        await read(await call(toolCall(ID, "spec_slow", { ms: LONG_MS, text: mark }))),
        mark,
      ),
    async (mark) => {
      const messages = await read(
        await call(toolCall(ID, "spec_progress", { values: STEPS }, { progressToken: mark })),
      );
      expectSteps(messages, mark);
      expectAnswer(messages, "reported");
    },
    async (mark) => {
      // The first revision has no forms.
      const isFirst = session.revision === "2025-03-26";
      const asking = isFirst
        ? toolCall(ID, "test_sampling", { prompt: mark })
        : toolCall(ID, "test_elicitation", { message: mark });
      expectAnswer(await read(await call(asking)), mark);
    },
  ];
  if (session.revision !== "2025-03-26") return calls;
  const batched: HonestCall = async (mark) => {
    const ids = ["a", "b", "c"];
    const messages = await messagesOf(
      await call(ids.map((id) => toolCall(id, "spec_json", { value: `${mark}-${id}` }))),
    );
    for (const id of ids) expectAnswer(messages, `${mark}-${id}`, id);
  };
  return [...calls, batched];
}

/** A listener, and how many changes of the list of tools it has heard of. */
export interface Listening {
  readonly name: string;
  heard(): number;
  /** Why it hears no more; undefined while it does. */
  fault(): string | undefined;
  close(): void;
}

/**
 * Listens with a session's GET, or in the revision that has no sessions by a subscription. Resolves when it listens. With
 * `isLost` a session's connection breaks off after the first change, and is resumed.
 */
export async function listenFor(peer: Peer | Session, isLost: boolean): Promise<Listening> {
  const subscription = { notifications: { toolsListChanged: true } };
  const session = "id" in peer ? peer : undefined;
  const first = session
    ? listening(session)
    : stateless(peer, "listen", "subscriptions/listen", subscription);
  let reply = await begin(peer, first);
  expectStatus(reply, 200);
  let heard = 0;
  let fault: string | undefined;
  /** Hears to the end of the connection, or to the first change: then it gives the last event's id. */
  const hear = async (breaksOff: boolean): Promise<string | undefined> => {
    let last: string | undefined;
    for await (const { id, message } of eventsOf(reply)) {
      last = id ?? last;
      if (message?.["method"] !== "notifications/tools/list_changed") continue;
      heard += 1;
      if (breaksOff) return last;
    }
    throw new Error("The server ended the stream");
  };
  const follow = async (): Promise<void> => {
    const last = await hear(isLost);
    if (session === undefined) return;
    reply = await begin(session, listening(session, last));
    expectStatus(reply, 200);
    await hear(false);
  };
  follow().catch((error: unknown) => (fault = String(error)));
  return {
    name: session
      ? `session of ${session.revision} at ${peer.address}`
      : `subscription at ${peer.address}`,
    heard: () => heard,
    fault: () => fault,
    close: () => {
      reply.destroy();
    },
  };
}

/** Every message of a call's stream, to its answer, over as many connections as chance breaks off. Answers questions. */
async function readThrough(
  session: Session,
  first: IncomingMessage,
  chance: (likely: number) => boolean,
  tally: HonestTally,
): Promise<Json[]> {
  if (!isStream(first)) return messagesOf(first);
  const messages: Json[] = [];
  let reply = first;
  let last: string | undefined;
  for (;;) {
    let isLost = false;
    let open: Json | undefined;
    for await (const { id, message } of eventsOf(reply)) {
      last = id ?? last;
      if (message !== undefined) messages.push(message);
      const isQuestion = message !== undefined && "id" in message && "method" in message;
      isLost = !isAnswer(message) && chance(0.3);
      if (isQuestion && isLost) open = message;
      else if (isQuestion) await answerQuestion(session, message);
      if (isLost) break;
    }
    if (!isLost) break;
    if (open !== undefined) await answerQuestion(session, open);
    tally.resumed += 1;
    reply = await begin(session, listening(session, last));
    expectStatus(reply, 200);
  }
  if (last !== undefined && chance(0.3)) {
    tally.reread += 1;
    const start = last.replace(/-.*/, "-0");
    const again = await messagesOf(await begin(session, listening(session, start)));
    if (again.length !== messages.length || again.filter(isAnswer).length !== 1)
      throw new Error(
        `Read again, the stream is not the same: ${JSON.stringify([messages, again])}`,
      );
  }
  return messages;
}

async function answerQuestion(session: Session, { id, method, params }: Json): Promise<void> {
  const text = JSON.stringify(params);
  const mark = /m\d+\.\d+\.\d+e/.exec(text)?.[0] ?? "";
  const accepted = { action: "accept", content: { username: mark, email: "a@example.com" } };
  const sampled = { role: "assistant", content: { type: "text", text: mark }, model: "m" };
  const result = method === "elicitation/create" ? accepted : sampled;
  const { status } = await send(
    session,
    inSession(session, JSON.stringify({ jsonrpc: "2.0", id, result })),
  );
  if (status !== 202) throw new Error(`An answer to ${String(method)} was taken with ${status}`);
}

/** All messages of one answer: of a stream, a batch, or the only one. */
async function messagesOf(reply: IncomingMessage): Promise<Json[]> {
  expectStatus(reply, 200);
  const messages: Json[] = [];
  if (isStream(reply)) {
    for await (const { message } of eventsOf(reply))
      if (message !== undefined) messages.push(message);
    return messages;
  }
  const parts: Buffer[] = [];
  for await (const part of reply) parts.push(part as Buffer);
  const body = JSON.parse(Buffer.concat(parts).toString()) as Json | Json[];
  return [body].flat();
}

function isStream({ headers }: IncomingMessage): boolean {
  return headers["content-type"] === "text/event-stream";
}

function isAnswer(message: StreamEvent["message"]): boolean {
  return message !== undefined && ("result" in message || "error" in message);
}

function resultOf(message: Json | undefined): Json {
  const { result } = message ?? {};
  if (typeof result !== "object" || result === null)
    throw new Error(`No result: ${JSON.stringify(message)}`);
  return result as Json;
}

function expectStatus({ statusCode }: IncomingMessage, wanted: number): void {
  if (statusCode !== wanted) throw new Error(`Status ${statusCode} and not ${wanted}`);
}

/** Exactly one of `messages` answers `id`; it is a result, and says `text`. */
function expectAnswer(messages: readonly Json[], text: string, id: string | number = ID): void {
  const answers = messages.filter((message) => isAnswer(message) && message["id"] === id);
  if (answers.length !== 1)
    throw new Error(`${answers.length} answers to ${text}: ${JSON.stringify(messages)}`);
  expectText(resultOf(answers[0])["content"], text);
}

function expectText(value: unknown, text: string): void {
  if (!JSON.stringify(value).includes(text))
    throw new Error(`Not about ${text}: ${JSON.stringify(value)}`);
}

/** Every progress came, once and in order. */
function expectSteps(messages: readonly Json[], token: string): void {
  const told = messages
    .filter(({ method }) => method === "notifications/progress")
    .map(({ params }) => params as Json);
  const steps = told.map(({ progress, progressToken }) =>
    progressToken === token ? progress : "another's",
  );
  if (steps.join() !== STEPS.join())
    throw new Error(`Progress of ${token} was ${steps.join() || "none"}`);
}

/** Opens a session that must have room. */
export async function openHonest(peer: Peer, revision: string): Promise<Session> {
  const session = await openSession(peer, revision);
  if (session === undefined) throw new Error(`No session for ${peer.address}`);
  return session;
}
