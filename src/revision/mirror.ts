/**
 * Mirrored headers: what intermediaries route by must be what the body says.
 * MCP transports/streamable-http#server-validation. Refuses a missing, malformed or different header.
 * Pure: the headers come in as a lookup, the declarations of `Mcp-Param-*` from the tool.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import { decodeFieldValue } from "../wire/fields.ts";
import type { MethodRow } from "./revisions.ts";

/** A header by its name, in any case. */
export type HeaderLookup = (name: string) => string | null;

/** A tool parameter that is repeated in `Mcp-Param-{header}`. `path` leads through `properties` only. */
export interface MirroredParam {
  readonly header: string;
  readonly path: readonly string[];
  readonly type: "string" | "integer" | "boolean";
}

const MATCHES: Result<void, Refusal> = ok(undefined);

/** `MCP-Protocol-Version` must be there and equal the version in `_meta`. Compared before the version is judged. */
export function checkVersionHeader(header: HeaderLookup, version: string): Result<void, Refusal> {
  // spec: mirror.version.match, mirror.version.required
  return checkPlain(header, "MCP-Protocol-Version", version);
}

/** `Mcp-Method` must equal the method, and `Mcp-Name` the name or URI of the methods that have one. */
export function checkMethodHeaders(
  header: HeaderLookup,
  method: string,
  row: MethodRow | undefined,
  params: JsonObject,
): Result<void, Refusal> {
  // spec: mirror.method.match, mirror.method.required
  const sameMethod = checkPlain(header, "Mcp-Method", method);
  if (!sameMethod.ok || row?.mirrors === undefined) return sameMethod;
  // spec: mirror.name.match, mirror.name.required
  const name = params[row.mirrors];
  return checkParam(header, "Mcp-Name", typeof name === "string" ? name : undefined, "string");
}

/** Every declared `Mcp-Param-*` header must be present exactly when its argument is, and say the same. */
export function checkParamHeaders(
  header: HeaderLookup,
  declared: readonly MirroredParam[],
  args: JsonValue | undefined,
): Result<void, Refusal> {
  for (const { header: name, path, type } of declared) {
    const value = path.reduce<JsonValue | undefined>((at, key) => (isObject(at) ? at[key] : undefined), args);
    // spec: mirror.param.null, mirror.param.match
    const checked = checkParam(header, `Mcp-Param-${name}`, value ?? undefined, type);
    if (!checked.ok) return checked;
  }
  return MATCHES;
}

function checkPlain(header: HeaderLookup, name: string, wanted: string): Result<void, Refusal> {
  const value = header(name)?.trim() ?? "";
  // spec: mirror.case.value
  if (value === wanted) return MATCHES;
  if (value === "") return mismatch(`${name} header is missing; it must be "${wanted}"`);
  return mismatch(`${name} header "${value}" differs from "${wanted}" in the body`);
}

function checkParam(
  header: HeaderLookup,
  name: string,
  value: JsonValue | undefined,
  type: MirroredParam["type"],
): Result<void, Refusal> {
  const raw = header(name);
  // spec: mirror.match, mirror.param.absent
  if (value === undefined) return raw === null ? MATCHES : mismatch(`${name} header has no counterpart in the body`);
  // spec: mirror.param.missing
  if (raw === null) return mismatch(`${name} header is missing; the body has a value for it`);
  const decoded = decodeFieldValue(raw);
  // spec: mirror.param.characters
  if (!decoded.ok) return mismatch(`${name} header ${decoded.error}`);
  return sameValue(decoded.value, value, type) ? MATCHES : mismatch(`${name} header differs from the body`);
}

/** Integers are compared as numbers ("42.0" is 42), everything else as text. */
function sameValue(text: string, value: JsonValue, type: MirroredParam["type"]): boolean {
  // spec: mirror.param.integer, mirror.integer.safe
  if (type === "integer" && typeof value === "number") {
    return /^[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/.test(text) && Number(text) === value && Number.isSafeInteger(value);
  }
  return text === (typeof value === "string" ? value : JSON.stringify(value));
}

function mismatch(message: string): Result<never, Refusal> {
  return err(refusal("HeaderMismatch", message));
}
