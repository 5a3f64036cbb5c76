/**
 * What a server offers, made ready once: lookups by name, capabilities, and list pages that are the same object each
 * time they are asked for. MCP server/discover and the capabilities sections of server/*.
 * Refuses repeated names and undeclared scopes by throwing at start-up.
 */

import type { JsonObject } from "../base/json.ts";
import type { CacheHint } from "../base/outcome.ts";
import type { ListName } from "../hub/change.ts";
import type { Implementation } from "../revision/envelope.ts";
import { SERVED_DATES } from "../revision/revisions.ts";
import type { PromptSpec, ResourceSpec, ResourceTemplate, Scopes, ServerSpec, Tool } from "./define.ts";

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
  readonly templates: ReadonlyMap<string, ResourceTemplate>;
  readonly prompts: ReadonlyMap<string, PromptSpec>;
  /** The lists by the method that asks for them. */
  readonly listings: ReadonlyMap<string, Listing>;
  readonly scopes: Scopes;
  /** Whether any tool needs a scope, so that callers see different lists. */
  readonly restricted: boolean;
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
  const { info, instructions, scopes = {}, pageSize = 100, listCache = FIVE_MINUTES } = spec;
  const tools = byKey("tool", spec.tools, (one) => one.name);
  const resources = byKey("resource", spec.resources, (one) => one.uri);
  const templates = byKey("template", spec.templates, (one) => one.uriTemplate);
  const prompts = byKey("prompt", spec.prompts, (one) => one.name);
  requireScopes(scopes, tools);
  const capabilities: JsonObject = {
    // spec: logging.capability.declared
    logging: {},
    // spec: tools.capability.declared
    ...(tools.size > 0 && { tools: { listChanged: true } }),
    // spec: resources.capability.declared
    ...(resources.size + templates.size > 0 && { resources: { listChanged: true, subscribe: true } }),
    // spec: prompts.capability.declared
    ...(prompts.size > 0 && { prompts: { listChanged: true } }),
    // spec: completion.capability.declared
    ...(templates.size + prompts.size > 0 && { completions: {} }),
  };
  // A list that would be empty for want of the whole feature does not exist.
  const listings = new Map<string, Listing>();
  // spec: tools.list.answered
  if (tools.size > 0) listings.set("tools/list", listingOf("tools", tools, showTool));
  // spec: resources.list.answered
  if (resources.size + templates.size > 0) {
    listings.set("resources/list", listingOf("resources", resources, showResource));
    listings.set("resources/templates/list", listingOf("resourceTemplates", templates, showTemplate));
  }
  // spec: prompts.list.answered
  if (prompts.size > 0) listings.set("prompts/list", listingOf("prompts", prompts, showPrompt));
  const described = instructions === undefined ? { capabilities } : { capabilities, instructions };
  return {
    info,
    instructions,
    tools,
    resources,
    templates,
    prompts,
    scopes,
    capabilities,
    listings,
    pageSize,
    listCache,
    restricted: [...tools.values()].some((one) => one.scopes.length > 0),
    lists: new Set((["tools", "prompts", "resources"] as const).filter((list) => list in capabilities)),
    // spec: version.discover
    discovery: Object.freeze({ supportedVersions: [...SERVED_DATES], ...described }),
  };
}

function byKey<T>(what: string, items: readonly T[] = [], key: (item: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    // spec: tools.name.unique
    if (map.has(key(item))) throw new Error(`Two definitions of ${what} "${key(item)}"`);
    map.set(key(item), item);
  }
  return map;
}

/** Throws unless scopes can be written in a token (RFC 6749, section 3.3) and every one that is named is declared. */
function requireScopes(scopes: Scopes, tools: ReadonlyMap<string, Tool>): void {
  const wrong = Object.keys(scopes).find((name) => !/^[!#-[\]-~]+$/.test(name));
  if (wrong !== undefined) throw new Error(`Scope "${wrong}" holds a character that no scope may hold`);
  const implied = Object.values(scopes).flatMap((one) => one.implies ?? []);
  const named = [...tools.values()].flatMap((one) => one.scopes).concat(implied);
  const unknown = named.find((name) => !Object.hasOwn(scopes, name));
  if (unknown !== undefined) throw new Error(`Scope "${unknown}" is not declared`);
  for (const [name, { byDefault = true, implies = [] }] of Object.entries(scopes))
    if (byDefault && implies.some((one) => scopes[one]?.byDefault === false))
      throw new Error(`Scope "${name}" is given by default and implies one that is not`);
}

export function listingOf<T>(
  member: Listing["member"],
  items: ReadonlyMap<string, T>,
  show: (item: T) => JsonObject,
): Listing {
  return { member, entries: [...items.values()].map(show), keys: [...items.keys()] };
}

export function showTool({ listing }: Tool): JsonObject {
  return listing;
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
  return { ...shown, ...(listed && { arguments: listed }) } as unknown as JsonObject;
}
