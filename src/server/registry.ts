/**
 * What a server offers, made ready once: lookups by name, capabilities, and list pages that are the same object each
 * time they are asked for. MCP server/discover and the capabilities sections of server/*.
 * Refuses repeated names and undeclared scopes by throwing at start-up.
 */

import type { JsonObject } from "../base/json.ts";
import type { CacheHint } from "../protocol/outcome.ts";
import type { ListName } from "../protocol/change.ts";
import type { Implementation } from "../protocol/request-meta.ts";
import { STATELESS_VERSIONS } from "../protocol/versions.ts";
import type {
  PromptSpec,
  ResourceSpec,
  ResourceTemplate,
  Scopes,
  ServerSpec,
  Tool,
} from "./define.ts";

/** A list: the member its results have, and its entries as clients see them, in order. */
export interface ListContents {
  readonly member: string;
  readonly entries: readonly JsonObject[];
  /** What identifies an entry: its name, or its URI. */
  readonly keys: readonly string[];
}

export interface Server {
  readonly info: Implementation;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly resources: ReadonlyMap<string, ResourceSpec>;
  readonly templates: ReadonlyMap<string, ResourceTemplate>;
  readonly prompts: ReadonlyMap<string, PromptSpec>;
  /** The lists by the method that asks for them. */
  readonly listsByMethod: ReadonlyMap<string, ListContents>;
  readonly scopes: Scopes;
  /** Whether any tool needs a scope, so that callers see different lists. */
  readonly hasRestrictedTools: boolean;
  readonly capabilities: JsonObject;
  /** Extensions that sessions have too, by id. */
  readonly sessionExtensions: JsonObject;
  /** The revisions that are served, newest first. */
  readonly versions: readonly string[];
  /** The lists that can change, for subscriptions. */
  readonly changeableLists: ReadonlySet<ListName>;
  readonly discoverResult: JsonObject;
  readonly instructions: string | undefined;
  readonly pageSize: number;
  readonly listCache: CacheHint;
}

const CHANGEABLE_LISTS = ["tools", "prompts", "resources"] as const;
const FIVE_MINUTES: CacheHint = { ttlMs: 300_000, scope: "public" };

/** What the parts of the Worker that are there make possible. */
export interface ServedFeatures {
  /** Revisions beyond the stateless ones. */
  readonly versions: readonly string[];
  /** Whether clients can learn of changes. */
  readonly sendsChanges: boolean;
  /** Extensions by id, with what clients are told of each. */
  readonly extensions: JsonObject;
  /** Those of them that sessions have too. */
  readonly sessionExtensions?: JsonObject;
}

/** Checks a definition once. @throws on a wrong name, schema or scope, and says which. */
export function buildServer(
  spec: ServerSpec,
  served: ServedFeatures = { versions: [], sendsChanges: false, extensions: {} },
): Server {
  const { info, instructions, scopes = {}, pageSize = 100, listCache = FIVE_MINUTES } = spec;
  if (!(Number.isInteger(pageSize) && pageSize > 0))
    throw new Error("pageSize must be a whole number above 0");
  const tools = indexBy("tool", spec.tools, (one) => one.name);
  const resources = indexBy("resource", spec.resources, (one) => one.uri);
  const templates = indexBy("template", spec.templates, (one) => one.uriTemplate);
  const prompts = indexBy("prompt", spec.prompts, (one) => one.name);
  requireScopes(scopes, tools);
  const versions = [...STATELESS_VERSIONS, ...served.versions];
  const definitions = { tools, resources, templates, prompts };
  const capabilities = capabilitiesOf(definitions, served);
  const { extensions, sessionExtensions = {} } = served;
  const discoverResult = {
    supportedVersions: versions,
    // spec: extension.id.format
    capabilities:
      Object.keys(extensions).length > 0 ? { ...capabilities, extensions } : capabilities,
    ...(instructions !== undefined && { instructions }),
  };
  return {
    info,
    instructions,
    ...definitions,
    scopes,
    capabilities,
    sessionExtensions,
    versions,
    listsByMethod: listsOf(definitions),
    pageSize,
    listCache,
    hasRestrictedTools: [...tools.values()].some((one) => one.scopes.length > 0),
    changeableLists: new Set(
      CHANGEABLE_LISTS.filter((list) => served.sendsChanges && list in capabilities),
    ),
    // spec: version.discover
    discoverResult: Object.freeze(discoverResult),
  };
}

