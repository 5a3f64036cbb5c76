/** How spec/vectors/uri-template.json asks: with `values` it expands, with `uri` it reads back, with neither it names. */

import { isObject, type JsonValue } from "../../src/base/json.ts";
import { compileTemplate, expandTemplate } from "../../src/server/uri-template.ts";

export function uriTemplate(input: JsonValue): { ok: true; value: JsonValue } | { ok: false } {
  if (!isObject(input)) return { ok: false };
  const template = compileTemplate(String(input["template"]));
  if (!template.ok) return { ok: false };
  const { values, uri } = input;
  if (isObject(values))
    return { ok: true, value: expandTemplate(template.value, values as Record<string, string>) };
  if (uri === undefined) return { ok: true, value: [...template.value.names] };
  const found = template.value.match(String(uri));
  return found === undefined ? { ok: false } : { ok: true, value: found };
}
