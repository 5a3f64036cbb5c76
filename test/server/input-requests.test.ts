// Questions are put a few times, and then the request ends: what an answer that never fits, or never comes, may not do.
import { describe, expect, it } from "vitest";
import type { Context } from "../../src/server/context.ts";
import { resumeCall, startCall } from "../../src/transport/session/calls.ts";
import {
  callStateless,
  callTool,
  EventReader,
  openSession,
  jsonRpcRequest,
  send,
  type Session,
} from "../transport/session/client.ts";
import {
  responseTo,
  callStatelessTool,
  REQUEST_CONTEXT,
  FORM,
  withTestSession,
  streamIdOf,
} from "../transport/session/test-session.ts";

type Body = Record<string, unknown>;

/** What came of a request: how often each question was put, in which words, and the answer in the end. */
interface Talk {
  readonly asked: Record<string, string[]>;
  readonly answer: Body;
}

const MOST_ROUNDS = 30;
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** A request in a session whose every question gets `reply`. */
async function inSession(
  session: Session,
  body: object,
  reply: (round: number) => object,
): Promise<Talk> {
  const events = new EventReader(await send(session, body));
  const asked: Record<string, string[]> = {};
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const message = await events.message();
    if (message["method"] === undefined) return { asked, answer: message };
    const { method, id, params } = message as { method: string; id: string; params: Body };
    (asked[method] ??= []).push(String(params["message"]));
    const posted = await send(session, { jsonrpc: "2.0", id, result: reply(round) });
    expect(posted.status).toBe(202);
  }
  throw new Error(`Still asked after ${MOST_ROUNDS} rounds`);
}

/** The same without a session; `ask` makes the request with what the retry adds. */
async function withoutSession(
  ask: (more: Body) => Promise<Response>,
  reply: (round: number) => object | undefined,
): Promise<Talk> {
  const asked: Record<string, string[]> = {};
  let more: Body = {};
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const body: { result?: Body } & Body = await (
      await ask({ ...more, capabilities: CAPABILITIES })
    ).json();
    if (body.result?.["resultType"] !== "input_required") return { asked, answer: body };
    const { inputRequests, requestState } = body.result as {
      inputRequests: Record<string, Body>;
      requestState: string;
    };
    const inputResponses: Body = { asked: {}, unknown: {} };
    for (const [key, { method, params }] of Object.entries(inputRequests)) {
      (asked[String(method)] ??= []).push(String((params as Body)["message"]));
      const given = reply(round);
      if (given !== undefined) inputResponses[key] = given;
    }
    more = { requestState, inputResponses };
  }
  throw new Error(`Still asked after ${MOST_ROUNDS} rounds`);
}

const confirmAdd = (more: Body): Promise<Response> =>
  callStateless(1, "spec_confirm_add", { a: 2, b: 3 }, more);

/** Five questions, each after the first with what was wrong, and an end that a model can read. */
function expectFive({ asked, answer }: Talk): void {
  const questions = asked["elicitation/create"] ?? [];
  expect(questions).toHaveLength(5);
  expect(questions[0]).toBe("Add them?");
  for (const again of questions.slice(1))
    expect(again).toMatch(/^Add them\?\n\nThe answer did not fit: \/ok /);
  expect(answer).toMatchObject({ id: 1, result: { isError: true } });
  const { content } = answer["result"] as { content: [{ text: string }] };
  expect(content[0].text).toMatch(
    /^"confirm" was asked 5 times in vain. The answer did not fit: \/ok /,
  );
}

describe.each([
  ["no fields", { action: "accept", content: {} }],
  ["no content", { action: "accept" }],
  ["a wrong type", { action: "accept", content: { ok: "yes" } }],
])("a form that is accepted with %s is put five times, and then the call ends", (_, reply) => {
  it.each(["2025-06-18", "2025-11-25"])("in %s", async (date) => {
    const body = callTool(1, "spec_confirm_add", { a: 2, b: 3 });
    expectFive(await inSession(await openSession(date), body, () => reply));
  });

  it("without a session", async () => expectFive(await withoutSession(confirmAdd, () => reply)));
});

describe("the last answer may fit", () => {
  const reply = (round: number): object => ({
    action: "accept",
    content: round < 5 ? {} : { ok: true },
  });
  const fits = { id: 1, result: { content: [{ text: "5" }] } };

  it("in a session", async () => {
    const { answer } = await inSession(
      await openSession(),
      callTool(1, "spec_confirm_add", { a: 2, b: 3 }),
      reply,
    );
    expect(answer).toMatchObject(fits);
  });

  it("without a session", async () => {
    expect((await withoutSession(confirmAdd, reply)).answer).toMatchObject(fits);
  });
});

