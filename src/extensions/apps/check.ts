/**
 * What tools and pages of MCP Apps say of each other, checked when the server starts: a host would show nothing, and not
 * say why. SEP-1865, "UI Resource Format" and "Resource Discovery".
 * Refuses members that the text does not have, values of another shape, and a tool whose page is not there.
 * Not checked: what `read` gives, and the form of `domain`, which is each host's own.
 */

import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { Server } from "../../server/registry.ts";

/** The type of a page that a host shows. */
export const PAGE_TYPE = "text/html;profile=mcp-app";

/** What the JSON of a value looks like, or an object with none but these members. */
type Shape = RegExp | { readonly [member: string]: Shape };

const TEXT = /^".+"$/;
const TOOL_UI: Shape = { resourceUri: TEXT, visibility: /^\[("(model|app)",?)+\]$/ };
/** A host writes them into a Content-Security-Policy, where a blank or a semicolon begins something else. */
const ORIGINS = /^\[("(https?|wss?):\/\/[\w.*:[\]-]+",?)*\]$/;
const EMPTY = /^\{\}$/;
const PAGE_UI: Shape = {
  csp: {
    connectDomains: ORIGINS,
    resourceDomains: ORIGINS,
    frameDomains: ORIGINS,
    baseUriDomains: ORIGINS,
  },
  permissions: { camera: EMPTY, microphone: EMPTY, geolocation: EMPTY, clipboardWrite: EMPTY },
  domain: TEXT,
  prefersBorder: /^(true|false)$/,
};

/** `_meta.ui` of a tool or a resource. */
export function uiOf({ _meta }: { readonly _meta?: JsonValue }): JsonValue | undefined {
  return isObject(_meta) ? _meta["ui"] : undefined;
}

/** A sentence for each tool and page of `server` that is wrong. */
export function appFaults({ tools, resources }: Server): string[] {
  const pages = new Set<unknown>();
  const pageFaults = [...resources.values()].map((resource) => {
    const { uri, mimeType } = resource;
    const ui = uiOf(resource);
    const isPage = uri.startsWith("ui://");
    if (isPage) pages.add(uri);
    // spec: apps.resource.uri, apps.resource.listed
    return isPage === (mimeType === PAGE_TYPE) && (isPage || ui === undefined)
      ? shapeFault(`Resource "${uri}": _meta.ui`, ui, PAGE_UI)
      : `Resource "${uri}": a page has a URI with ui:// and the mimeType ${PAGE_TYPE}`;
  });
  const toolFaults = [...tools.values()].map(({ name, listEntry }) => {
    const ui = uiOf(listEntry);
    const fault = shapeFault(`Tool "${name}": _meta.ui`, ui, TOOL_UI);
    const page = (ui as JsonObject | undefined)?.["resourceUri"];
    // spec: apps.tool.resource
    return fault === undefined && page !== undefined && !pages.has(page)
      ? `Tool "${name}": ${JSON.stringify(page)} is no page of this server`
      : fault;
  });
  return [...toolFaults, ...pageFaults].filter((fault) => fault !== undefined);
}

/** What is wrong with the value at `path`. One that is not there is right. */
function shapeFault(path: string, value: JsonValue | undefined, shape: Shape): string | undefined {
  if (value === undefined) return undefined;
  const json = JSON.stringify(value);
  const isText = shape instanceof RegExp;
  const members = isText ? [] : Object.entries(shape);
  const known = members.map(([name]) => name);
  const fits = isText
    ? shape.test(json)
    : isObject(value) && Object.keys(value).every((name) => known.includes(name));
  if (!fits) return `${path} is ${json}: it must fit ${isText ? String(shape) : known.join()}`;
  return members
    .map(([name, inner]) => shapeFault(`${path}.${name}`, (value as JsonObject)[name], inner))
    .find((fault) => fault !== undefined);
}
