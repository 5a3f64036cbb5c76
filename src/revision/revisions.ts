/**
 * What each revision of MCP over HTTP knows. The only room where a date may be written.
 * A method without a row is "method not found"; a field without a row is not sent.
 * https://modelcontextprotocol.io/specification: the page of each date and its changelog.
 */

/** How a client of this revision talks: in sessions opened by `initialize`, or with every request whole in itself. */
export type Era = "session" | "stateless";

/** The member of `params` that `Mcp-Name` repeats. */
export type MirroredName = "name" | "uri";

export interface MethodRow {
  /** Set when the method's name parameter must be repeated in `Mcp-Name`. */
  readonly mirrors?: MirroredName;
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

const STATELESS_METHODS: Record<string, MethodRow> = {
  "server/discover": { cacheable: true },
  "tools/list": { cacheable: true },
  "tools/call": { mirrors: "name", mayAsk: true },
  "resources/list": { cacheable: true },
  "resources/templates/list": { cacheable: true },
  "resources/read": { mirrors: "uri", mayAsk: true, cacheable: true },
  "prompts/list": { cacheable: true },
  "prompts/get": { mirrors: "name", mayAsk: true },
  "completion/complete": {},
  "subscriptions/listen": {},
};

const SESSION_METHODS: Record<string, MethodRow> = {
  initialize: {},
  ping: {},
  "logging/setLevel": {},
  "tools/list": {},
  "tools/call": { mayAsk: true },
  "resources/list": {},
  "resources/templates/list": {},
  "resources/read": { mayAsk: true },
  "resources/subscribe": {},
  "resources/unsubscribe": {},
  "prompts/list": {},
  "prompts/get": { mayAsk: true },
  "completion/complete": {},
};

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

/** Every served revision, newest first. */
export const REVISIONS: readonly Revision[] = [
  { date: "2026-07-28", era: "stateless", methods: new Map(Object.entries(STATELESS_METHODS)), words: NEWEST_WORDS },
  { date: "2025-11-25", era: "session", methods: new Map(Object.entries(SESSION_METHODS)), words: NEWEST_WORDS },
  {
    date: "2025-06-18",
    era: "session",
    methods: new Map(Object.entries(SESSION_METHODS)),
    words: {
      ...NEWEST_WORDS,
      primes: false,
      forms: "plain",
      urlMode: false,
      samplingTools: false,
      unknownEntryFields: ["icons"],
    },
  },
  {
    date: "2025-03-26",
    era: "session",
    methods: new Map(Object.entries(SESSION_METHODS)),
    words: {
      batches: true,
      primes: false,
      structured: false,
      resourceLinks: false,
      forms: "none",
      urlMode: false,
      samplingTools: false,
      unknownEntryFields: ["icons", "title", "outputSchema", "_meta"],
    },
  },
];

const BY_DATE: ReadonlyMap<string, Revision> = new Map(REVISIONS.map((revision) => [revision.date, revision]));

export const SERVED_DATES: readonly string[] = REVISIONS.map((revision) => revision.date);

export function revisionOf(date: string): Revision | undefined {
  return BY_DATE.get(date);
}

/** The revision a session will speak: the one asked for when it has sessions and is served, else the newest that has. */
export function negotiate(asked: string, only: string | undefined): Revision {
  const sessions = REVISIONS.filter(({ era, date }) => era === "session" && (only === undefined || date === only));
  const [newest] = sessions;
  if (newest === undefined) throw new Error(`No revision with sessions is served: REVISION is "${only ?? ""}"`);
  return sessions.find(({ date }) => date === asked) ?? newest;
}
