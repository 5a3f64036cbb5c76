/** A message for a listener that is gone is told of, whatever became of it and whoever is still attached. */

import { expect, it, vi } from "vitest";
import { findRevision } from "../../../src/protocol/versions.ts";
import { handleMessages } from "../../../src/transport/session/handle-message.ts";
import { MAX_EVENT_BYTES } from "../../../src/transport/session/limits.ts";
import {
  noteListener,
  noteListenerGone,
  sendChange,
} from "../../../src/transport/session/listeners.ts";
import {
  appendEvent,
  attach,
  noteGap,
  openStream,
} from "../../../src/transport/session/streams.ts";
import type { SessionRuntime } from "../../../src/transport/session/types.ts";
import { NEWEST, REQUEST_CONTEXT, sleep, withTestSession } from "./test-session.ts";

/** Opens a GET stream, whose connection nobody reads: the object cannot know. */
function listen(runtime: SessionRuntime): number {
  const stream = openStream(runtime, "listening", "null");
  noteListener(runtime, stream, -1);
  if (!attach(runtime, NEWEST, stream, -1).ok) throw new Error("Not attached");
  return stream;
}

function publish(runtime: SessionRuntime): void {
  const record = runtime.store.session();
  if (record !== undefined) sendChange(runtime, record, { list: "tools" });
}

function eventsOf(runtime: SessionRuntime, stream: number): string[] {
  return [...runtime.store.eventsAfter(stream, 0)].map(({ data }) => data);
}

/** So many bytes for a call's stream. */
function fill(runtime: SessionRuntime, bytes: number): void {
  const stream = openStream(runtime, "running", '{"request":{"id":1},"openRequests":{}}');
  for (let left = bytes; left > 0; left -= 1_000_000)
    appendEvent(runtime, stream, "x".repeat(Math.min(left, 1_000_000)));
}

it("a change goes to whoever was attached last, though its stream is an older one", () =>
  withTestSession(({ runtime }) => {
    const [older, newer] = [listen(runtime), listen(runtime)];
    // Its first connection is gone; that to the newer stream is dead, and nobody knows.
    noteListener(runtime, older, 0);
    expect(attach(runtime, NEWEST, older, 0).ok).toBe(true);
    publish(runtime);
    expect([eventsOf(runtime, older).length, eventsOf(runtime, newer).length]).toEqual([1, 0]);
    return Promise.resolve();
  }));

it("a change that went into a connection which ends is told to whoever else is attached", () =>
  withTestSession(({ runtime }) => {
    const [older, newer] = [listen(runtime), listen(runtime)];
    publish(runtime);
    expect([eventsOf(runtime, older).length, eventsOf(runtime, newer).length]).toEqual([0, 1]);
    for (const socket of runtime.objectState.getWebSockets(String(newer))) socket.close(1000);
    noteListenerGone(runtime, newer);
    expect(eventsOf(runtime, older).join()).toContain("notifications/tools/list_changed");
    const told = eventsOf(runtime, older).length;
    // Once: it is no longer kept there.
    noteListenerGone(runtime, newer);
    expect([eventsOf(runtime, older).length, eventsOf(runtime, newer)]).toEqual([told, []]);
    return Promise.resolve();
  }));

it.each([
  ["still counts as attached", false],
  ["is known to be gone", true],
])(
  "a change that was dropped for want of room, while the connection that it went into %s",
  (_, isGone) =>
    withTestSession(async ({ runtime }) => {
      const first = listen(runtime);
      publish(runtime);
      const close = async (): Promise<void> => {
        for (const socket of runtime.objectState.getWebSockets(String(first))) socket.close(1000);
        await sleep(20);
      };
      if (isGone) await close();
      fill(runtime, MAX_EVENT_BYTES + 1);
      expect(eventsOf(runtime, first)).toEqual([]);
      if (!isGone) await close();
      expect(eventsOf(runtime, listen(runtime)).join()).toContain(
        "notifications/tools/list_changed",
      );
    }),
);

it("of subscriptions at once the hub has the newest list, whichever reaches it last", () =>
  withTestSession(async ({ runtime }) => {
    let atHub: readonly string[] = [];
    let isFirst = true;
    const hub = {
      ...runtime.dependencies.hub,
      async setSubscriptions(_session: string, _share: string, uris: readonly string[]) {
        const isSlow = isFirst;
        isFirst = false;
        if (isSlow) await sleep(50);
        atHub = uris;
      },
    };
    const dependencies = { ...runtime.dependencies, hub };
    const messages = ["test://a", "test://b"].map(
      (uri, id) =>
        ({ kind: "request", id, method: "resources/subscribe", params: { uri } }) as const,
    );
    await handleMessages({ ...runtime, dependencies }, REQUEST_CONTEXT, messages, "a post");
    expect(atHub).toEqual(["test://a", "test://b"]);
  }));

