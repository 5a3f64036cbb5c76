// What runs in the Worker of `make dev` around its handlers and objects: it records, and changes nothing.
import { expect, it } from "vitest";
import { watchObject } from "../../../src/cli/wire-view/object-recorder.mjs";
import { touch, watchHandlers } from "../../../src/cli/wire-view/recorder.mjs";

type Sent = Record<string, unknown>;

/** Bindings that take records, and a context that waits for what it is told to wait for. */
function listener(): {
  env: Parameters<ReturnType<typeof watchHandlers>["fetch"]>[1];
  context: { id: string; waitUntil: (promise: Promise<unknown>) => void };
  sent: () => Promise<Sent[]>;
} {
  const records: Sent[] = [];
  const waiting: Promise<unknown>[] = [];
  return {
    env: {
      WIRE_VIEW: { fetch: () => Promise.resolve(new Response("the view")) },
      WIRE_RECORDS: {
        async fetch(_, init) {
          records.push(JSON.parse(String(init?.body)) as Sent);
          return Promise.resolve(new Response());
        },
      },
    },
    context: { id: "0a", waitUntil: (promise) => waiting.push(promise) },
    async sent() {
      for (let count = -1; count < waiting.length;) {
        count = waiting.length;
        await Promise.all(waiting);
      }
      return records;
    },
  };
}

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("a request reaches the handler whole, and its answer the client; both are recorded", async () => {
  const { env, context, sent } = listener();
  let seen: Request | undefined;
  const { fetch } = watchHandlers(
    {
      async fetch(request) {
        seen = request;
        touch(3);
        return Response.json({ got: await request.text() }, { status: 201, headers: { a: "b" } });
      },
    },
    "7",
  );
  const request = new Request("http://a.test/mcp?x=1", { method: "POST", body: "hello" });
  const response = await fetch(request, env, context);
  expect(seen).toBe(request);
  expect([response.status, response.headers.get("a"), await response.json()]).toEqual([
    201,
    "b",
    { got: "hello" },
  ]);
  const records = await sent();
  const [{ exchange } = {}] = records;
  for (const record of records) expect(record).toMatchObject({ exchange, bundle: "7" });
  expect(
    records.map(({ what }) => String(what)).toSorted((one, other) => (one < other ? -1 : 1)),
  ).toEqual(["end", "request", "request-body", "response", "response-body"]);
  expect(records).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ what: "request", method: "POST", url: "http://a.test/mcp?x=1" }),
      expect.objectContaining({ what: "request-body", text: "hello" }),
      expect.objectContaining({ what: "response", status: 201, marks: [3] }),
      expect.objectContaining({ what: "response-body", text: '{"got":"hello"}' }),
    ]),
  );
});

it("a body that nobody reads, or that is long, is recorded as far as that goes", async () => {
  const { env, context, sent } = listener();
  const { fetch } = watchHandlers(
    { fetch: () => Promise.resolve(new Response(null, { status: 204 })) },
    "1",
  );
  await fetch(
    new Request("http://a.test/", { method: "POST", body: "x".repeat(65_537) }),
    env,
    context,
  );
  expect(await sent()).toEqual(
    expect.arrayContaining([expect.objectContaining({ what: "request-body", isLong: true })]),
  );
  expect(JSON.stringify(await sent())).not.toContain("xxx");
});

it("what runs for one exchange is never another's, however they are interleaved", async () => {
  const { env, context, sent } = listener();
  const { fetch } = watchHandlers(
    {
      async fetch(request) {
        const own = Number(new URL(request.url).searchParams.get("n"));
        for (let turn = 0; turn < 5; turn += 1) {
          touch(own * 10 + turn);
          await later();
        }
        return new Response();
      },
    },
    "1",
  );
  touch(999);
  const all = [1, 2, 3, 4].map((n) => fetch(new Request(`http://a.test/?n=${n}`), env, context));
  await Promise.all(all);
  const records = await sent();
  for (const n of [1, 2, 3, 4]) {
    const { exchange } = records.find(({ url }) => url === `http://a.test/?n=${n}`) ?? {};
    const end = records.find((one) => one["exchange"] === exchange && one["what"] === "end");
    expect(end?.["marks"]).toEqual([0, 1, 2, 3, 4].map((turn) => n * 10 + turn));
  }
});

