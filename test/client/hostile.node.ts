/**
 * Peers that want the conformance world to fail those beside them. Each function is one round of one kind of abuse; what
 * it holds open stays open in `held`. What the server says to them matters only in that it is an answer, never a failure.
 */

import type { Socket } from "node:net";
import {
  begin,
  eventsOf,
  inSession,
  listening,
  openRaw,
  openSession,
  rpc,
  send,
  stateless,
  toolCall,
  type Json,
  type Peer,
  type Reply,
  type Sent,
  type Session,
} from "./peer.node.ts";

/** As in src/wire/jsonrpc.ts and src/worker/config.ts, whose types need the platform's. */
const MAX_MESSAGE_BYTES = 1_900_000;
const MAX_BODY_BYTES = 4_194_304;
/** A session's own URIs may be 2,048 bytes; a listener's 12,288 together. */
const LONG_URI = `test://long/${"u".repeat(11_000)}`;
const WATCHED_URI = `test://watched/${"u".repeat(2_000)}`;
const FORMS = "2025-11-25";
const BATCHES = "2025-03-26";

/** What a soak counts of its hostile peers. */
export interface HostileTally {
  /** Requests that were answered with anything but a failure of the server. */
  answered: number;
  /** Of these, those that were refused: by status, or by a JSON-RPC error. */
  refused: number;
  /** Connections that the server ended while their peer held them. */
  cut: number;
  /** Requests that the peer itself dropped. */
  dropped: number;
  /** Sessions that were opened and left alone. */
  abandoned: number;
  /** What no peer should ever see: a status of 500 or more, or a connection that ends without an answer. */
  readonly failures: string[];
}

export interface Hostile extends Peer {
  readonly random: () => number;
  readonly tally: HostileTally;
  /** Open connections. */
  readonly held: Set<Socket>;
  /** Multiplies how much is sent. */
  readonly scale: number;
  /** How many sessions it opens in a round and leaves. */
  readonly sessions: number;
}

export async function sendMessagesAtTheLimits(peer: Hostile): Promise<void> {
  const session = await mustOpen(peer, FORMS);
  const near = (most: number): number => most - 200 + Math.floor(peer.random() * 400);
  const text = (bytes: number): string => {
    const letter = ["x", "é", "€", "😀"][Math.floor(peer.random() * 4)] ?? "x";
    return letter.repeat(Math.floor(bytes / Buffer.byteLength(letter)));
  };
  for (const ms of [0, 0, 1_100, 1_100]) {
    // The text is all of the answer but its frame.
    const args = { ms, text: text(near(MAX_MESSAGE_BYTES - 80)) };
    await Promise.all([
      ask(peer, inSession(session, JSON.stringify(toolCall(1, "spec_slow", args)))),
      ask(peer, stateless(peer, 1, "tools/call", { name: "spec_slow", arguments: args })),
    ]);
  }
  for (const bytes of [near(MAX_MESSAGE_BYTES / 2), MAX_BODY_BYTES - 2_000]) {
    const value = text(bytes);
    await ask(
      peer,
      inSession(session, JSON.stringify(toolCall("é".repeat(512), "spec_json", { value }))),
    );
    await ask(peer, stateless(peer, 1, "tools/call", { name: "spec_json", arguments: { value } }));
  }
  // Refused before it has come: the connection may end before the answer is seen.
  await drop(
    peer,
    stateless(peer, 1, "tools/call", {
      name: "spec_json",
      arguments: { value: text(MAX_BODY_BYTES + 8) },
    }),
  );
}

/** More than a session keeps, on streams that are never read, and more of those than it has. */
export async function openStreamsAndNeverRead(peer: Hostile): Promise<void> {
  const session = await mustOpen(peer, FORMS);
  const args = { count: 30 * peer.scale, pad: 100_000 };
  const flood = toolCall(1, "spec_progress", args, { progressToken: "never" });
  await ask(
    peer,
    inSession(session, JSON.stringify(rpc(1, "resources/subscribe", { uri: WATCHED_URI }))),
  );
  for (let count = 0; count < 10; count += 1) hold(peer, listening(session));
  for (let count = 0; count < 2; count += 1) {
    hold(peer, inSession(session, JSON.stringify(flood)));
    const params = { name: "spec_progress", arguments: args, _meta: { progressToken: "never" } };
    hold(peer, stateless(peer, 1, "tools/call", params));
    const notifications = { resourceSubscriptions: [LONG_URI], toolsListChanged: true };
    hold(peer, stateless(peer, 1, "subscriptions/listen", { notifications }));
  }
  for (let count = 0; count < 25 * peer.scale; count += 1) {
    const uri = count % 2 === 0 ? LONG_URI : WATCHED_URI;
    await ask(
      peer,
      stateless(peer, 1, "tools/call", { name: "spec_hub", arguments: { do: "updated", uri } }),
    );
  }
}

