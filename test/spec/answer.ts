/**
 * Reading an HTTP answer while it arrives: text, SSE events (HTML Standard, server-sent-events) and JSON-RPC messages.
 * Keeps everything; `take` hands out what has not been taken yet. Judges nothing.
 */

import { isObject, type Json, type JsonObject } from "./format.ts";
import { readForm, readLocation } from "./page.ts";

/** What a check looks at. Members that are not there are `undefined`. */
export type View = {
  status: number | undefined;
  headers: JsonObject;
  body: string | undefined;
  json: Json | undefined;
  /** The first form of an HTML page: action, method, fields. */
  form: Json | undefined;
  /** The Location header in its parts: url, query, fragment. */
  location: Json | undefined;
  reply: Json | undefined;
  messages: Json[];
  events: JsonObject[];
  comments: number;
  ended: boolean;
  took: number;
};

/** The parts of a view that checks name, apart from headers. */
export const PARTS: readonly Exclude<keyof View, "headers">[] = [
  ...(["status", "body", "json", "form", "location"] as const),
  ...(["reply", "messages", "events", "comments", "ended", "took"] as const),
];

export type Live = {
  /** Resolves when the header is there; rejects when there is no answer. */
  head: Promise<Response>;
  response: Response | undefined;
  text: string;
  events: JsonObject[];
  comments: number;
  messages: Json[];
  /** For each message, how many events had come with it. */
  marks: number[];
  taken: { events: number; comments: number; messages: number };
  ended: boolean;
  broken: string | undefined;
  changed: () => void;
  abort: AbortController;
};

/** Begins to read. A broken connection is noted, not thrown. */
export function listen(call: (signal: AbortSignal) => Promise<Response>): Live {
  const abort = new AbortController();
  const live: Live = {
    head: call(abort.signal),
    response: undefined,
    text: "",
    events: [],
    comments: 0,
    messages: [],
    marks: [],
    taken: { events: 0, comments: 0, messages: 0 },
    ended: false,
    broken: undefined,
    changed: () => undefined,
    abort,
  };
  void drain(live).catch((reason: unknown) => {
    live.broken = reason instanceof Error ? reason.message : String(reason);
    live.ended = true;
    live.changed();
  });
  return live;
}

/** Waits until `enough` says so or `ms` have passed; true when it was enough. */
export async function until(live: Live, ms: number, enough: () => boolean): Promise<boolean> {
  if (enough()) return true;
  return await new Promise((resolve) => {
    const finish = (answer: boolean): void => {
      clearTimeout(timer);
      live.changed = () => undefined;
      resolve(answer);
    };
    const timer = setTimeout(() => finish(enough()), ms);
    live.changed = () => {
      if (enough()) finish(true);
    };
  });
}

/** What has arrived and was not taken before: at most `count` messages, and the events they came in. */
export function take(live: Live, count: number, took: number): View {
  const from = { ...live.taken };
  const messages = live.messages.slice(from.messages, from.messages + count);
  const last = from.messages + messages.length;
  const events = last < live.messages.length ? (live.marks[last - 1] ?? 0) : live.events.length;
  live.taken = { events, comments: live.comments, messages: last };
  return view(
    live,
    took,
    messages,
    live.events.slice(from.events, events),
    live.comments - from.comments,
  );
}

/** An answer that has only begun: what comes, also with the header, is left to be taken. */
export function head(live: Live, took: number): View {
  return view(live, took, [], [], 0);
}

/** The whole answer to a request to `url`, with its body. */
export function whole(live: Live, took: number, url: URL): View {
  const seen = view(live, took, live.messages, live.events, live.comments);
  const type = text(seen.headers["content-type"]);
  const form = /^text\/html\b/iu.test(type) ? readForm(live.text, url) : undefined;
  const location =
    seen.headers["location"] === undefined
      ? undefined
      : readLocation(text(seen.headers["location"]), url);
  return { ...seen, body: live.text, json: parse(live.text), form, location };
}