function streaming(pieces: readonly string[], onCancel: (reason: unknown) => void): ReadableStream {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const piece = pieces[next];
      next += 1;
      // Open, like a stream that waits for what happens.
      if (piece === undefined) return new Promise(() => {});
      controller.enqueue(new TextEncoder().encode(piece));
      return undefined;
    },
    cancel: onCancel,
  });
}

it("a stream is passed on piece by piece while it is open, and its events are recorded", async () => {
  const { env, context, sent } = listener();
  const pieces = ["id: 1\nda", "ta: a\n\n:", " c\n\ndata: b\n"];
  let cancelled: unknown;
  const body = streaming(pieces, (reason) => (cancelled = reason));
  const headers = { "content-type": "text/event-stream" };
  const { fetch } = watchHandlers(
    { fetch: () => Promise.resolve(new Response(body, { headers })) },
    "1",
  );
  const response = await fetch(new Request("http://a.test/"), env, context);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (const piece of pieces) {
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toBe(piece);
  }
  // The client leaves: the handler's own stream is told, with the reason.
  await reader.cancel("gone");
  expect(cancelled).toBe("gone");
  const events = (await sent()).filter(({ what }) => what === "event");
  expect(events.map(({ text }) => text)).toEqual(["id: 1\ndata: a", ": c"]);
  expect((await sent()).at(-1)).toMatchObject({ what: "end", left: true });
});

it("what is thrown is thrown on, and recorded", async () => {
  const { env, context, sent } = listener();
  const { fetch } = watchHandlers({ fetch: () => Promise.reject(new Error("no")) }, "1");
  await expect(fetch(new Request("http://a.test/"), env, context)).rejects.toThrow("no");
  expect((await sent()).at(-1)).toMatchObject({ what: "end", threw: "Error: no" });
});

it("nobody waits for a record that cannot be sent", async () => {
  const { env, context, sent } = listener();
  const broken = { ...env, WIRE_RECORDS: { fetch: () => Promise.reject(new Error("gone")) } };
  const { fetch } = watchHandlers({ fetch: () => Promise.resolve(new Response("ok")) }, "1");
  const response = await fetch(new Request("http://a.test/"), broken, context);
  expect(await response.text()).toBe("ok");
  expect(await sent()).toEqual([]);
});

it("the view is answered by the view, and is no record", async () => {
  const { env, context, sent } = listener();
  const { fetch } = watchHandlers({ fetch: () => Promise.resolve(new Response("app")) }, "1");
  const textAt = async (path: string): Promise<string> =>
    (await fetch(new Request(`http://a.test${path}`), env, context)).text();
  expect([await textAt("/wire"), await textAt("/wire/records?after=1")]).toEqual([
    "the view",
    "the view",
  ]);
  expect(await sent()).toEqual([]);
  expect(await textAt("/wired")).toBe("app");
});

class Base {
  readonly context: unknown;
  constructor(context: unknown) {
    this.context = context;
    touch(1);
  }
  outer(n: number): number {
    touch(2);
    return this.inner(n) + 1;
  }
  inner(n: number): number {
    touch(3);
    return n * 2;
  }
}
class Counter extends Base {
  async slow(): Promise<string> {
    await later();
    touch(4);
    throw new Error("too slow");
  }
}

it("an object is recorded when it wakes up and when it is called from outside, and stays what it is", async () => {
  const { env, context, sent } = listener();
  const Watched = watchObject(Counter, "Counter", "2") as unknown as typeof Counter;
  const made = new Watched(context);
  // As the runtime does it: with the bindings.
  const counter = Reflect.construct(Watched, [context, env]) as Counter;
  expect([made instanceof Counter, counter instanceof Watched, counter.context]).toEqual([
    true,
    true,
    context,
  ]);
  expect(counter.outer(4)).toBe(9);
  await expect(counter.slow()).rejects.toThrow("too slow");
  const records = (await sent()).map(({ at, ms, ...rest }) => ({
    ...rest,
    isTimed: typeof ms === typeof at,
  }));
  const base = { bundle: "2", object: "Counter", objectId: "0a", isTimed: true };
  expect(records).toEqual([
    { ...base, what: "woke", marks: [1] },
    { ...base, what: "called", method: "outer", marks: [2, 3] },
    { ...base, what: "called", method: "slow", marks: [4], threw: "Error: too slow" },
  ]);
});