it("of subscriptions that come faster than the hub answers, one request tells of all that wait", () =>
  withTestSession(async ({ runtime }) => {
    const told: (readonly string[])[] = [];
    const hub = {
      ...runtime.dependencies.hub,
      async setSubscriptions(_session: string, _share: string, uris: readonly string[]) {
        told.push(uris);
        await sleep(40);
      },
    };
    const dependencies = { ...runtime.dependencies, hub };
    const slow = { ...runtime, dependencies };
    const answers: Promise<unknown>[] = [];
    const uris = Array.from({ length: 30 }, (_, index) => `test://${index}`);
    for (const [id, uri] of uris.entries()) {
      const message = {
        kind: "request",
        id,
        method: "resources/subscribe",
        params: { uri },
      } as const;
      answers.push(handleMessages(slow, REQUEST_CONTEXT, [message], `post ${id}`));
      if (id % 10 === 0) await sleep(1);
    }
    await Promise.all(answers);
    expect(told.at(-1)).toEqual(uris);
    expect(told.length).toBeLessThan(6);
  }));

it("a hub that fails once has the next subscription told whole", () =>
  withTestSession(async ({ runtime }) => {
    const told: (readonly string[])[] = [];
    const hub = {
      ...runtime.dependencies.hub,
      setSubscriptions(_session: string, _share: string, uris: readonly string[]) {
        told.push(uris);
        return told.length === 1 ? Promise.reject(new Error("restarted")) : Promise.resolve();
      },
    };
    const failing = { ...runtime, dependencies: { ...runtime.dependencies, hub } };
    const subscribe = (uri: string): Promise<unknown> =>
      handleMessages(
        failing,
        REQUEST_CONTEXT,
        [{ kind: "request", id: 1, method: "resources/subscribe", params: { uri } }],
        "a post",
      );
    const logged = vi.spyOn(console, "error").mockReturnValue();
    expect(JSON.stringify(await subscribe("test://a"))).toContain("-32603");
    expect(logged.mock.calls.join()).toContain("restarted");
    logged.mockRestore();
    await subscribe("test://b");
    expect(told.at(-1)).toEqual(["test://a", "test://b"]);
  }));

it("a change that went into a dead connection, and was dropped for want of room, is told when that ends", () =>
  withTestSession(async ({ runtime }) => {
    const [older, newer] = [listen(runtime), listen(runtime)];
    publish(runtime);
    fill(runtime, MAX_EVENT_BYTES + 1);
    expect(eventsOf(runtime, older)).toEqual([]);
    for (const socket of runtime.objectState.getWebSockets(String(newer))) socket.close(1000);
    await sleep(20);
    noteListenerGone(runtime, newer);
    expect(eventsOf(runtime, older).join()).toContain("notifications/tools/list_changed");
  }));

it("a client that resumes one of two streams behind all it has is told nothing anew, while the other is held", () =>
  withTestSession(({ runtime }) => {
    const [older] = [listen(runtime), listen(runtime)];
    publish(runtime);
    for (let round = 0; round < 3; round += 1) {
      noteListener(runtime, older, eventsOf(runtime, older).length);
      expect(attach(runtime, NEWEST, older, eventsOf(runtime, older).length).ok).toBe(true);
    }
    expect(eventsOf(runtime, older)).toEqual([]);
    return Promise.resolve();
  }));

it("a client that watches 200 resources and comes back is told of each, by one row", () =>
  withTestSession(async ({ runtime }) => {
    const uris = Array.from({ length: 200 }, (_, index) => `test://${index}`);
    runtime.store.putSubscriptions(uris);
    const first = listen(runtime);
    publish(runtime);
    const stream = openStream(runtime, "listening", "null");
    noteListener(runtime, stream, -1);
    const attached = attach(runtime, NEWEST, stream, -1);
    if (!attached.ok) throw new Error("Not attached");
    const received: { id?: string; data: string }[] = [];
    attached.value.socket.addEventListener("message", ({ data }) => {
      received.push(JSON.parse(String(data)) as (typeof received)[number]);
    });
    attached.value.socket.accept();
    await sleep(20);
    const [priming, ...told] = received;
    expect(priming?.data).toBe("");
    for (const uri of uris)
      expect(told.filter(({ data }) => data.includes(`"${uri}"`))).toHaveLength(1);
    // Only the last has an id: a client that read less comes back for all of them.
    expect([...new Set(told.slice(0, -1).map(({ id }) => id))]).toEqual([undefined]);
    expect(told.at(-1)?.id).toBe(`${stream}-1`);
    expect([first, stream].map((one) => eventsOf(runtime, one).length)).toEqual([1, 1]);
  }));

it("a change that was dropped behind the request that sets the log level", () =>
  withTestSession(async ({ runtime }) => {
    listen(runtime);
    const { record } = REQUEST_CONTEXT;
    runtime.store.putSession(record);
    noteGap(runtime);
    const revision = findRevision("2025-03-26");
    if (revision === undefined) throw new Error("There is no such revision");
    const params = { level: "info" };
    await handleMessages(
      runtime,
      { ...REQUEST_CONTEXT, record, revision },
      [{ kind: "request", id: 3, method: "logging/setLevel", params }],
      "a post",
    );
    expect(runtime.store.session()).toMatchObject({ logLevel: "info", isListening: false });
    expect(eventsOf(runtime, listen(runtime)).join()).toContain("notifications/tools/list_changed");
  }));
