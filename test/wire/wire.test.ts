// Bytes and messages: the SSE writer, media types, the JSON-RPC reader, the body cap.
import { afterEach, describe, expect, test, vi } from "vitest";
import { MAX_JSON_VALUES, type JsonObject, type JsonValue } from "../../src/base/json.ts";
import { readBody } from "../../src/wire/body.ts";
import { checkMediaTypes } from "../../src/wire/response.ts";
import {
  requestIdOf,
  MAX_ID_BYTES,
  MAX_MESSAGE_BYTES,
  parseJsonBody,
  readMessage,
  readMessages,
  writeError,
  writeNotification,
  writeResult,
} from "../../src/wire/jsonrpc.ts";
import { acceptsMediaType, isMediaType } from "../../src/wire/media-type.ts";
import {
  MAX_UNREAD_BYTES,
  openSse,
  CHUNK_BYTES,
  UNREAD_TIMEOUT_MS,
  writeEvent,
} from "../../src/wire/sse.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("an SSE event", () => {
  test("has its fields in lines and ends with an empty one", () => {
    expect(writeEvent({ data: "x", id: "1-2", retry: 500 })).toBe(
      "id: 1-2\nretry: 500\ndata: x\n\n",
    );
  });

  test.each(["a\nb", "a\rb", "a\r\nb", "\n", "a\0b"])("refuses %j as id", (text) => {
    expect(() => writeEvent({ data: "", id: text })).toThrow("single line");
  });

  test("makes a field of each line of data, so that nothing can pass for a field of its own", () => {
    expect(writeEvent({ data: "a\nid: 9\r\nevent: x\r\rretry: 1" })).toBe(
      "data: a\ndata: id: 9\ndata: event: x\ndata: \ndata: retry: 1\n\n",
    );
    expect(writeEvent({ data: "" })).toBe("data: \n\n");
    // Only CR and LF end a line in the standard.
    expect(writeEvent({ data: "a\u2028b\u0085c" })).toBe("data: a\u2028b\u0085c\n\n");
  });
});