describe("without a session", () => {
  it("a question that is never answered is put five times", async () => {
    const { asked, answer } = await withoutSession(confirmAdd, () => undefined);
    expect(asked["elicitation/create"]).toEqual(Array.from({ length: 5 }, () => "Add them?"));
    const text = expect.stringMatching(/^"confirm" was asked 5 times in vain/) as string;
    expect(answer).toMatchObject({ result: { isError: true, content: [{ text }] } });
  });

  it("a person is sent to a page five times, however often the client agrees", async () => {
    const ask = (more: Body): Promise<Response> => callStateless(1, "spec_require_url", {}, more);
    const { asked, answer } = await withoutSession(ask, () => ({ action: "accept" }));
    expect(asked["elicitation/create"]).toHaveLength(5);
    expect(answer).toMatchObject({ result: { isError: true } });
  });

  it.each([
    ["decline", "declined"],
    ["cancel", "cancelled"],
  ])("a person who answers %s is sent to a page no more", async (action, did) => {
    const ask = (more: Body): Promise<Response> => callStateless(1, "spec_require_url", {}, more);
    const { asked, answer } = await withoutSession(ask, () => ({ action }));
    expect(asked["elicitation/create"]).toHaveLength(1);
    expect(answer).toMatchObject({
      result: { isError: true, content: [{ text: `The person ${did} "connect"` }] },
    });
  });

  it("of several questions the one that is never answered ends the call, and the others are put once", async () => {
    const keys = ["a", "b", "c"];
    const ask = (more: Body): Promise<Response> =>
      callStatelessTool(
        (context) =>
          Promise.all(keys.map((key) => context.elicitForm(key, { message: key, form: FORM }))),
        more,
      );
    let first = true;
    const reply = (): object | undefined => {
      const given = first ? undefined : { action: "decline" };
      first = false;
      return given;
    };
    const once = await withoutSession(ask, reply);
    expect(once.asked["elicitation/create"]).toEqual(["a", "b", "c", "a"]);
    const never = await withoutSession(ask, () => undefined);
    expect(never.asked["elicitation/create"]).toHaveLength(15);
    expect(never.answer).toMatchObject({ result: { isError: true } });
  });

  it("a handler that catches the end of the request does not go on", async () => {
    const ask = (more: Body): Promise<Response> =>
      callStatelessTool(async (context) => {
        try {
          return (await context.elicitForm("name", { message: "?", form: FORM })).action;
        } catch {
          return "caught";
        }
      }, more);
    const { answer } = await withoutSession(ask, () => ({
      action: "accept",
      content: { name: 5 },
    }));
    expect(answer).toMatchObject({ result: { isError: true } });
  });
});

describe("what was done once is not done again, however often the answer does not fit", () => {
  it("without a session", async () => {
    let paid = 0;
    const ask = (more: Body): Promise<Response> =>
      callStatelessTool((context) => pay(context, () => (paid += 1)), more);
    const { asked, answer } = await withoutSession(ask, () => ({
      action: "accept",
      content: { name: 5 },
    }));
    expect([asked["elicitation/create"]?.length, paid]).toEqual([5, 1]);
    expect(answer).toMatchObject({ result: { isError: true } });
  });

  it("in a session", () =>
    withTestSession(async ({ runtime: room, call, sentOn: sent, settled }) => {
      let paid = 0;
      const stream = streamIdOf(await call((context) => pay(context, () => (paid += 1))));
      await settled();
      let questions = 0;
      for (;;) {
        const last = sent(stream).at(-1);
        if (last?.["method"] !== "elicitation/create") break;
        questions += 1;
        resumeCall(
          room,
          REQUEST_CONTEXT,
          responseTo(last["id"], { action: "accept", content: { name: 5 } }),
        );
        await settled();
      }
      expect([questions, paid]).toEqual([5, 1]);
      expect(sent(stream).at(-1)).toMatchObject({ id: 9, result: { isError: true } });
      expect(room.store.suspendedStreams()).toEqual([]);
    }));

  async function pay(context: Context, action: () => number): Promise<string> {
    await context.once("paid", action);
    return (await context.elicitForm("name", { message: "?", form: FORM })).action;
  }
});

describe("an answer that is none ends the call at once", () => {
  const refused = {
    id: 1,
    error: { code: -32602, message: expect.stringContaining("is not a result of") as string },
  };

  it.each([
    ["test_sampling", { prompt: "?" }, { role: "nobody" }],
    ["test_input_required_result_list_roots", {}, { roots: "none" }],
    ["test_elicitation", { message: "?" }, { action: "maybe" }],
  ])("%s", async (name, args, reply) => {
    const { asked, answer } = await inSession(
      await openSession(),
      callTool(1, name, args),
      () => reply,
    );
    expect(Object.values(asked).flat()).toHaveLength(1);
    expect(answer).toMatchObject(refused);
    const ask = (more: Body): Promise<Response> => callStateless(1, name, args, more);
    const alone = await withoutSession(ask, () => reply);
    expect(Object.values(alone.asked).flat()).toHaveLength(1);
    expect(alone.answer).toMatchObject(refused);
  });
});

it("a resource that is never given what it asks for is refused", async () => {
  const body = jsonRpcRequest(1, "resources/read", { uri: "spec://greeting" });
  const { asked, answer } = await inSession(await openSession(), body, () => ({
    action: "accept",
    content: { name: 5 },
  }));
  expect(asked["elicitation/create"]).toHaveLength(5);
  expect(answer).toMatchObject({ id: 1, error: { code: -32602 } });
});

it("a completion may not ask in a session, as it may not without one", () =>
  withTestSession(async ({ runtime: room, call, settled }) => {
    let asked = 0;
    const handler = async (context: Context): Promise<string> => {
      asked += 1;
      return (await context.elicitForm("name", { message: "?", form: FORM })).action;
    };
    const stream = streamIdOf(await call(handler));
    await settled();
    expect(room.store.suspendedStreams().map(({ id }) => id)).toEqual([stream]);
    const params = {
      ref: { type: "ref/prompt", name: "play" },
      argument: { name: "word", value: "" },
    };
    const completion = { kind: "request", id: 3, method: "completion/complete", params } as const;
    const refused = await startCall(room, REQUEST_CONTEXT, completion, "completion");
    await settled();
    expect(asked).toBe(2);
    expect(refused).toMatchObject({
      kind: "answer",
      text: expect.stringContaining('"id":3,"error"') as string,
    });
    expect(room.store.suspendedStreams().map(({ id }) => id)).toEqual([stream]);
  }));
