/**
 * What each revision of MCP over HTTP knows. The only folder where a date may be written.
 * A method without a row is "method not found"; a field without a row is not sent.
 * https://modelcontextprotocol.io/specification: the page of each date and its changelog.
 */

/** How a client of this revision talks: in sessions opened by `initialize`, or with every request whole in itself. */
export type Era = "session" | "stateless";

export interface MethodSpec {
  /** The member of `params` that must be repeated in `Mcp-Name`. */
  readonly mcpNameParam?: string;
  /** The result may ask for input instead of completing. */
  readonly mayRequireInput?: true;
  /** The complete result carries `ttlMs` and `cacheScope`. */
  readonly isCacheable?: true;
}

/** What a revision with sessions can say. What it cannot is left out or said more plainly (`session-encoding.ts`). */
export interface Features {
  /** Several messages in one POST. */
  readonly allowsBatches: boolean;
  /** A stream starts with an empty event, so that a client can come back before the first message. */
  readonly sendsPrimingEvent: boolean;
  /** Structured results; they must be objects. */
  readonly hasStructuredContent: boolean;
  readonly hasResourceLinks: boolean;
  /** None; plain fields and untitled choices; every field of today, and URLs. */
  readonly elicitation: "none" | "plain" | "full";
  readonly hasSamplingTools: boolean;
  /** Members of listed tools, resources, templates and prompts that did not exist yet. */
  readonly unknownEntryFields: readonly string[];
}

export interface Revision {
  readonly date: string;
  readonly era: Era;
  readonly methods: ReadonlyMap<string, MethodSpec>;
  readonly features: Features;
}

/** What every revision has. Only the stateless era mirrors and caches. */
const COMMON_METHODS: Record<string, MethodSpec> = {
  "tools/list": { isCacheable: true },
  "tools/call": { mcpNameParam: "name", mayRequireInput: true },
  "resources/list": { isCacheable: true },
  "resources/templates/list": { isCacheable: true },
  "resources/read": { mcpNameParam: "uri", mayRequireInput: true, isCacheable: true },
  "prompts/list": { isCacheable: true },
  "prompts/get": { mcpNameParam: "name", mayRequireInput: true },
  "completion/complete": {},
};

const STATELESS_METHODS = withCommonMethods({
  "server/discover": { isCacheable: true },
  "subscriptions/listen": {},
});

const SESSION_METHODS = withCommonMethods({
  initialize: {},
  ping: {},
  "logging/setLevel": {},
  "resources/subscribe": {},
  "resources/unsubscribe": {},
});

function withCommonMethods(
  addedMethods: Record<string, MethodSpec>,
): ReadonlyMap<string, MethodSpec> {
  return new Map(Object.entries({ ...COMMON_METHODS, ...addedMethods }));
}

const FEATURES_2025_11_25: Features = {
  allowsBatches: false,
  sendsPrimingEvent: true,
  hasStructuredContent: true,
  hasResourceLinks: true,
  elicitation: "full",
  hasSamplingTools: true,
  unknownEntryFields: [],
};

const FEATURES_2025_06_18: Features = {
  ...FEATURES_2025_11_25,
  sendsPrimingEvent: false,
  elicitation: "plain",
  hasSamplingTools: false,
  unknownEntryFields: ["icons"],
};

const FEATURES_2025_03_26: Features = {
  ...FEATURES_2025_06_18,
  allowsBatches: true,
  hasStructuredContent: false,
  hasResourceLinks: false,
  elicitation: "none",
  unknownEntryFields: ["icons", "title", "outputSchema", "_meta"],
};

const NEWEST_WITH_SESSIONS: Revision = {
  date: "2025-11-25",
  era: "session",
  methods: SESSION_METHODS,
  features: FEATURES_2025_11_25,
};

/** Every served revision, newest first. */
const REVISIONS: readonly Revision[] = [
  {
    date: "2026-07-28",
    era: "stateless",
    methods: STATELESS_METHODS,
    features: FEATURES_2025_11_25,
  },
  NEWEST_WITH_SESSIONS,
  { date: "2025-06-18", era: "session", methods: SESSION_METHODS, features: FEATURES_2025_06_18 },
  { date: "2025-03-26", era: "session", methods: SESSION_METHODS, features: FEATURES_2025_03_26 },
];

const REVISION_BY_DATE: ReadonlyMap<string, Revision> = new Map(
  REVISIONS.map((revision) => [revision.date, revision]),
);

/** The revisions of which each request is whole in itself: a server always has them. */
export const STATELESS_VERSIONS: readonly string[] = datesOf("stateless");
/** The revisions that begin with a handshake. */
export const SESSION_VERSIONS: readonly string[] = datesOf("session");

function datesOf(era: Era): string[] {
  return REVISIONS.filter((revision) => revision.era === era).map(({ date }) => date);
}

/** The revision of this date, which may be anything that a client sent. */
export function findRevision(date: unknown): Revision | undefined {
  return REVISION_BY_DATE.get(date as string);
}

/** The revision a session will speak: the one asked for when it has sessions and is served, else the newest that has. */
export function negotiateRevision(
  requestedVersion: string,
  pinnedRevision: string | undefined,
): Revision {
  const revision = findRevision(pinnedRevision ?? requestedVersion);
  return revision?.era === "session" ? revision : NEWEST_WITH_SESSIONS;
}