describe("an SSE stream", () => {
  const opened = (): {
    stream: ReturnType<typeof openSse>;
    gone: ReturnType<typeof vi.fn>;
    left: AbortController;
  } => {
    const gone = vi.fn();
    const left = new AbortController();
    return { stream: openSse(left.signal, gone), gone, left };
  };

  test("begins with a byte at once, and ends after what was sent", async () => {
    const { stream, gone } = opened();
    stream.send({ data: "1" });
    stream.close();
    stream.send({ data: "2" });
    expect(await stream.response.text()).toBe(": open\n\ndata: 1\n\n");
    expect(gone).not.toHaveBeenCalled();
  });

  test.each([
    ["one message larger than what may stay unread", 1, 2 * MAX_UNREAD_BYTES],
    ["a backlog of small ones", 50, 60_000],
  ])("delivers %s to a client that reads", async (_, count, size) => {
    const { stream, gone } = opened();
    for (let sent = 0; sent < count; sent += 1) stream.send({ data: "x".repeat(size) });
    stream.close();
    const events = (await stream.response.text())
      .split("\n\n")
      .filter((event) => event.startsWith("data: "));
    expect(events.map(({ length }) => length)).toEqual(
      Array.from({ length: count }, () => size + "data: ".length),
    );
    expect(gone).not.toHaveBeenCalled();
  });

  test("a reader that reads nothing for a while is disconnected, once", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    const { stream, gone } = opened();
    stream.send({ data: "x".repeat(3 * MAX_UNREAD_BYTES) });
    stream.close();
    const ended = stream.waitUntilRead();
    vi.advanceTimersByTime(UNREAD_TIMEOUT_MS - 5_001);
    expect(gone).not.toHaveBeenCalled();
    vi.advanceTimersByTime(UNREAD_TIMEOUT_MS);
    await ended;
    await expect(stream.response.text()).rejects.toThrow();
    vi.advanceTimersByTime(10 * UNREAD_TIMEOUT_MS);
    // It had been closed: whoever sent has nothing left to stop.
    expect(gone).not.toHaveBeenCalled();
    const other = opened();
    other.stream.send({ data: "x" });
    vi.advanceTimersByTime(3 * UNREAD_TIMEOUT_MS);
    expect(other.gone).toHaveBeenCalledTimes(1);
    await expect(other.stream.response.text()).rejects.toThrow();
  });

  test("a reader that is slow is waited for as long as it reads anything", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    const { stream, gone } = opened();
    stream.send({ data: "x".repeat(300_000) });
    stream.close();
    let read = 0;
    for await (const bytes of stream.response.body ?? []) {
      const pieces = Math.floor(read / CHUNK_BYTES);
      read += (bytes as Uint8Array).length;
      if (Math.floor(read / CHUNK_BYTES) > pieces)
        vi.advanceTimersByTime(UNREAD_TIMEOUT_MS - 5_001);
    }
    expect(read).toBeGreaterThan(300_000);
    expect(gone).not.toHaveBeenCalled();
  });

  test("what is sent in one go, or while a write waits for its turn, is one write", async () => {
    const { stream } = opened();
    const reader = stream.response.body?.getReader();
    const next = async (): Promise<string> => {
      const read = await reader?.read();
      return new TextDecoder().decode(read?.value as Uint8Array);
    };
    for (const data of ["1", "2", "3"]) stream.send({ data });
    await Promise.resolve();
    await Promise.resolve();
    // The first write is under way.
    for (const data of ["4", "5"]) stream.send({ data });
    stream.close();
    expect([await next(), await next()]).toEqual([
      ": open\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n",
      "data: 4\n\ndata: 5\n\n",
    ]);
    expect((await reader?.read())?.done).toBe(true);
  });

  test("says when more is unread than may be, and when all is read", async () => {
    const { stream, gone } = opened();
    expect(stream.isFull()).toBe(false);
    stream.send({ data: "é".repeat(MAX_UNREAD_BYTES / 2) });
    expect(stream.isFull()).toBe(true);
    const reading = stream.response.text();
    await stream.waitUntilRead();
    expect(stream.isFull()).toBe(false);
    stream.abort();
    expect(gone).toHaveBeenCalledTimes(1);
    await expect(reading).rejects.toThrow();
  });

  test("who waits until it is read waits for nothing that is sent later", async () => {
    const { stream } = opened();
    const reader = stream.response.body?.getReader();
    stream.send({ data: "1" });
    const isRead = stream.waitUntilRead();
    await Promise.resolve();
    await Promise.resolve();
    stream.send({ data: "2" });
    let isAllRead = false;
    const all = stream.waitUntilRead().then(() => (isAllRead = true));
    await reader?.read();
    await isRead;
    expect(isAllRead).toBe(false);
    await reader?.read();
    await all;
    await stream.waitUntilRead();
    stream.send({ data: "3" });
    const never = stream.waitUntilRead();
    stream.abort();
    await never;
  });

  test("is kept by nobody on its way", () => {
    expect(Object.fromEntries(opened().stream.response.headers)).toEqual({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
  });

  test("a reader that keeps up may read without end", async () => {
    const { stream, gone } = opened();
    const reading = stream.response.text();
    const quarter = "x".repeat(MAX_UNREAD_BYTES / 4);
    for (let round = 0; round < 12; round += 1) {
      stream.send({ data: quarter });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stream.close();
    expect((await reading).length).toBeGreaterThan(3 * MAX_UNREAD_BYTES);
    expect(gone).not.toHaveBeenCalled();
  });

  test("a client that leaves is noticed once, also when the answer is there already", () => {
    const early = opened();
    early.left.abort();
    early.stream.close();
    expect(early.gone).toHaveBeenCalledTimes(1);
    const late = opened();
    late.stream.close();
    late.left.abort();
    expect(late.gone).not.toHaveBeenCalled();
  });
});

describe("media types", () => {
  test.each([
    ["application/json", true],
    ["Application/JSON", true],
    ["application/json; charset=utf-8", true],
    [" application/json ;x=y", true],
    [null, false],
    ["", false],
    ["text/plain", false],
    ["application/jsonp", false],
    ["application/json-seq", false],
    ["text/plain; x=application/json", false],
    ["application/json, text/plain", false],
  ])("%j as Content-Type: %s", (header, is) =>
    expect(isMediaType(header, "application/json")).toBe(is),
  );

  test.each([
    ["application/json", true],
    ["text/html, application/json;q=0.1", true],
    ["*/*", true],
    ["application/*", true],
    ["APPLICATION/JSON", true],
    ["", false],
    ["text/*", false],
    ["application/jsonp", false],
    ["application/json;q=0", false],
    ["application/json;q=0.000, */*", false],
    ["*/*, application/json;q=0", false],
    ["application/*;q=0, */*", false],
    ["*/*;q=0, application/json", true],
    ["application/json; Q = 0", false],
  ])("%j as Accept of JSON: %s", (header, does) =>
    expect(acceptsMediaType(header, "application/json")).toBe(does),
  );

  test.each<[Record<string, string>, string | undefined]>([
    [{ "content-type": "application/json" }, undefined],
    [
      { "content-type": "application/json", accept: "text/event-stream, application/json" },
      undefined,
    ],
    [{ "content-type": "application/json", accept: "" }, undefined],
    [{ "content-type": "application/json", accept: "application/json" }, "NotAcceptable"],
    [{ "content-type": "application/json", accept: "text/event-stream" }, "NotAcceptable"],
    [{ "content-type": "text/plain", accept: "*/*" }, "UnsupportedMediaType"],
    [{}, "UnsupportedMediaType"],
  ])("a POST with %j: %s", (headers, fault) => {
    const checked = checkMediaTypes(new Headers(headers));
    expect(checked.ok ? undefined : checked.error.error).toBe(fault);
  });
});

describe("a JSON-RPC message", () => {
  const read = (value: JsonValue): unknown => {
    const message = readMessage(value);
    return message.ok ? message.value : message.error;
  };
  const rpc = { jsonrpc: "2.0" };

  test("is a request, a notification or a response", () => {
    expect(read({ ...rpc, id: 1, method: "m" })).toEqual({
      kind: "request",
      id: 1,
      method: "m",
      params: {},
    });
    expect(read({ ...rpc, method: "m", params: { a: 1 } })).toEqual({
      kind: "notification",
      method: "m",
      params: { a: 1 },
    });
    expect(read({ ...rpc, id: "1", result: {} })).toEqual({
      kind: "response",
      id: "1",
      result: {},
    });
    expect(read({ ...rpc, id: 1, error: {} })).toEqual({ kind: "response", id: 1, error: {} });
  });

  test("ignores members of its own kind that nobody knows", () => {
    expect(read({ ...rpc, id: 0, method: "m", extra: true })).toMatchObject({
      kind: "request",
      id: 0,
    });
  });

  test.each<[string, JsonValue]>([
    ["an array", [{ ...rpc, id: 1, method: "m" }]],
    ["an empty array", []],
    ["null", null],
    ["a text", "x"],
    ["null as id", { ...rpc, id: null, method: "m" }],
    ["a fraction as id", { ...rpc, id: 1.5, method: "m" }],
    ["an id beyond what is exact", { ...rpc, id: 2 ** 53, method: "m" }],
    ["an object as id", { ...rpc, id: {}, method: "m" }],
    ["another version and no id", { jsonrpc: "1.0", method: "m" }],
    ["nothing but the version", rpc],
    ["a result without an id", { ...rpc, result: {} }],
    ["a request as a notification with null as id", { ...rpc, id: null, method: "tools/call" }],
    ["a result with null as id", { ...rpc, id: null, result: {} }],
  ])("is not %s; no id is made up", (_, value) => {
    expect(read(value)).toEqual({
      error: "InvalidRequest",
      message: expect.any(String) as unknown,
    });
    expect(requestIdOf(value)).toBeUndefined();
  });

  test.each<[string, JsonValue]>([
    ["no version", { id: 7, method: "m" }],
    ["a number as version", { jsonrpc: 2, id: 7, method: "m" }],
    ["a number as method", { ...rpc, id: 7, method: 1 }],
    ["a list of params", { ...rpc, id: 7, method: "m", params: [] }],
    ["method and result", { ...rpc, id: 7, method: "m", result: {} }],
    ["result and error", { ...rpc, id: 7, result: {}, error: {} }],
    ["a text as result", { ...rpc, id: 7, result: "x" }],
    ["an id alone", { ...rpc, id: 7 }],
  ])("is refused with its id for %s", (_, value) => {
    expect(read(value)).toEqual({
      error: "InvalidRequest",
      message: expect.any(String) as unknown,
    });
    expect(requestIdOf(value)).toBe(7);
  });

  test("needs no id where nobody answers: null is none there", () => {
    const notification = { kind: "notification", method: "notifications/x", params: {} };
    expect(read({ ...rpc, id: null, method: "notifications/x" })).toEqual(notification);
    const error = { code: -32700, message: "Parse error" };
    const unread = { kind: "response", id: undefined, error };
    expect(read({ ...rpc, id: null, error })).toEqual(unread);
    expect(read({ ...rpc, error })).toEqual(unread);
  });

  test.each<[string, JsonValue, JsonValue]>([
    [
      "a result beside an error that is null",
      { ...rpc, id: 1, result: {}, error: null },
      { result: {} },
    ],
    [
      "an error beside a result that is null",
      { ...rpc, id: 1, result: null, error: {} },
      { error: {} },
    ],
    [
      "a method that is null beside a result",
      { ...rpc, id: 1, method: null, result: {} },
      { result: {} },
    ],
    ["params", { ...rpc, id: 1, method: "m", params: null }, { params: {} }],
    [
      "a member of params",
      { ...rpc, id: 1, method: "m", params: { a: null, b: 0 } },
      { params: { b: 0 } },
    ],
    [
      "_meta",
      { ...rpc, id: 1, method: "m", params: { _meta: { a: null, b: { c: null } } } },
      { params: { _meta: { b: {} } } },
    ],
    [
      "what stands in a list",
      { ...rpc, id: 1, method: "m", params: { a: [null, { b: null }] } },
      { params: { a: [null, {}] } },
    ],
    [
      "arguments",
      { ...rpc, id: 1, method: "tools/call", params: { arguments: null } },
      { params: {} },
    ],
    [
      "an argument of a prompt",
      { ...rpc, id: 1, method: "prompts/get", params: { arguments: { a: null } } },
      { params: { arguments: {} } },
    ],
    [
      "an answer, also to a question that is called arguments",
      {
        ...rpc,
        id: 1,
        method: "tools/call",
        params: { inputResponses: { arguments: { content: null } } },
      },
      { params: { inputResponses: { arguments: {} } } },
    ],
  ])("has no member that is null: %s", (_, value, rest) => {
    const body = parseJsonBody(JSON.stringify(value));
    const message = body.ok ? readMessage(body.value) : body;
    const {
      kind: _kind,
      id: _id,
      method: _method,
      ...members
    } = (message.ok ? message.value : {}) as JsonObject;
    expect(members).toEqual(rest);
  });

  test("keeps null where it is a value of somebody else's, and where it is an id", () => {
    const own = { a: null, b: [null, { c: null, method: "tools/call", arguments: { d: null } }] };
    const call = {
      ...rpc,
      id: 1,
      method: "tools/call",
      params: { arguments: own, x: { id: null, a: null } },
    };
    const used = {
      type: "tool_use",
      id: "1",
      name: "t",
      input: { a: null, b: { c: null } },
      _meta: null,
    };
    const answer = { ...rpc, id: 1, result: { role: "assistant", content: [used], model: "m" } };
    const { _meta, ...kept } = used;
    expect(
      parseJsonBody(JSON.stringify([call, answer, { ...rpc, id: null, method: "m" }])),
    ).toEqual({
      ok: true,
      value: [
        { ...call, params: { arguments: own, x: { id: null } } },
        { ...answer, result: { ...answer.result, content: [kept] } },
        { ...rpc, id: null, method: "m" },
      ],
    });
  });

  test("comes alone or in a batch of at most 50; one that is none spoils the batch", () => {
    const one = { ...rpc, method: "m" };
    const count = (value: JsonValue): unknown => {
      const messages = readMessages(value);
      return messages.ok ? messages.value.length : messages.error.error;
    };
    expect([one, [one], Array(50).fill(one)].map((value) => count(value as JsonValue))).toEqual([
      1, 1, 50,
    ]);
    const wrong: JsonValue[] = [
      [],
      Array(51).fill(one) as JsonValue,
      [one, 1],
      [[one]],
      [one, null],
    ];
    expect(wrong.map(count)).toEqual(wrong.map(() => "InvalidRequest"));
  });

  test("holds so many values and no more, wherever they stand", () => {
    const list = (count: number): string => `[${Array(count).fill("1").join()}]`;
    expect(parseJsonBody(list(MAX_JSON_VALUES - 1)).ok).toBe(true);
    expect(parseJsonBody(list(MAX_JSON_VALUES))).toMatchObject({
      ok: false,
      error: { error: "InvalidRequest" },
    });
    const call = (values: string): string =>
      `{"method":"tools/call","params":{"arguments":${values}}}`;
    expect(parseJsonBody(call(list(MAX_JSON_VALUES - 5))).ok).toBe(true);
    expect(parseJsonBody(call(list(MAX_JSON_VALUES))).ok).toBe(false);
    const nested = (levels: number): string => call("[".repeat(levels) + "]".repeat(levels));
    expect(parseJsonBody(nested(62)).ok).toBe(true);
    expect(parseJsonBody(nested(63)).ok).toBe(false);
  });

  test("is not even parsed where it would be many times its size in memory", () => {
    const parse = vi.spyOn(JSON, "parse");
    const far = 2 * MAX_JSON_VALUES;
    const refused = { ok: false, error: { error: "InvalidRequest" } };
    for (const many of ["{},", "[],", '{"":0},', "0,", '"",'].map((piece) => piece.repeat(far + 1)))
      expect(parseJsonBody(`[${many}0]`), many.slice(0, 8)).toMatchObject(refused);
    expect(parseJsonBody(`{${'"":{'.repeat(far)}}`)).toMatchObject(refused);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    // What is inside strings is no value, wherever they end.
    const texts = ["[,{", '"[,', "\\[,{", '\\"[,{"', "\\"].map((piece) => piece.repeat(far + 1));
    for (const text of texts)
      expect(parseJsonBody(JSON.stringify([text, 1]))).toEqual({ ok: true, value: [text, 1] });
  });

  test("is JSON, not deeper than 64 levels", () => {
    const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
    expect(parseJsonBody(nested(64)).ok).toBe(true);
    expect(parseJsonBody(nested(65))).toMatchObject({
      ok: false,
      error: { error: "InvalidRequest" },
    });
    expect(parseJsonBody(nested(100_000))).toMatchObject({ ok: false });
    for (const text of ["", "{", "{a:1}", "NaN", "{}{}", "\ufeff{}"])
      expect(parseJsonBody(text), JSON.stringify(text)).toMatchObject({
        ok: false,
        error: { error: "ParseError" },
      });
  });

  test("is written on one line, with the id as it came, and without one where none was read", () => {
    expect(writeResult("1", '{"a":1}')).toBe('{"jsonrpc":"2.0","id":"1","result":{"a":1}}');
    const reason = { error: "InvalidParams", message: "no\nway" } as const;
    expect(writeError(1, reason)).toBe(
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no\\nway"}}',
    );
    expect(JSON.parse(writeError(undefined, { ...reason, data: [] }))).toEqual({
      jsonrpc: "2.0",
      error: { code: -32602, message: "no\nway", data: [] },
    });
    expect(JSON.parse(writeNotification("n", { a: "\n" }))).toEqual({
      jsonrpc: "2.0",
      method: "n",
      params: { a: "\n" },
    });
  });
});

describe("the size of a message", () => {
  const textOf = (bytes: number, letter: string): string =>
    JSON.stringify(letter.repeat(bytes / new TextEncoder().encode(letter).length));

  test.each(["x", "é", "€"])("is counted in bytes of UTF-8: %s", (letter) => {
    const frame = writeResult(1, '""').length;
    const largest = MAX_MESSAGE_BYTES - frame - ((MAX_MESSAGE_BYTES - frame) % 6);
    expect(JSON.parse(writeResult(1, textOf(largest, letter)))).toMatchObject({
      id: 1,
      result: expect.any(String) as string,
    });
    const error = {
      id: 1,
      error: { code: -32603, message: "The answer is larger than 1900000 bytes" },
    };
    expect(JSON.parse(writeResult(1, textOf(largest + 6, letter)))).toMatchObject(error);
    const reason = { error: "InvalidParams", message: letter.repeat(MAX_MESSAGE_BYTES) } as const;
    expect(JSON.parse(writeError(1, reason))).toMatchObject(error);
    expect(JSON.parse(writeError(undefined, reason))).not.toHaveProperty("id");
  });

  test.each(["x", "é", "€"])("an id has so many bytes: %s", (letter) => {
    const fits = letter.repeat(Math.floor(MAX_ID_BYTES / new TextEncoder().encode(letter).length));
    expect(readMessage({ jsonrpc: "2.0", id: fits, method: "m" })).toMatchObject({
      ok: true,
      value: { id: fits },
    });
    for (const message of [{ method: "m" }, { result: {} }, { error: {} }]) {
      const refused = readMessage({ jsonrpc: "2.0", id: fits + letter, ...message });
      expect(refused).toEqual({
        ok: false,
        error: {
          error: "InvalidRequest",
          message: '"id" must be an integer or a string of at most 1024 bytes',
        },
      });
      expect(readMessages([{ jsonrpc: "2.0", id: fits + letter, ...message }])).toEqual(refused);
      // Half a surrogate pair has no bytes in UTF-8: it could not be sent back.
      expect(readMessage({ jsonrpc: "2.0", id: "\ud800", ...message }).ok).toBe(false);
    }
  });
});

describe("a body", () => {
  const post = (body: BodyInit): Request => new Request("http://x/", { method: "POST", body });
  const chunked = (...chunks: string[]): Request =>
    post(
      new ReadableStream<Uint8Array>({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
          controller.close();
        },
      }),
    );

  test("is read up to the cap, whether its length is declared or not", async () => {
    expect(await readBody(post("12345678"), 8)).toEqual({ ok: true, value: "12345678" });
    expect(await readBody(chunked("1234", "5678"), 8)).toEqual({ ok: true, value: "12345678" });
    for (const request of [post("123456789"), chunked("1234", "56789"), chunked("123456789")])
      expect(await readBody(request, 8)).toMatchObject({
        ok: false,
        error: { error: "BodyTooLarge" },
      });
  });

  test("may be cut anywhere, into any number of pieces, within a letter too", async () => {
    const text = JSON.stringify({ "": "aé€😀" });
    const bytes = new TextEncoder().encode(text);
    const readInPieces = (...ends: number[]): ReturnType<typeof readBody> => {
      const pieces = ends.map((end, at) => bytes.slice(ends[at - 1] ?? 0, end)).toReversed();
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          const next = pieces.pop();
          if (next === undefined) controller.close();
          else controller.enqueue(next);
        },
      });
      return readBody(post(stream), bytes.length);
    };
    const places = Array.from(bytes, (_, at) => at + 1);
    for (const place of places)
      expect(await readInPieces(place, bytes.length)).toEqual({ ok: true, value: text });
    expect(await readInPieces(...places)).toEqual({ ok: true, value: text });
  });

  test.each<[string, Record<string, string>]>([
    ["in chunks", {}],
    ["of a given length", { "content-length": "8" }],
  ])("that ends before its end is refused: %s", async (_, headers) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Uint8Array.of(0x7b));
        controller.error(new Error("Network connection lost."));
      },
    });
    expect(await readBody(new Request("http://x/", { method: "POST", body, headers }), 8)).toEqual({
      ok: false,
      error: { error: "ParseError", message: "Body ends too early" },
    });
  });

  test("holds no bytes that are not UTF-8, and may be empty", async () => {
    expect(await readBody(post(Uint8Array.of(0x22, 0xc3, 0x22)), 8)).toMatchObject({
      ok: false,
      error: { error: "ParseError" },
    });
    expect(await readBody(new Request("http://x/", { method: "POST" }), 8)).toEqual({
      ok: true,
      value: "",
    });
  });
});
