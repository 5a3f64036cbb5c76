/**
 * One answer while it comes: its text, and of Server-Sent Events the messages and events, each line read once.
 * Follows the HTML Standard, "Interpreting an event stream". It refuses an answer that grows too long: a server under test
 * may never stop.
 */

import { json } from "./match.mjs";

/** The longest answer of an exchange has 12 MB, in 200 events. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_EVENTS = 10_000;
/** Commas and brackets. As JSON, an answer of these alone would have fifty times its bytes in memory. */
const MOST_VALUES = 1_000_000;
const VALUE_SIGNS = new Set(Buffer.from(",[{"));

/** An answer of which nothing has come. `taken`, `heard` and `told` say how much of it was shown before. */
export const newAnswer = (target) => ({
  target,
  abort: new AbortController(),
  response: undefined,
  text: "",
  /** The text as JSON, once it has come whole. */
  json: undefined,
  messages: [],
  events: [],
  /** How many events had come with each message. */
  marks: [],
  comments: 0,
  taken: 0,
  heard: 0,
  told: 0,
  ended: false,
  broken: undefined,
});

/** Reads `live` to its end, or until it is longer than `most` bytes. @throws what broke the connection. */
export async function receive(live, answer, most = MOST_BYTES) {
  live.response = await answer;
  const [type = ""] = (live.response.headers.get("content-type") ?? "").split(";");
  const isStream = type.trim().toLowerCase() === "text/event-stream";
  const read = isStream ? eventReader(live) : undefined;
  const decoder = new TextDecoder();
  let bytes = 0;
  let values = 0;
  for await (const chunk of live.response.body ?? []) {
    bytes += chunk.length;
    for (const byte of chunk) if (VALUE_SIGNS.has(byte)) values += 1;
    const text = decoder.decode(chunk, { stream: true });
    live.text += text;
    read?.(text);
    if (bytes > most || values > MOST_VALUES || live.events.length > MOST_EVENTS) {
      live.abort.abort();
      throw new Error(
        `the answer is too long: ${bytes} bytes, ${values} values and ${live.events.length} events have come`,
      );
    }
  }
  if (!isStream) live.json = json(live.text);
  if (type.trim().toLowerCase() === "application/json") live.messages = [live.json ?? []].flat();
  live.ended = true;
}

/** Takes text as it comes, and adds to `live` each event that is complete. */
function eventReader(live) {
  let line = "";
  let event = {};
  let wasReturn = false;
  const endOfEvent = () => {
    const message = json(event.data);
    if (Object.keys(event).length > 0) live.events.push(event);
    if (message !== undefined) live.marks[live.messages.push(message) - 1] = live.events.length;
    event = {};
  };
  const endOfLine = () => {
    if (line === "") return endOfEvent();
    if (line.startsWith(":")) live.comments += 1;
    else readField(event, line);
    line = "";
  };
  return (text) => {
    // A line may end with two characters, of which one came before.
    const news = wasReturn && text.startsWith("\n") ? text.slice(1) : text;
    let from = 0;
    for (const { index, 0: mark } of news.matchAll(/\r\n|\n|\r/gu)) {
      line += news.slice(from, index);
      from = index + mark.length;
      endOfLine();
    }
    line += news.slice(from);
    if (text !== "") wasReturn = text.endsWith("\r");
  };
}

function readField(event, line) {
  const colon = line.indexOf(":");
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /u, "");
  if (name === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
  else if (name === "retry") event.retry = Number(value);
  else if (name === "event" || name === "id") event[name] = value;
}

/** What a check sees: at most `count` messages that were not taken before, and what came with them. */
export function view(live, count, start) {
  const messages = live.messages.slice(live.taken, live.taken + count);
  const last = live.taken + messages.length;
  const heard = last < live.messages.length ? (live.marks[last - 1] ?? 0) : live.events.length;
  const replies = messages.filter((one) => !Object.hasOwn(Object(one), "method"));
  const seen = {
    messages,
    events: live.events.slice(live.heard, heard),
    comments: live.comments - live.told,
    reply: replies.length === 1 ? replies[0] : undefined,
    status: live.response?.status,
    headers: Object.fromEntries(live.response?.headers ?? []),
    ended: live.ended,
    took: performance.now() - start,
  };
  Object.assign(live, { taken: last, heard, told: live.comments });
  return seen;
}

/** Lets go what was shown of an answer that nobody reads on: it may be many times its bytes. */
export function forget(live) {
  Object.assign(live, { text: "", json: undefined, messages: [], events: [], marks: [] });
}
