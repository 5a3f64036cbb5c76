/**
 * What each revision of MCP over HTTP knows. The only room where a date may be written.
 * A method without a row is "method not found"; a field without a row is not sent.
 * https://modelcontextprotocol.io/specification: the page of each date and its changelog.
 */

/** How a client of this revision talks: in sessions opened by `initialize`, or with every request whole in itself. */
export type Era = "session" | "stateless";

export interface MethodRow {
  /** The member of `params` that must be repeated in `Mcp-Name`. */
  readonly mirrors?: "name" | "uri";
  /** The result may ask for input instead of completing. */
  readonly mayAsk?: true;
  /** The complete result carries `ttlMs` and `cacheScope`. */
  readonly cacheable?: true;
}

/** What a revision with sessions can say. What it cannot is left out or said more plainly (`legacy.ts`). */
export interface Words {
  /** Several messages in one POST. */
  readonly batches: boolean;
  /** A stream starts with an empty event, so that a client can come back before the first message. */
  readonly primes: boolean;
  /** Structured results; they must be objects. */
  readonly structured: boolean;
  readonly resourceLinks: boolean;
  /** Elicitation: none; plain fields and untitled choices; every field of today. */
  readonly forms: "none" | "plain" | "full";
  readonly urlMode: boolean;
  readonly samplingTools: boolean;
  /** Members of listed tools, resources, templates and prompts that did not exist yet. */
  readonly unknownEntryFields: readonly string[];
}

export interface Revision {
  readonly date: string;
  readonly era: Era;
  readonly methods: ReadonlyMap<string, MethodRow>;
  readonly words: Words;
}

/** What every revision has. Only the stateless era mirrors and caches. */
const COMMON_METHODS: Record<string, MethodRow> = {
  "tools/list": { cacheable: true },
  "tools/call": { mirrors: "name", mayAsk: true },
  "resources/list": { cacheable: true },
  "resources/templates/list": { cacheable: true },
  "resources/read": { mirrors: "uri", mayAsk: true, cacheable: true },
  "prompts/list": { cacheable: true },
  "prompts/get": { mirrors: "name", mayAsk: true },
  "completion/complete": {},
};

const STATELESS_METHODS = withCommon({ "server/discover": { cacheable: true }, "subscriptions/listen": {} });

const SESSION_METHODS = withCommon({
  initialize: {},
  ping: {},
  "logging/setLevel": {},
  "resources/subscribe": {},
  "resources/unsubscribe": {},
});

function withCommon(own: Record<string, MethodRow>): ReadonlyMap<string, MethodRow> {
  return new Map(Object.entries({ ...COMMON_METHODS, ...own }));
}

const NEWEST_WORDS: Words = {
  batches: false,
  primes: true,
  structured: true,
  resourceLinks: true,
  forms: "full",
  urlMode: true,
  samplingTools: true,
  unknownEntryFields: [],
};

const PLAIN_WORDS: Words = {
  ...NEWEST_WORDS,
  primes: false,
  forms: "plain",
  urlMode: false,
  samplingTools: false,
  unknownEntryFields: ["icons"],
};

const FIRST_WORDS: Words = {
  ...PLAIN_WORDS,
  batches: true,
  structured: false,
  resourceLinks: false,
  forms: "none",
  unknownEntryFields: ["icons", "title", "outputSchema", "_meta"],
};

/** Every served revision, newest first. */
const REVISIONS: readonly Revision[] = [
  { date: "2026-07-28", era: "stateless", methods: STATELESS_METHODS, words: NEWEST_WORDS },
  { date: "2025-11-25", era: "session", methods: SESSION_METHODS, words: NEWEST_WORDS },
  { date: "2025-06-18", era: "session", methods: SESSION_METHODS, words: PLAIN_WORDS },
  { date: "2025-03-26", era: "session", methods: SESSION_METHODS, words: FIRST_WORDS },
];

const BY_DATE: ReadonlyMap<string, Revision> = new Map(REVISIONS.map((revision) => [revision.date, revision]));

export const SERVED_DATES: readonly string[] = REVISIONS.map((revision) => revision.date);
const SESSIONS: readonly Revision[] = REVISIONS.filter(({ era }) => era === "session");
/** The revisions that begin with a handshake. */
export const SESSION_DATES: readonly string[] = SESSIONS.map(({ date }) => date);

/** The revision of this date, which may be anything that a client sent. */
export function revisionOf(date: unknown): Revision | undefined {
  return BY_DATE.get(date as string);
}

/** The revision a session will speak: the one asked for when it has sessions and is served, else the newest that has. */
export function negotiate(asked: string, only: string | undefined): Revision {
  const sessions = SESSIONS.filter(({ date }) => only === undefined || date === only);
  const [newest] = sessions;
  if (newest === undefined) throw new Error(`No revision with sessions is served: REVISION is "${only ?? ""}"`);
  return sessions.find(({ date }) => date === asked) ?? newest;
}
