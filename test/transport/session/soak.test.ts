/**
 * A soak: many sessions, random disconnects, evictions and duplicate ids for a while.
 * Every request gets exactly one answer, none lost, none crossed. At least two rounds, and as long as SOAK_SECONDS says;
 * SOAK_SEED repeats a run.
 */

import { evictDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { randomFrom } from "../../random.ts";
import {
  bindings,
  callTool,
  EventReader,
  openGetStream,
  openSession,
  jsonRpcRequest,
  send,
  sessionStub,
  type Session,
} from "./client.ts";

const SECONDS = Number(bindings.SOAK_SECONDS ?? "0");
const SESSIONS = 200;
/** Counted, not timed: a slow machine takes longer and tests the same. */
const ROUNDS = 2;
const seed = Number(bindings.SOAK_SEED ?? String(Date.now() % 1_000_000));

interface Tally {
  answered: number;
  resumed: number;
  evicted: number;
}

/** One request, its answer awaited wherever it comes: in the body, on the stream, or on the stream resumed. */
async function once(
  session: Session,
  random: () => number,
  mark: string,
  tally: Tally,
): Promise<void> {
  // Every request of a session has the same id: answers must find their way without it.
  const kind = random();
  if (kind < 0.4) {
    const body = await (await send(session, callTool(1, "spec_json", { value: mark }))).json();
    expect(body).toMatchObject({ id: 1, result: { content: [{ text: JSON.stringify(mark) }] } });
  } else if (kind < 0.7) {
    await streamed(session, random, mark, tally);
  } else {
    await asked(session, random, mark, tally);
  }
  tally.answered += 1;
}

async function streamed(
  session: Session,
  random: () => number,
  mark: string,
  tally: Tally,
): Promise<void> {
  const events = new EventReader(
    await send(
      session,
      callTool(1, "spec_progress", { values: [1, 2, 3] }, { progressToken: mark }),
    ),
  );
  const first = await events.message();
  expect(first).toMatchObject({ params: { progressToken: mark, progress: 1 } });
  const rest = random() < 0.5 ? await comeBack(session, events, first.eventId, tally) : events;
  expect(await rest.message()).toMatchObject({ params: { progressToken: mark, progress: 2 } });
  expect(await rest.message()).toMatchObject({ params: { progressToken: mark, progress: 3 } });
  expect(await rest.message()).toMatchObject({ id: 1, result: {} });
  expect(await rest.next()).toBeUndefined();
}

async function asked(
  session: Session,
  random: () => number,
  mark: string,
  tally: Tally,
): Promise<void> {
  const events = new EventReader(
    await send(session, callTool(1, "test_elicitation", { message: mark })),
  );
  const { eventId, ...question } = await events.message();
  expect(question).toMatchObject({ method: "elicitation/create", params: { message: mark } });
  if (random() < 0.3) await evict(session, tally);
  const lost = random() < 0.5;
  if (lost) await events.cancel();
  const content = { username: mark, email: "a@example.com" };
  await send(session, {
    jsonrpc: "2.0",
    id: question["id"],
    result: { action: "accept", content },
  });
  const rest = lost ? await comeBack(session, undefined, eventId, tally) : events;
  const answer = await rest.message();
  expect(answer["id"]).toBe(1);
  expect(JSON.stringify(answer)).toContain(mark);
  expect(await rest.next()).toBeUndefined();
}

async function comeBack(
  session: Session,
  events: EventReader | undefined,
  eventId: string | undefined,
  tally: Tally,
): Promise<EventReader> {
  await events?.cancel();
  tally.resumed += 1;
  return new EventReader(await openGetStream(session, eventId));
}

async function evict(session: Session, tally: Tally): Promise<void> {
  try {
    await evictDurableObject(sessionStub(session), { webSockets: "hibernate" });
    tally.evicted += 1;
  } catch (error) {
    // Its twin may have put it to sleep already.
    if (!String(error).includes("not currently running")) throw error;
  }
}

it(
  `every request of ${SESSIONS} sessions is answered once`,
  async () => {
    console.log(`soak: seed ${seed}, ${SECONDS} s`);
    const tally: Tally = { answered: 0, resumed: 0, evicted: 0 };
    const until = Date.now() + SECONDS * 1_000;
    const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => openSession()));
    await Promise.all(
      sessions.map(async (session, index) => {
        const random = randomFrom(seed + index);
        for (let round = 0; round < ROUNDS || Date.now() < until; round++) {
          // Two at a time, with the same id.
          await Promise.all(
            ["a", "b"].map((twin) => once(session, random, `${index}-${round}-${twin}`, tally)),
          );
        }
        expect((await send(session, jsonRpcRequest(2, "ping"))).status).toBe(200);
      }),
    );
    console.log(
      `soak: ${tally.answered} answered, ${tally.resumed} resumed, ${tally.evicted} evicted`,
    );
    expect(tally.answered).toBeGreaterThanOrEqual(SESSIONS * ROUNDS * 2);
    expect(tally.resumed).toBeGreaterThan(0);
    expect(tally.evicted).toBeGreaterThan(0);
  },
  (SECONDS + 120) * 1_000,
);
