/** A session's id is a credential: it stands in no address, no record and no log line, and names made from it open nothing. */

import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { createHubClient } from "../../../src/hub/client.ts";
import { completeElicitation } from "../../../src/transport/session/transport.ts";
import { costs, countedNamespace } from "../../world/counting.ts";
import { servicesFor } from "../../server/services.ts";
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

afterEach(() => {
  vi.restoreAllMocks();
});

const URLS = { elicitation: { form: {}, url: {} } };

/** The question by URL of a call that requires one. */
async function asked(session: Session): Promise<{ elicitationId: string; url: string }> {
  const response = await send(session, callTool(1, "spec_require_url"));
  type Refused = { error: { data: { elicitations: [{ elicitationId: string; url: string }] } } };
  return (await response.json<Refused>()).error.data.elicitations[0];
}

const done = async (by: Session, id: string): Promise<void> => {
  await (await send(by, callTool(2, "spec_url_done", { id }))).text();
};

it("an elicitation id tells nothing of its session, and is another one each time", async () => {
  const session = await openSession("2025-11-25", URLS);
  const [first, second] = [await asked(session), await asked(session)];
  expect(first.url).toContain(encodeURIComponent(first.elicitationId));
  expect(first.elicitationId).not.toBe(second.elicitationId);
  for (const text of [session.id, btoa(session.id).slice(0, 40), session.id.slice(0, 16)])
    expect(JSON.stringify([first, second])).not.toContain(text);
});

it("the session that was asked hears that the person is done, whoever says so, and no other", async () => {
  const [mine, yours] = [
    await openSession("2025-11-25", URLS),
    await openSession("2025-11-25", URLS),
  ];
  const { elicitationId } = await asked(mine);
  const streams = [
    new EventReader(await openGetStream(mine)),
    new EventReader(await openGetStream(yours)),
  ] as const;
  await done(yours, elicitationId);
  expect(await streams[0].message()).toMatchObject({
    method: "notifications/elicitation/complete",
    params: { elicitationId },
  });
  // What comes next on the other stream is a later message: nothing came before it.
  const other = await asked(yours);
  await done(mine, other.elicitationId);
  expect(await streams[1].message()).toMatchObject({
    params: { elicitationId: other.elicitationId },
  });
  await Promise.all(streams.map((stream) => stream.cancel()));
});

it("an id that was not issued wakes nothing", async () => {
  const session = await openSession("2025-11-25", URLS);
  const { elicitationId } = await asked(session);
  const sessions = countedNamespace(bindings.SESSION);
  // Under the keys of another server, and under none.
  const { ring } = servicesFor();
  const before = costs.requests;
  const made = [
    elicitationId,
    session.id,
    `${session.id}.AAAAAAAAAAAAAAAA`,
    "",
    ".",
    "a.AAAA",
    "x".repeat(100_000),
  ];
  for (const id of made) await completeElicitation(sessions, ring, id);
  expect(costs.requests - before).toBe(0);
});

it("a session that cannot be told of a change is logged by its name, not by its id", async () => {
  const session = await openSession();
  const uri = "test://watched-resource";
  await (await send(session, jsonRpcRequest(1, "resources/subscribe", { uri }))).text();
  await runInDurableObject(sessionStub(session), (_object, { storage }) =>
    storage.kv.put("subscriptions", 5),
  );
  const lines: string[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => {
    lines.push(line);
  });
  await createHubClient(bindings.HUB).publish({ uri });
  const told = lines.filter((line) => line.includes("session.notify_failed"));
  expect(told).toHaveLength(1);
  expect(JSON.parse(told[0] ?? "")).toMatchObject({
    session: expect.stringMatching(/^[\w-]{43}$/) as unknown,
  });
  expect(lines.join()).not.toContain(session.id);
  await runInDurableObject(sessionStub(session), (_object, { storage }) =>
    storage.kv.delete("subscriptions"),
  );
});
