/**
 * A soak among hostile peers, over real sockets, of the conformance world in workerd with objects on disk.
 * Whatever they do, every honest call is answered once, every honest listener hears each change once, and what they
 * leave behind stays within its bounds. Counted in rounds, and as long as SOAK_SECONDS says; SOAK_SEED repeats a run.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { randomFrom } from "../random.ts";
import * as hostile from "./hostile.node.ts";
import {
  listenFor,
  openHonest,
  sessionCalls,
  statelessCalls,
  type HonestCall,
  type HonestTally,
  type Listening,
} from "./honest.node.ts";
import { send, stateless, STATELESS } from "./peer.node.ts";
import { serveWorld, type TestServer } from "./servers.node.ts";
import { rowsIn, storedBy, takenBy } from "./stored.node.ts";

const SECONDS = Number(process.env["SOAK_SECONDS"] ?? "0");
const SEED = Number(process.env["SOAK_SEED"] ?? String(Date.now() % 1_000_000));
const HONEST_ROUNDS = 4;
const HOSTILE_ROUNDS = 2;
/** How much more a hostile round of a long run sends. */
const SCALE = SECONDS > 0 ? 2 : 1;
/** Sessions that one of them leaves behind in a round. */
const ABANDONED = SECONDS > 0 ? 500 : 75;

/** As in src/transport/session/types.ts and src/hub/admission.ts, whose types need the platform's. */
const MAX_EVENT_BYTES = 6_291_456;
const MAX_WAITING_BYTES = 2_097_152;
const MAX_SESSIONS_PER_CALLER = 100;
/** Beside the data of an event; as in src/transport/session/event-rows.ts. */
const ROW_BYTES = 100;
/** Of a database: pages that are free, tables, keys, and the largest write that passes before the oldest events go. */
const SLACK_BYTES = 2_500_000;
/** Generous: what is kept per connection is bounded, so that memory is too. */
const MAX_MEMORY_BYTES = 1_610_612_736;

const ABUSES = [
  hostile.sendMessagesAtTheLimits,
  hostile.openStreamsAndNeverRead,
  hostile.readAByteAtATime,
  hostile.padWhatWaits,
  hostile.cancelAtOnce,
  hostile.openSessionsAndLeave,
  hostile.floodWithTrifles,
  hostile.sendBatchesOfFifty,
];
const CALLERS = [STATELESS, "2025-11-25", STATELESS, "2025-11-25", "2025-03-26"];
const HONEST = 20;
/** Sessions that hold a stream and say nothing until the end: the first that the hub asks for room. */
const QUIET = 4;
/** The address from which sessions are opened and left, and at which some honest ones are. */
const FLOODED = "198.51.100.6";

let world: TestServer;

beforeAll(async () => {
  world = await serveWorld();
}, 90_000);

afterAll(async () => {
  await (world as TestServer | undefined)?.stop();
});

it(
  "answers every honest call once, whatever hostile peers do, and keeps no more than it says",
  async () => {
    console.log(`hostile: seed ${SEED}, ${SECONDS} s`);
    const until = Date.now() + SECONDS * 1_000;
    const tally: HonestTally = { answered: 0, resumed: 0, reread: 0 };
    const abused: hostile.HostileTally = {
      answered: 0,
      refused: 0,
      cut: 0,
      dropped: 0,
      abandoned: 0,
      failures: [],
    };
    const dice = Array.from({ length: HONEST }, (_, index) => randomFrom(SEED + index));
    const honest = await Promise.all(dice.map((random, index) => arrive(index, random, tally)));
    const quiet = await Promise.all(
      Array.from({ length: QUIET }, () => arriveAtTheFlood("2025-11-25", tally)),
    );
    const listeners = [...honest, ...quiet].map(({ listener }) => listener);
    await publish(listeners, 1);
    const peers = ABUSES.map((abuse, index) => ({ abuse, peer: hostileAt(index, abused) }));
    const attacks = peers.map(async ({ abuse, peer }) => {
      for (let round = 0; round < HOSTILE_ROUNDS || Date.now() < until; round += 1)
        await abuse(peer).catch((error: unknown) => fail(abuse.name, error, world));
    });
    const work = honest.map(async ({ calls }, index) => {
      const random = randomFrom(SEED + 100 + index);
      for (let round = 0; round < HONEST_ROUNDS || Date.now() < until; round += 1) {
        // Two at a time, in a session with the same id.
        const twins = [0, 1].map((twin) => oneOf(calls, random)(`m${index}.${round}.${twin}e`));
        await Promise.all(twins).catch((error: unknown) =>
          fail(`m${index}.${round}`, error, world),
        );
        tally.answered += twins.length;
      }
    });
    await Promise.all([...work, ...attacks]);
    await publish(listeners, 2);
    // Who was quiet is still there, and who comes now is served.
    const rest = [...quiet, await arriveAtTheFlood("2025-03-26", tally)];
    for (const [index, { calls }] of rest.entries()) {
      for (const call of calls) await call(`m${index}.99.0e`);
      tally.answered += calls.length;
    }
    console.log("hostile: honest", tally, "hostile", abused, printed(world.log()));
    expect(abused.failures).toEqual([]);
    measure();
    for (const { peer } of peers) hostile.letGo(peer);
    for (const { listener } of [...honest, ...rest]) listener.close();
  },
  (SECONDS * 5 + 300) * 1_000,
);

/** @throws `error` in the words of who met it, after the server's last lines were printed */
async function fail(who: string, error: unknown, server: TestServer): Promise<never> {
  // If it has ended, it has not yet said why.
  await pause(1_000);
  console.log(`hostile: ${who} failed; the server's last lines:`, server.log().slice(-2_000));
  throw new Error(`${who}: ${String(error)}`, { cause: error });
}

