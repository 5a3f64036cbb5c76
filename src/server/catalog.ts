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
  const listings = new Map<string, Listing>();
  // spec: tools.capability.declared, resources.capability.declared, prompts.capability.declared
  // spec: logging.capability.declared
  const capabilities: JsonObject = { logging: {} };
  const lists = new Set<ListName>();
  if (tools.length > 0) {
    capabilities["tools"] = { listChanged: true };
    lists.add("tools");
    // spec: tools.list.answered
    listings.set("tools/list", {
      member: "tools",
      entries: tools.map((one) => one.listing),
      keys: tools.map((one) => one.name),
    });
  }
  if (resources.length + templates.length > 0) {
    capabilities["resources"] = { listChanged: true, subscribe: true };
    lists.add("resources");
    // spec: resources.list.answered
    listings.set("resources/list", {
      member: "resources",
      entries: resources.map(showResource),
      keys: resources.map((one) => one.uri),
    });
    listings.set("resources/templates/list", {
      member: "resourceTemplates",
      entries: templates.map(showTemplate),
      keys: templates.map((one) => one.uriTemplate),
    });
  }
  if (prompts.length > 0) {
    capabilities["prompts"] = { listChanged: true };
    lists.add("prompts");
    // spec: prompts.list.answered
    listings.set("prompts/list", {
      member: "prompts",
      entries: prompts.map(showPrompt),
      keys: prompts.map((one) => one.name),
    });
  }
  // spec: completion.capability.declared
  if (templates.length + prompts.length > 0) capabilities["completions"] = {};
  const instructions = spec.instructions === undefined ? {} : { instructions: spec.instructions };
  return {
    info: spec.info,
    tools: byKey("tool", tools, (one) => one.name),
    resources: byKey("resource", resources, (one) => one.uri),
    templates: [...byKey("template", templates, (one) => one.uriTemplate).values()],
    prompts: byKey("prompt", prompts, (one) => one.name),
    listings,
    capabilities,
    lists,
    // spec: version.discover
    discovery: Object.freeze({ supportedVersions: [...SERVED_DATES], capabilities, ...instructions }),
    instructions: spec.instructions,
    pageSize: spec.pageSize ?? 100,
    listCache: spec.listCache ?? FIVE_MINUTES,
  };
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
