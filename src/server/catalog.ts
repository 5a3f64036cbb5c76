/**
 * What a server offers, made ready once: lookups by name, capabilities, and list pages that are the same object each
 * time they are asked for. MCP server/discover and the capabilities sections of server/*.
 * Refuses repeated names by throwing at start-up.
 */

import type { JsonObject } from "../base/json.ts";
import type { CacheHint } from "../base/outcome.ts";
import type { ListName } from "../hub/change.ts";
import type { Implementation } from "../revision/envelope.ts";
import { SERVED_DATES } from "../revision/revisions.ts";
import type { PromptSpec, ResourceSpec, ResourceTemplate, ServerSpec, Tool } from "./define.ts";

/** One of the four lists: the member its results have, and its entries as clients see them, in order. */
export interface Listing {
  readonly member: "tools" | "resources" | "resourceTemplates" | "prompts";
  readonly entries: readonly JsonObject[];
  /** What identifies an entry: its name, or its URI. */
  readonly keys: readonly string[];
}

export interface Server {
  readonly info: Implementation;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly resources: ReadonlyMap<string, ResourceSpec>;
  readonly templates: readonly ResourceTemplate[];
  readonly prompts: ReadonlyMap<string, PromptSpec>;
  readonly listings: ReadonlyMap<string, Listing>;
  // spec: extension.id.format
  readonly capabilities: JsonObject;
  /** The lists that can change, for subscriptions. */
  readonly lists: ReadonlySet<ListName>;
  readonly discovery: JsonObject;
  readonly instructions: string | undefined;
  readonly pageSize: number;
  readonly listCache: CacheHint;
}

const FIVE_MINUTES: CacheHint = { ttlMs: 300_000, scope: "public" };

export function catalog(spec: ServerSpec): Server {
  const { tools = [], resources = [], templates = [], prompts = [] } = spec;
  const capabilities = capabilitiesOf(spec);
  const instructions = spec.instructions === undefined ? {} : { instructions: spec.instructions };
  return {
    info: spec.info,
    tools: byKey("tool", tools, (one) => one.name),
    resources: byKey("resource", resources, (one) => one.uri),
    templates: [...byKey("template", templates, (one) => one.uriTemplate).values()],
    prompts: byKey("prompt", prompts, (one) => one.name),
    listings: listingsOf(spec),
    capabilities,
    lists: new Set((["tools", "prompts", "resources"] as const).filter((list) => list in capabilities)),
    // spec: version.discover
    discovery: Object.freeze({ supportedVersions: [...SERVED_DATES], capabilities, ...instructions }),
    instructions: spec.instructions,
    pageSize: spec.pageSize ?? 100,
    listCache: spec.listCache ?? FIVE_MINUTES,
  };
}

function capabilitiesOf({ tools = [], resources = [], templates = [], prompts = [] }: ServerSpec): JsonObject {
  return {
    // spec: logging.capability.declared
    logging: {},
    // spec: tools.capability.declared
    ...(tools.length > 0 && { tools: { listChanged: true } }),
    // spec: resources.capability.declared
    ...(resources.length + templates.length > 0 && { resources: { listChanged: true, subscribe: true } }),
    // spec: prompts.capability.declared
    ...(prompts.length > 0 && { prompts: { listChanged: true } }),
    // spec: completion.capability.declared
    ...(templates.length + prompts.length > 0 && { completions: {} }),
  };
}

/** A list that would be empty for want of the whole feature does not exist. */
function listingsOf({ tools = [], resources = [], templates = [], prompts = [] }: ServerSpec): Map<string, Listing> {
  const listings = new Map<string, Listing>();
  const add = (method: string, member: Listing["member"], entries: JsonObject[], keys: string[]): void =>
    void listings.set(method, { member, entries, keys });
  // spec: tools.list.answered
  if (tools.length > 0)
    add(
      "tools/list",
      "tools",
      tools.map(({ listing }) => listing),
      tools.map(({ name }) => name),
    );
  // spec: resources.list.answered
  if (resources.length + templates.length > 0) {
    add(
      "resources/list",
      "resources",
      resources.map(showResource),
      resources.map(({ uri }) => uri),
    );
    add(
      "resources/templates/list",
      "resourceTemplates",
      templates.map(showTemplate),
      templates.map((one) => one.uriTemplate),
    );
  }
  // spec: prompts.list.answered
  if (prompts.length > 0)
    add(
      "prompts/list",
      "prompts",
      prompts.map(showPrompt),
      prompts.map(({ name }) => name),
    );
  return listings;
}

function byKey<T>(what: string, items: readonly T[], key: (item: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    // spec: tools.name.unique
    if (map.has(key(item))) throw new Error(`Two definitions of ${what} "${key(item)}"`);
    map.set(key(item), item);
  }
  return map;
}

function showResource({ read: _read, cache: _cache, ...shown }: ResourceSpec): JsonObject {
  return shown as unknown as JsonObject;
}

function showTemplate(spec: ResourceTemplate): JsonObject {
  const { read: _read, cache: _cache, complete: _complete, template: _template, ...shown } = spec;
  return shown as unknown as JsonObject;
}

function showPrompt({ handler: _handler, arguments: args, ...shown }: PromptSpec): JsonObject {
  const listed = args?.map(({ complete: _complete, ...argument }) => argument);
  return { ...shown, ...(listed === undefined ? {} : { arguments: listed }) } as unknown as JsonObject;
}
