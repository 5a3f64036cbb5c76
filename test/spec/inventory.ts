/**
 * What of the world a server offers, learnt from its lists in the words of a revision.
 * A list that the server does not have is empty.
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

/** Names such as `tools/test_simple_text`, as exchanges need them. */
export async function inventory(
  host: Host,
  templates: Templates,
  revision: string,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const { kind, method, member, name } of LISTS) {
    const pages = await list(host, templates, revision, method, member);
    for (const item of pages)
      if (isObject(item) && typeof item[name] === "string") found.add(`${kind}/${item[name]}`);
  }
  return found;
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
