/**
 * What of the world a server offers, learnt in the words of a revision: from its lists, and from the capabilities that it
 * declares in its first answer. A list that the server does not have is empty.
 */

import { isObject, type Json, type Step, type Templates } from "./format.ts";
import { walk, type Host } from "./walk.ts";

const LISTS = [
  { kind: "tools", method: "tools/list", member: "tools", name: "name" },
  { kind: "prompts", method: "prompts/list", member: "prompts", name: "name" },
  { kind: "resources", method: "resources/list", member: "resources", name: "uri" },
  {
    kind: "templates",
    method: "resources/templates/list",
    member: "resourceTemplates",
    name: "uriTemplate",
  },
] as const;

/** Names such as `tools/test_simple_text` and `capabilities/resources.subscribe`, as exchanges need them. */
export async function inventory(
  host: Host,
  templates: Templates,
  revision: string,
): Promise<ReadonlySet<string>> {
  const found = new Set(await capabilities(host, templates, revision));
  for (const { kind, method, member, name } of LISTS) {
    const pages = await list(host, templates, revision, method, member);
    for (const item of pages) {
      found.add(kind);
      if (isObject(item) && typeof item[name] === "string") found.add(`${kind}/${item[name]}`);
    }
  }
  return found;
}

async function capabilities(
  host: Host,
  templates: Templates,
  revision: string,
): Promise<readonly string[]> {
  const hello: Step = {
    send: { use: "@hello" },
    expect: [{ reply: { result: { capabilities: { $save: "capabilities" } } } }],
  };
  const exchange = {
    id: "inventory.hello",
    about: "what it says",
    since: revision,
    steps: [hello],
  };
  const { kept } = await walk(exchange, { host, templates, revision, mode: "plain" });
  return pathsOf(kept.get("capabilities"), "capabilities/");
}

/** The paths of what is declared, parts joined by dots; what is false or null is not declared. */
function pathsOf(value: Json | undefined, path: string): readonly string[] {
  if (!isObject(value)) return [];
  return Object.entries(value)
    .filter(([, one]) => one !== false && one !== null)
    .flatMap(([name, one]) => [path + name, ...pathsOf(one, `${path}${name}.`)]);
}

async function list(
  host: Host,
  templates: Templates,
  revision: string,
  method: string,
  member: string,
): Promise<Json[]> {
  const items: Json[] = [];
  let cursor: Json | undefined;
  // A server that never ends its list is cut off.
  for (let page = 0; page < 20; page += 1) {
    const session: Step[] = templates["@session"] === undefined ? [] : [{ play: "@session" }];
    const expected = {
      [member]: { $save: "items" },
      nextCursor: { $any: [{ $absent: true }, { $save: "cursor" }] },
    };
    const ask: Step = {
      send: { use: "@request", body: { method, params: cursor === undefined ? {} : { cursor } } },
      expect: [{ reply: { result: expected } }],
    };
    const exchange = {
      id: "inventory.list",
      about: "what a server offers",
      since: revision,
      steps: [...session, ask],
    };
    const { kept } = await walk(exchange, { host, templates, revision, mode: "plain" });
    const got = kept.get("items");
    if (Array.isArray(got)) items.push(...got);
    cursor = kept.get("cursor");
    if (cursor === undefined) break;
  }
  return items;
}
