/**
 * `x-mcp-header` declarations in a tool's input schema, checked when the tool is defined: a client must drop a tool
 * whose declarations are wrong, so such a tool would silently not exist.
 * MCP transports/streamable-http#schema-extension. Pure.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { HeaderParam } from "./request-headers.ts";

const ANNOTATION = "x-mcp-header";
/** RFC 9110 section 5.6.2. */
const HEADER_TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** All declarations of `schema` in order, or what is wrong with the first wrong one. */
export function readHeaderParams(schema: JsonObject): Result<readonly HeaderParam[], string> {
  const headerParams: HeaderParam[] = [];
  const fault = collectHeaderParams(schema, [], headerParams);
  if (fault !== undefined) return err(fault);
  const names = headerParams.map((param) => param.header.toLowerCase());
  // spec: mirror.declare.unique
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) return err(`${ANNOTATION} "${repeated}" is declared twice`);
  // spec: mirror.declare.reachable
  if (countAnnotations(schema) === headerParams.length) return ok(headerParams);
  return err(`${ANNOTATION} must be reached through "properties" alone`);
}

function collectHeaderParams(
  schema: JsonObject,
  path: string[],
  headerParams: HeaderParam[],
): string | undefined {
  const properties = schema["properties"];
  if (!isObject(properties)) return undefined;
  for (const [key, property] of Object.entries(properties)) {
    if (!isObject(property)) continue;
    const propertyPath = [...path, key];
    const { [ANNOTATION]: header, type } = property;
    if (header !== undefined) {
      const subject = `${ANNOTATION} of "${propertyPath.join(".")}"`;
      // spec: mirror.declare.token
      if (typeof header !== "string" || !HEADER_TOKEN.test(header))
        return `${subject} is not a header token`;
      // spec: mirror.declare.primitive
      if (type !== "string" && type !== "integer" && type !== "boolean")
        return `${subject} needs type string, integer or boolean`;
      headerParams.push({ header, path: propertyPath, type });
    }
    const fault = collectHeaderParams(property, propertyPath, headerParams);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** How many schemas anywhere carry the annotation. A property that merely has this name does not. */
function countAnnotations(schema: JsonValue, isPropertyMap: boolean = false): number {
  if (Array.isArray(schema))
    return schema.reduce<number>((sum, item) => sum + countAnnotations(item), 0);
  if (!isObject(schema)) return 0;
  let count = !isPropertyMap && ANNOTATION in schema ? 1 : 0;
  for (const [key, value] of Object.entries(schema)) {
    if (["enum", "const", "default", "examples"].includes(key) && !isPropertyMap) continue;
    count += countAnnotations(
      value,
      !isPropertyMap && ["properties", "patternProperties", "$defs"].includes(key),
    );
  }
  return count;
}