interface Arrived {
  readonly calls: readonly HonestCall[];
  readonly listener: Listening;
}

/** An honest caller, which listens from now on. */
async function arrive(index: number, random: () => number, tally: HonestTally): Promise<Arrived> {
  const revision = CALLERS[index % CALLERS.length] ?? STATELESS;
  const isFlooded = revision !== STATELESS && index % 2 === 0;
  const peer = { url: world.url, address: isFlooded ? FLOODED : `203.0.113.${index}` };
  if (revision === STATELESS)
    return { calls: statelessCalls(peer), listener: await listenFor(peer, false) };
  const session = await openHonest(peer, revision);
  // Who is away for a moment may lose its session to the flood.
  const listener = await listenFor(session, !isFlooded);
  return { calls: sessionCalls(session, random, tally), listener };
}

/** An honest caller at the address of the flood, which loses no connection. */
async function arriveAtTheFlood(revision: string, tally: HonestTally): Promise<Arrived> {
  const session = await openHonest({ url: world.url, address: FLOODED }, revision);
  return {
    calls: sessionCalls(session, () => 1, tally),
    listener: await listenFor(session, false),
  };
}

function hostileAt(index: number, tally: hostile.HostileTally): hostile.Hostile {
  const random = randomFrom(SEED + 1_000 + index);
  return {
    url: world.url,
    address: `198.51.100.${index + 1}`,
    random,
    tally,
    held: new Set(),
    scale: SCALE,
    sessions: ABANDONED,
  };
}

function oneOf(calls: readonly HonestCall[], random: () => number): HonestCall {
  const call = calls[Math.floor(random() * calls.length)];
  if (call === undefined) throw new Error("There is no call to make");
  return call;
}

/** Has the tools change, and sees that every listener has heard of `times` changes by then. */
async function publish(listeners: readonly Listening[], times: number): Promise<void> {
  const peer = { url: world.url, address: "203.0.113.200" };
  const args = { name: "spec_hub", arguments: { do: "tools" } };
  expect((await send(peer, stateless(peer, 1, "tools/call", args))).status).toBe(200);
  const isDone = (one: Listening): boolean => one.heard() >= times || one.fault() !== undefined;
  for (let tries = 0; tries < 600 && !listeners.every(isDone); tries += 1) await pause(50);
  const heard = listeners.map((one) => [one.name, one.heard(), one.fault()]);
  expect(heard).toEqual(listeners.map(({ name }) => [name, times, undefined]));
}

/** What a session keeps for its client: bytes of events and of calls that wait; streams opened by GET, calls that wait. */
type Kept = Readonly<Record<"events" | "waiting" | "streams" | "calls", number>>;
const KEPT = `SELECT
  (SELECT TOTAL(octet_length(data) + ${ROW_BYTES}) FROM events) AS events,
  (SELECT TOTAL(octet_length(call_json)) FROM suspended_calls) AS waiting,
  (SELECT COUNT(*) FROM streams WHERE state = 'listening') AS streams,
  (SELECT COUNT(*) FROM suspended_calls) AS calls`;

/** What lies on disk, against what SECURITY.md says a peer can make the server keep. */
function measure(): void {
  const sessions = storedBy(world.folder, "Session");
  // Each bound that is broken is told.
  const largest = { file: 0, log: 0, events: 0, waiting: 0, streams: 0, calls: 0 };
  for (const one of sessions) {
    const [kept = { events: 0, waiting: 0, streams: 0, calls: 0 }] = rowsIn<Kept>(
      one,
      "streams",
      KEPT,
    );
    for (const name of ["events", "waiting", "streams", "calls"] as const)
      largest[name] = Math.max(largest[name], kept[name]);
    largest.file = Math.max(largest.file, one.file);
    largest.log = Math.max(largest.log, one.log);
  }
  const shares = storedBy(world.folder, "Hub").flatMap((one) =>
    rowsIn<{ n: number }>(one, "sessions", "SELECT COUNT(*) AS n FROM sessions GROUP BY share"),
  );
  const bytes = sessions.reduce((sum, { file, log }) => sum + file + log, 0);
  const taken = takenBy(world.pid);
  console.log("hostile: sessions on disk", sessions.length, "bytes", bytes, "the largest", largest);
  console.log(
    "hostile: rows of the hub by share",
    shares.map(({ n }) => n).join(),
    "workerd",
    taken,
  );
  expect.soft(largest.events).toBeGreaterThan(0);
  expect.soft(largest.waiting).toBeGreaterThan(0);
  expect.soft(largest.events).toBeLessThanOrEqual(MAX_EVENT_BYTES);
  expect.soft(largest.waiting).toBeLessThanOrEqual(MAX_WAITING_BYTES);
  expect.soft(largest.calls).toBeLessThanOrEqual(64);
  expect.soft(largest.streams).toBeLessThanOrEqual(8);
  expect.soft(largest.file).toBeLessThanOrEqual(MAX_EVENT_BYTES + MAX_WAITING_BYTES + SLACK_BYTES);
  expect.soft(Math.max(...shares.map(({ n }) => n))).toBe(MAX_SESSIONS_PER_CALLER);
  expect.soft(taken.mostMemory).toBeLessThan(MAX_MEMORY_BYTES);
}

/** How often the server logged each event. */
function printed(log: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, event = ""] of log.matchAll(/"event":"([\w.]+)"/g))
    counts[event] = (counts[event] ?? 0) + 1;
  return counts;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
