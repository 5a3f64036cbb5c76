/**
 * Mirrored headers: what intermediaries route by must be what the body says.
 * MCP transports/streamable-http#server-validation. Refuses a missing, malformed or different header.
 * Pure: the headers come in as a lookup, the declarations of `Mcp-Param-*` from the tool.
 */

import { membersOf, type JsonObject, type JsonValue } from "../base/json.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import { decodeHeaderValue } from "../wire/header-value.ts";
import type { MethodSpec } from "./versions.ts";

/** A header by its name, in any case. */
export type HeaderLookup = (name: string) => string | null;

/** A tool parameter that is repeated in `Mcp-Param-{header}`. `path` leads through `properties` only. */
export interface HeaderParam {
  readonly header: string;
  readonly path: readonly string[];
  readonly type: "string" | "integer" | "boolean";
}

const MATCH: Result<void, ProtocolError> = ok(undefined);

/** `MCP-Protocol-Version` must be there and equal the version in `_meta`. Compared before the version is judged. */
export function checkVersionHeader(
  getHeader: HeaderLookup,
  version: string,
): Result<void, ProtocolError> {
  // spec: mirror.version.match, mirror.version.required
  return checkHeaderEquals(getHeader, "MCP-Protocol-Version", version);
}

/** `Mcp-Method` must equal the method, and `Mcp-Name` the name or URI of the methods that have one. */
export function checkMethodHeaders(
  getHeader: HeaderLookup,
  method: string,
  methodSpec: MethodSpec | undefined,
  params: JsonObject,
): Result<void, ProtocolError> {
  // spec: mirror.method.match, mirror.method.required
  const methodCheck = checkHeaderEquals(getHeader, "Mcp-Method", method);
  if (!methodCheck.ok || methodSpec?.mcpNameParam === undefined) return methodCheck;
  // spec: mirror.name.match, mirror.name.required
  const name = params[methodSpec.mcpNameParam];
  return checkEncodedHeader(
    getHeader,
    "Mcp-Name",
    typeof name === "string" ? name : undefined,
    "string",
  );
}

/** Every declared `Mcp-Param-*` header must be present exactly when its argument is, and say the same. */
export function checkParamHeaders(
  getHeader: HeaderLookup,
  headerParams: readonly HeaderParam[],
  args: JsonValue | undefined,
): Result<void, ProtocolError> {
  for (const { header: name, path, type } of headerParams) {
    const value = path.reduce<JsonValue | undefined>((container, key) => {
      const members = membersOf(container);
      return Object.hasOwn(members, key) ? members[key] : undefined;
    }, args);
    // spec: mirror.param.null, mirror.param.match
    const checked = checkEncodedHeader(getHeader, `Mcp-Param-${name}`, value ?? undefined, type);
    if (!checked.ok) return checked;
  }
  return MATCH;
}

function checkHeaderEquals(
  getHeader: HeaderLookup,
  name: string,
  expected: string,
): Result<void, ProtocolError> {
  const value = getHeader(name)?.trim() ?? "";
  // spec: mirror.case.value
  if (value === expected) return MATCH;
  if (value === "") return headerMismatch(`${name} header is missing; it must be "${expected}"`);
  return headerMismatch(`${name} header "${value}" differs from "${expected}" in the body`);
}

function checkEncodedHeader(
  getHeader: HeaderLookup,
  name: string,
  value: JsonValue | undefined,
  type: HeaderParam["type"],
): Result<void, ProtocolError> {
  const raw = getHeader(name);
  // spec: mirror.match, mirror.param.absent
  if (value === undefined)
    return raw === null ? MATCH : headerMismatch(`${name} header has no counterpart in the body`);
  // spec: mirror.param.missing
  if (raw === null) return headerMismatch(`${name} header is missing; the body has a value for it`);
  const decoded = decodeHeaderValue(raw);
  // spec: mirror.param.characters
  if (!decoded.ok) return headerMismatch(`${name} header ${decoded.error}`);
  return headerMatchesValue(decoded.value, value, type)
    ? MATCH
    : headerMismatch(`${name} header differs from the body`);
}

/** Integers are compared as numbers ("42.0" is 42), everything else as text. That a number is none, the tool's schema says. */
function headerMatchesValue(text: string, value: JsonValue, type: HeaderParam["type"]): boolean {
  // spec: mirror.param.integer, mirror.integer.safe
  if (type === "integer" && typeof value === "number") {
    return (
      /^[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/.test(text) &&
      Number(text) === value &&
      (Number.isSafeInteger(value) || !Number.isInteger(value))
    );
  }
  return text === (typeof value === "string" ? value : JSON.stringify(value));
}

function headerMismatch(message: string): Result<never, ProtocolError> {
  return err(protocolError("HeaderMismatch", message));
}