/** Slower than anything that a proxy would do, but never quite still. */
export async function readAByteAtATime(peer: Hostile): Promise<void> {
  const session = await openSession(peer, FORMS);
  if (session === undefined) {
    // All of its hundred sessions hold streams, some of which the server has not yet seen end.
    peer.tally.refused += 1;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return;
  }
  const args = { count: 20 * peer.scale, pad: 50_000 };
  const calls = [1, 2, 3].map((id) => toolCall(id, "spec_progress", args, { progressToken: id }));
  for (const call of calls) hold(peer, inSession(session, JSON.stringify(call)), 5);
  hold(peer, listening(session), 5);
  hold(
    peer,
    stateless(peer, 1, "subscriptions/listen", {
      notifications: { resourceSubscriptions: [LONG_URI] },
    }),
    5,
  );
  // What the session keeps is asked for again and again, from its start.
  for (let count = 0; count < 5; count += 1) hold(peer, listening(session, `${Date.now()}-0`), 5);
}

/** Calls that wait for an answer, each as large as it may be, and more of them than may wait. */
export async function padWhatWaits(peer: Hostile): Promise<void> {
  const session = await mustOpen(peer, FORMS);
  const post = (message: unknown): Sent => inSession(session, JSON.stringify(message));
  const meta = { junk: "j".repeat(2_000_000), progressToken: "t".repeat(1_024) };
  const message = "w".repeat(300_000);
  const large = Array.from({ length: 9 }, (_, id) =>
    toolCall(id, "test_elicitation", { message }, meta),
  );
  const questions = await Promise.all(large.map((call) => questionOf(peer, post(call))));
  await ask(
    peer,
    post(
      toolCall(1, "test_elicitation", { message: "short" }, { progressToken: "t".repeat(1_025) }),
    ),
  );
  for (const question of questions.slice(0, 4)) {
    const content = { username: "é".repeat(900_000), email: "" };
    await ask(
      peer,
      post({
        jsonrpc: "2.0",
        id: question?.["id"] ?? "0.none",
        result: { action: "accept", content },
      }),
    );
  }
  const threefold = await questionOf(
    peer,
    post(toolCall(2, "test_input_required_result_multiple_inputs")),
  );
  const padded = { action: "accept", content: { name: "n".repeat(1_800_000) } };
  await ask(peer, post({ jsonrpc: "2.0", id: threefold?.["id"] ?? "0.none", result: padded }));
  const small = Array.from({ length: 70 }, (_, id) =>
    toolCall(id, "test_elicitation", { message: "small" }),
  );
  await inGroups(small, 10, (call) => questionOf(peer, post(call)));
  await padTheState(peer);
}

/** Without sessions the peer itself keeps what waits: a state that grows with its answers. */
async function padTheState(peer: Hostile): Promise<void> {
  const name = "test_input_required_result_multi_round";
  const retry = (more: Json): Sent =>
    stateless(peer, 1, "tools/call", { name, arguments: {}, ...more });
  for (const bytes of [1_300_000, 1_500_000, 3_900_000]) {
    const { body } = await ask(peer, retry({ _meta: { junk: "j".repeat(1_000_000) } }));
    const { result } = JSON.parse(body) as { result?: Json };
    const step1 = { action: "accept", content: { name: "s".repeat(bytes) } };
    await ask(peer, retry({ requestState: result?.["requestState"], inputResponses: { step1 } }));
  }
}

/** Requests that are dropped as soon as they are sent, and the cancelling of everything, known or not. */
export async function cancelAtOnce(peer: Hostile): Promise<void> {
  const session = await mustOpen(peer, FORMS);
  const slow = { name: "spec_slow", arguments: { ms: 3_000 } };
  const drops = Array.from({ length: 50 * peer.scale }, (_, id) =>
    peer.random() < 0.5
      ? inSession(session, JSON.stringify(rpc(id, "tools/call", slow)))
      : stateless(peer, id, "tools/call", slow),
  );
  await inGroups(drops, 25, (sent) => drop(peer, sent));
  const cancelled = Array.from({ length: 150 * peer.scale }, (_, id) => ({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: peer.random() < 0.3 ? `unknown-${id}` : id, reason: "r".repeat(100) },
  }));
  const again = Array.from({ length: 40 }, (_, id) =>
    toolCall(id, "test_elicitation", { message: "cancelled soon" }),
  );
  await Promise.all([
    inGroups(cancelled, 10, (message) => ask(peer, inSession(session, JSON.stringify(message)))),
    inGroups(again, 10, (call) => questionOf(peer, inSession(session, JSON.stringify(call)))),
  ]);
}

/** Sessions that nobody ends. The share of one address is a hundred. */
export async function openSessionsAndLeave(peer: Hostile): Promise<void> {
  const count = Array.from({ length: peer.sessions }, (_, index) => index);
  await inGroups(count, 15, async (index) => {
    const session = await openSession(peer, index % 2 === 0 ? FORMS : BATCHES);
    if (session === undefined) peer.tally.refused += 1;
    else peer.tally.abandoned += 1;
  });
}

