/** What the wire view keeps of a record: a line of its list, with all that can be expanded, and no secret. */

import { findRevision } from "../../protocol/versions.ts";
import { summarizeMessages } from "./message-title.ts";
import { redactBody, redactHeaders, redactUrl, type HeaderField } from "./redact.ts";

/** What `recorder.mjs` sends. Which members are there depends on `what`. */
export interface WireRecord {
  readonly what:
    | "request"
    | "request-body"
    | "response"
    | "response-body"
    | "event"
    | "end"
    | "woke"
    | "called";
  readonly bundle: string;
  /** Of one exchange. */
  readonly exchange?: string;
  readonly object?: string;
  readonly objectId?: string;
  /** Milliseconds since 1970. */
  readonly at?: number;
  readonly ms?: number;
  readonly marks?: readonly number[];
  readonly method?: string;
  readonly url?: string;
  readonly headers?: readonly HeaderField[];
  readonly status?: number;
  readonly responseHeaders?: readonly HeaderField[];
  readonly text?: string;
  /** The body is longer than what is recorded. */
  readonly isLong?: boolean;
  /** The client closed the stream. */
  readonly left?: boolean;
  readonly threw?: string;
}

interface EntryBase {
  /** Counts all entries, from 1. */
  readonly n: number;
  /** Grows with each change of any entry. */
  version: number;
  readonly at: number;
  /** What the line says. */
  title: string;
  era: string;
  /** The beginning of the session's id. */
  session: string;
  ms?: number;
  /** Entries of the ledger whose cited lines ran. */
  ids: readonly string[];
  threw?: string;
}

export interface ExchangeEntry extends EntryBase {
  readonly kind: "exchange";
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly HeaderField[];
  body?: string;
  /** Why the body is not here. */
  bodyNote?: string;
  status?: number;
  /** Milliseconds until the header of the answer. */
  headerMs?: number;
  responseHeaders?: readonly HeaderField[];
  responseBody?: string;
  responseNote?: string;
  state: "waiting" | "open" | "ended" | "left";
  events: number;
}

/** An SSE event, or a comment. */
export interface EventEntry extends EntryBase {
  readonly kind: "event";
  /** The number of the exchange whose stream it is of. */
  readonly of: number;
  readonly text: string;
}

/** A Durable Object was constructed, or was called. */
export interface ObjectEntry extends EntryBase {
  readonly kind: "object";
  readonly object: string;
  readonly objectId: string;
  readonly what: "woke" | "called";
  readonly method: string;
}

export type WireEntry = ExchangeEntry | EventEntry | ObjectEntry;

/** Texts that are secrets wherever they stand. */
type Known = readonly string[];

/** Header fields that the development server adds. */
const ADDED = /^(cf-|mf-|x-forwarded-|x-real-ip$|accept-encoding$)/;

export function exchangeEntry(n: number, record: WireRecord, known: Known): ExchangeEntry {
  const { exchange: id = "", at = 0, method = "", url = "", headers = [] } = record;
  const own = redactHeaders(
    headers.filter(([name]) => !ADDED.test(name)),
    known,
  );
  const path = redactUrl(url.replace(/^https?:\/\/[^/]*/, ""), known);
  return {
    kind: "exchange",
    n,
    version: 0,
    id,
    at,
    method,
    url: redactUrl(url, known),
    title: path,
    headers: own,
    era: eraOf(fieldOf(headers, "mcp-protocol-version"), fieldOf(headers, "mcp-session-id")),
    session: shortSession(fieldOf(headers, "mcp-session-id")),
    ids: [],
    state: "waiting",
    events: 0,
  };
}

/** Puts the body of its request into an entry, and what it says of the call. */
export function addRequestBody(entry: ExchangeEntry, record: WireRecord, known: Known): void {
  const { text, isLong = false } = record;
  if (isLong || text === undefined) {
    entry.bodyNote = "longer than the 65,536 characters that are recorded";
    return;
  }
  if (text === "") return;
  entry.body = redactBody(text, fieldOf(entry.headers, "content-type"), known);
  const said = summarizeMessages(text);
  if (said.title !== "") entry.title = `${entry.title}  ${shortTitle(said.title, known)}`;
  if (entry.era === "") entry.era = eraOf(said.version, "");
}

export function addResponse(entry: ExchangeEntry, record: WireRecord, known: Known): void {
  const { status = 0, responseHeaders = [], ms = 0 } = record;
  entry.status = status;
  entry.headerMs = ms;
  entry.responseHeaders = redactHeaders(responseHeaders, known);
  entry.state = "open";
  entry.session ||= shortSession(fieldOf(responseHeaders, "mcp-session-id"));
}

export function addResponseBody(entry: ExchangeEntry, record: WireRecord, known: Known): void {
  const { text = "", isLong = false } = record;
  const mediaType = fieldOf(entry.responseHeaders ?? [], "content-type");
  if (isLong) entry.responseNote = "longer than the 65,536 characters that are recorded";
  // A picture has nothing to read.
  else if (/^(image|font|audio|video)\//.test(mediaType)) entry.responseNote = `a ${mediaType}`;
  else entry.responseBody = redactBody(text, mediaType, known);
}

export function eventEntry(
  n: number,
  entry: ExchangeEntry,
  record: WireRecord,
  known: Known,
): EventEntry {
  const { text = "" } = record;
  const data = [...text.matchAll(/^data: ?(.*)$/gm)].map(([, line = ""]) => line).join("\n");
  const { title } = summarizeMessages(data);
  const plain = data === "" ? text.trim().replaceAll(/\s*\n\s*/g, ", ") : "data";
  return {
    kind: "event",
    n,
    version: 0,
    of: entry.n,
    at: Date.now(),
    title: shortTitle(title || plain, known),
    text: redactBody(text, "", known),
    era: entry.era,
    session: entry.session,
    ids: [],
  };
}

/** What was thrown, without secrets. */
export function thrownText({ threw }: WireRecord, known: Known): string | undefined {
  return threw === undefined ? undefined : redactBody(threw, "", known);
}

export function objectEntry(n: number, record: WireRecord): ObjectEntry {
  const { object = "", objectId = "", at = 0, method = "", what } = record;
  return {
    kind: "object",
    n,
    version: 0,
    at,
    object,
    objectId: objectId.slice(0, 8),
    what: what === "woke" ? "woke" : "called",
    method,
    title: what === "woke" ? "woke up" : `${method}()`,
    era: object === "Session" ? "session" : "",
    session: object === "Session" ? objectId.slice(0, 8) : "",
    ids: [],
  };
}

function fieldOf(fields: readonly HeaderField[], name: string): string {
  return fields.find(([one]) => one.toLowerCase() === name)?.[1] ?? "";
}

function shortSession(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 8) : "";
}

/** The era that a request is of, as far as it says; empty where it says nothing. */
function eraOf(version: string, session: string): string {
  return findRevision(version)?.era ?? (session === "" ? "" : "session");
}

/** Cut when its secrets are out: of one that is cut in two, the beginning would not be known for it. */
function shortTitle(title: string, known: readonly string[]): string {
  return redactBody(title, "", known).slice(0, 120);
}