/** The answer of a server that does nothing: every check that proves something must fail against it. */
export function blank(kind: "send" | "open" | "read"): View {
  const nothing = {
    json: undefined,
    form: undefined,
    location: undefined,
    reply: undefined,
    messages: [],
    events: [],
    comments: 0,
    ended: true,
    took: 0,
  };
  return { status: 200, headers: {}, body: kind === "send" ? "" : undefined, ...nothing };
}

/** The one message that answers: it has no `method`. */
export function replyOf(messages: Json[]): Json | undefined {
  const replies = messages.filter((one) => isObject(one) && !Object.hasOwn(one, "method"));
  return replies.length === 1 ? replies[0] : undefined;
}

/** A parser to be fed text as it comes. CR, LF and CRLF end a line, also when a chunk ends between the two. */
export function sseParser(
  onEvent: (event: JsonObject) => void,
  onComment: () => void,
): (chunk: string) => void {
  let rest = "";
  let event: JsonObject = {};
  const line = (text: string): void => {
    if (text === "") {
      if (Object.keys(event).length > 0) onEvent(event);
      event = {};
      return;
    }
    if (text.startsWith(":")) return onComment();
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/su.exec(text) ?? [];
    if (name === "data")
      event["data"] = typeof event["data"] === "string" ? `${event["data"]}\n${value}` : value;
    else if (name === "retry" && /^\d+$/u.test(value)) event["retry"] = Number(value);
    else if (name === "event" || name === "id") event[name] = value;
  };
  const ending = /\r\n|\n|\r(?!$)/gu;
  let waitsForLf = false;
  return (chunk) => {
    const before = rest.length;
    rest += chunk;
    // What came before holds no end of a line: a long one that comes in many pieces is not searched anew with each.
    if (!waitsForLf && !/[\r\n]/u.test(chunk)) return;
    ending.lastIndex = Math.max(0, before - 1);
    let start = 0;
    // A CR at the very end may be half of a CRLF: it waits for the next chunk.
    for (let found = ending.exec(rest); found !== null; found = ending.exec(rest)) {
      line(rest.slice(start, found.index));
      start = found.index + found[0].length;
    }
    rest = rest.slice(start);
    waitsForLf = rest.endsWith("\r");
  };
}

async function drain(live: Live): Promise<void> {
  const response = await live.head;
  live.response = response;
  live.changed();
  const kind = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  const feed = sseParser(
    (event) => {
      live.events.push(event);
      const message = typeof event["data"] === "string" ? parse(event["data"]) : undefined;
      if (message === undefined) return;
      live.messages.push(message);
      live.marks.push(live.events.length);
    },
    () => {
      live.comments += 1;
    },
  );
  const decoder = new TextDecoder();
  for await (const chunk of chunks(response)) {
    const text = decoder.decode(chunk, { stream: true });
    live.text += text;
    if (kind === "text/event-stream") feed(text);
    live.changed();
  }
  if (kind === "application/json") {
    const value = parse(live.text);
    if (value !== undefined) live.messages.push(...(Array.isArray(value) ? value : [value]));
  }
  live.ended = true;
  live.changed();
}

async function* chunks(response: Response): AsyncGenerator<Uint8Array> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  for (
    let next = await reader?.read();
    next !== undefined && !next.done;
    next = await reader?.read()
  )
    yield next.value;
}

function view(
  live: Live,
  took: number,
  messages: Json[],
  events: JsonObject[],
  comments: number,
): View {
  const headers: JsonObject = {};
  // oxlint-disable-next-line unicorn/no-array-for-each -- Headers.entries() is not in every type library
  live.response?.headers.forEach((value, name) => {
    const before = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = before === undefined ? value : `${text(before)}, ${value}`;
  });
  const rest = { reply: replyOf(messages), messages, events, comments, ended: live.ended, took };
  return {
    status: live.response?.status,
    headers,
    body: undefined,
    json: undefined,
    form: undefined,
    location: undefined,
    ...rest,
  };
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