const MALFORMED = [
  "",
  "{",
  "null",
  "[]",
  "[[]]",
  '{"jsonrpc":"2.0"}',
  '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":null,"method":"ping"}',
  '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
  '{"jsonrpc":"2.0","id":{},"method":"tools/call","params":[]}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{}}}',
  '{"jsonrpc":"2.0","id":1,"method":"__proto__"}',
  '{"jsonrpc":"2.0","id":"\ud800","method":"ping"}',
  "[".repeat(50_000),
  `[${"0,".repeat(99_999)}0]`,
];

export async function floodWithTrifles(peer: Hostile): Promise<void> {
  const sessions = [await mustOpen(peer, FORMS), await mustOpen(peer, BATCHES)];
  const trifles = Array.from({ length: 150 * peer.scale }, (_, index) => ({
    jsonrpc: "2.0",
    method: ["notifications/initialized", "notifications/progress", "notifications/none"][
      index % 3
    ],
  }));
  await inGroups(trifles, 15, (message) =>
    ask(peer, inSession(sessions[0] ?? peer, JSON.stringify(message))),
  );
  for (const body of MALFORMED) {
    for (const to of [peer, ...sessions]) await ask(peer, inSession(to, body));
    const sent = stateless(peer, 1, "tools/call", { name: "spec_json" });
    await ask(peer, { ...sent, body });
    await ask(peer, { ...sent, headers: { ...sent.headers, "content-type": "text/plain" } });
  }
}

/** Fifty messages in one body, of every kind, and fifty-one. */
export async function sendBatchesOfFifty(peer: Hostile): Promise<void> {
  const session = await mustOpen(peer, BATCHES);
  const batch = (length: number, make: (id: number) => Json): Sent =>
    inSession(session, JSON.stringify(Array.from({ length }, (_, id) => make(id))));
  const kinds: ((id: number) => Json)[] = [
    (id) => toolCall(id, "spec_json", { value: "v".repeat(60_000) }),
    (id) => toolCall(id, "spec_slow", { ms: 1_100 }),
    (id) => toolCall(id, "spec_progress", { count: 3, pad: 10_000 }, { progressToken: id }),
    (id) => toolCall(1, "spec_slow", { ms: 20 * id, text: "equal ids" }),
    (id) => ({ jsonrpc: "2.0", id: `${id}.x`, result: {} }),
    (id) => ({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }),
  ];
  await ask(
    peer,
    batch(51, (id) => rpc(id, "ping")),
  );
  for (const kind of kinds) await ask(peer, batch(50, kind));
  // Half of them at once, each with a stream that waits for its client.
  await questionOf(
    peer,
    batch(50, (id) => toolCall(id, "test_sampling", { prompt: "p".repeat(20_000) })),
  );
}

/** Ends the connections that the peer holds. */
export function letGo({ held }: Hostile): void {
  for (const socket of held) {
    held.delete(socket);
    socket.destroy();
  }
}

// ---- Helpers --------------------------------------------------------------------------------------------------------

async function mustOpen(peer: Hostile, revision: string): Promise<Session> {
  const session = await openSession(peer, revision);
  if (session === undefined) throw new Error(`No session for ${peer.address}`);
  return session;
}

/** Sends, reads the answer to its end and counts it. */
async function ask(peer: Hostile, sent: Sent): Promise<Reply> {
  const what = sent.body.slice(0, 120);
  const reply = await send(peer, sent).catch((error: unknown) => {
    peer.tally.failures.push(`${String(error)} for ${what}`);
    return { status: 0, headers: {}, body: "{}" };
  });
  if (reply.status >= 500) peer.tally.failures.push(`${reply.status} for ${what}`);
  peer.tally.answered += 1;
  if (reply.status >= 400 || reply.body.includes('"error":{')) peer.tally.refused += 1;
  return reply;
}

/** The first question of a call's stream, whose connection is then dropped. Undefined when it was answered instead. */
async function questionOf(peer: Hostile, sent: Sent): Promise<Json | undefined> {
  const reply = await begin(peer, sent);
  if ((reply.statusCode ?? 0) >= 500)
    peer.tally.failures.push(`${reply.statusCode} for ${sent.body.slice(0, 120)}`);
  peer.tally.answered += 1;
  if (reply.headers["content-type"] === "text/event-stream") {
    for await (const { message } of eventsOf(reply))
      if (message !== undefined && "method" in message) return message;
  }
  reply.resume();
  peer.tally.refused += 1;
  return undefined;
}

/** Sends, and drops the connection at once or a little later, answered or not. */
async function drop(peer: Hostile, sent: Sent): Promise<void> {
  const later = peer.random() * 60;
  const begun = (end: () => void): void => {
    setTimeout(end, later);
  };
  const reply = await begin(peer, sent, begun).catch(() => undefined);
  reply?.on("error", () => undefined).resume();
  peer.tally.dropped += 1;
}

function hold(peer: Hostile, sent: Sent, everyMs?: number): void {
  const socket = openRaw(peer, sent, everyMs);
  peer.held.add(socket);
  socket.once("close", () => {
    if (peer.held.delete(socket)) peer.tally.cut += 1;
  });
}

/** Does `act` with all of `items`, `size` at a time. */
async function inGroups<T>(
  items: readonly T[],
  size: number,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < items.length; at += size)
    await Promise.all(items.slice(at, at + size).map(act));
}
