/**
 * MCP Apps (`io.modelcontextprotocol/ui`, SEP-1865) as a part of the Worker: tools with a page that a host shows beside
 * their results. Tools and pages say so themselves, in `_meta.ui`. This part checks what they say, and shows it to
 * clients that show pages; others have the same tools as text alone, without those that only a page calls.
 * Leaves to the host: who may call which tool (`visibility`), the sandbox, and what the page may load.
 */

import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { ClientCapabilities } from "../../protocol/request-meta.ts";
import type { Feature } from "../../server/feature.ts";
import type { ListContents } from "../../server/registry.ts";
import type { ViewList } from "../../server/services.ts";
import { PAGE_TYPE, appFaults, uiOf } from "./check.ts";

const ID = "io.modelcontextprotocol/ui";

/** Declares the extension, and shows tools with their pages to clients that declare it. */
export function apps(): Feature {
  return {
    extension: { id: ID, settings: {}, isInSessions: true },
    start({ server, settings }) {
      for (const fault of appFaults(server)) settings.reject(fault);
      return { viewList: createListView() };
    },
  };
}

/** A list in both of its forms. */
interface Forms {
  readonly full: ListContents;
  readonly textOnly: ListContents;
}

/** Shows a list in one of two forms, each made once. */
function createListView(): ViewList {
  const formsByList = new WeakMap<ListContents, Forms>();
  return (list, capabilities) => {
    const forms = formsByList.get(list) ?? formsOf(list);
    formsByList.set(list, forms);
    // spec: apps.client.declared
    return showsApps(capabilities) ? forms.full : forms.textOnly;
  };
}

/** Both forms are copies where they differ: dispatch then keeps either from caches that clients share. */
function formsOf(list: ListContents): Forms {
  const hasApps = list.member === "tools" && list.entries.some((tool) => uiOf(tool) !== undefined);
  return hasApps ? { full: { ...list }, textOnly: textOnly(list) } : { full: list, textOnly: list };
}

/** Whether a client shows pages of apps. */
function showsApps({ extensions }: ClientCapabilities): boolean {
  const types = extensions?.[ID]?.["mimeTypes"];
  return Array.isArray(types) && types.includes(PAGE_TYPE);
}

/** The list for clients that show no pages. */
function textOnly({ member, entries }: ListContents): ListContents {
  const shown = entries.flatMap(withoutApp);
  return { member, entries: shown, keys: shown.map(({ name }) => name as string) };
}

/** A tool for clients that show no pages. One that is for a page alone is not there. */
function withoutApp(tool: JsonObject): JsonObject[] {
  const ui = uiOf(tool);
  if (!isObject(ui)) return [tool];
  const { visibility = ["model"] } = ui;
  const { ui: _ui, ...otherMeta } = tool["_meta"] as JsonObject;
  const { _meta, ...entry } = tool;
  if (!(visibility as JsonValue[]).includes("model")) return [];
  return [Object.keys(otherMeta).length > 0 ? { ...entry, _meta: otherMeta } : entry];
}
