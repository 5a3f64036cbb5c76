/**
 * What a browser reads of an answer: the first form of a page, and the parts of a Location header.
 * Regular expressions suffice for pages without script; nothing here renders anything.
 */

import type { Json, JsonObject } from "./format.ts";

/** What a browser would send of the first form: fields with their values, without buttons and boxes that are not ticked. */
export function readForm(html: string, base: URL): Json | undefined {
  const [, open, inside = ""] = /<form\b([^>]*)>(.*?)<\/form>/isu.exec(html) ?? [];
  if (open === undefined) return undefined;
  const { action = "", method = "get" } = attributes(open);
  const inputs = [...inside.matchAll(/<input\b([^>]*)>/gisu)].map(([, input = ""]) =>
    attributes(input),
  );
  const sent = inputs.filter(
    ({ name, type = "text", checked }) =>
      name !== undefined &&
      !/^(?:submit|button|image|reset)$/iu.test(type) &&
      (!/^(?:checkbox|radio)$/iu.test(type) || checked !== undefined),
  );
  const fields = Object.fromEntries(sent.map(({ name = "", value = "" }) => [name, value]));
  return { action: new URL(action, base).href, method: method.toUpperCase(), fields };
}

function attributes(tag: string): { [name: string]: string } {
  const pairs = [...tag.matchAll(/([a-z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/giu)];
  return Object.fromEntries(
    pairs.map(([, name = "", a, b, c]) => [name.toLowerCase(), unescape(a ?? b ?? c ?? "")]),
  );
}

function unescape(value: string): string {
  const named: { [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return value.replace(
    /&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/giu,
    (whole, ten?: string, hex?: string, name = "") => {
      if (ten === undefined && hex === undefined) return named[String(name)] ?? whole;
      return String.fromCodePoint(Number.parseInt(ten ?? hex ?? "", ten === undefined ? 16 : 10));
    },
  );
}

/** A Location header in its parts. A path alone is one of the same origin. */
export function readLocation(value: string, base: URL): Json {
  const [, url = "", query = "", fragment] = /^([^?#]*)\??([^#]*)#?(.*)$/su.exec(value) ?? [];
  const found: JsonObject = {};
  for (const [name, one] of new URLSearchParams(query)) {
    const before = found[name];
    found[name] = before === undefined ? one : [before, one].flat();
  }
  return {
    url: url.startsWith("/") ? new URL(url, base).href : url,
    query: found,
    ...(fragment === "" ? {} : { fragment: fragment ?? "" }),
  };
}