function indexBy<T>(
  kind: string,
  items: readonly T[] = [],
  key: (item: T) => string,
): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    // spec: tools.name.unique
    if (map.has(key(item))) throw new Error(`Two definitions of ${kind} "${key(item)}"`);
    map.set(key(item), item);
  }
  return map;
}

/** Throws unless scopes can be written in a token (RFC 6749, section 3.3) and every one that is named is declared. */
function requireScopes(scopes: Scopes, tools: ReadonlyMap<string, Tool>): void {
  const invalidScope = Object.keys(scopes).find((name) => !/^[!#-[\]-~]+$/.test(name));
  if (invalidScope !== undefined)
    throw new Error(`Scope "${invalidScope}" holds a character that no scope may hold`);
  const requireDeclared = (owner: string, names: readonly string[] = []): void => {
    const undeclared = names.find((name) => !Object.hasOwn(scopes, name));
    if (undeclared !== undefined)
      throw new Error(`Scope "${undeclared}" of ${owner} is not declared`);
  };
  for (const one of tools.values()) requireDeclared(`tool "${one.name}"`, one.scopes);
  for (const [name, one] of Object.entries(scopes)) requireDeclared(`scope "${name}"`, one.implies);
  for (const [name, { isDefault = true, implies = [] }] of Object.entries(scopes))
    if (isDefault && implies.some((one) => scopes[one]?.isDefault === false))
      throw new Error(`Scope "${name}" is a default and implies one that is not`);
}

type Definitions = Pick<Server, "tools" | "resources" | "templates" | "prompts">;

/** What clients are told that they may ask for. */
function capabilitiesOf(
  { tools, resources, templates, prompts }: Definitions,
  { sendsChanges }: ServedFeatures,
): JsonObject {
  const listChanged: JsonObject = sendsChanges ? { listChanged: true } : {};
  return {
    // spec: logging.capability.declared
    logging: {},
    // spec: tools.capability.declared
    ...(tools.size > 0 && { tools: listChanged }),
    // spec: resources.capability.declared
    ...(resources.size + templates.size > 0 && {
      resources: sendsChanges ? { listChanged: true, subscribe: true } : {},
    }),
    // spec: prompts.capability.declared
    ...(prompts.size > 0 && { prompts: listChanged }),
    // spec: completion.capability.declared
    ...(templates.size + prompts.size > 0 && { completions: {} }),
  };
}

/** The lists by the method that asks for them. One that would be empty for want of the whole feature does not exist. */
function listsOf({
  tools,
  resources,
  templates,
  prompts,
}: Definitions): ReadonlyMap<string, ListContents> {
  const listsByMethod = new Map<string, ListContents>();
  // spec: tools.list.answered
  if (tools.size > 0) listsByMethod.set("tools/list", listContentsOf("tools", tools, toolEntry));
  // spec: resources.list.answered
  if (resources.size + templates.size > 0) {
    listsByMethod.set("resources/list", listContentsOf("resources", resources, resourceEntry));
    listsByMethod.set(
      "resources/templates/list",
      listContentsOf("resourceTemplates", templates, templateEntry),
    );
  }
  // spec: prompts.list.answered
  if (prompts.size > 0)
    listsByMethod.set("prompts/list", listContentsOf("prompts", prompts, promptEntry));
  return listsByMethod;
}

/** What a list request gives of `items`, and the keys by which its pages go on. */
export function listContentsOf<T>(
  member: ListContents["member"],
  items: ReadonlyMap<string, T>,
  toEntry: (item: T) => JsonObject,
): ListContents {
  return { member, entries: [...items.values()].map(toEntry), keys: [...items.keys()] };
}

/** A tool as `tools/list` shows it. */
export function toolEntry({ listEntry }: Tool): JsonObject {
  return listEntry;
}

/** A resource as `resources/list` shows it. */
export function resourceEntry({ read: _read, cache: _cache, ...entry }: ResourceSpec): JsonObject {
  return entry as unknown as JsonObject;
}

function templateEntry(spec: ResourceTemplate): JsonObject {
  const { read: _read, cache: _cache, complete: _complete, template: _template, ...entry } = spec;
  return entry as unknown as JsonObject;
}

function promptEntry({ handler: _handler, arguments: args, ...entry }: PromptSpec): JsonObject {
  const argumentEntries = args?.map(({ complete: _complete, ...argument }) => argument);
  return {
    ...entry,
    ...(argumentEntries && { arguments: argumentEntries }),
  } as unknown as JsonObject;
}
