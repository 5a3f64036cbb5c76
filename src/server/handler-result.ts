/**
 * What a handler returned, looked at before it is told: types do not hold at run time, and an empty result tells nobody.
 * MCP server/tools#tool-result, server/resources#resource-contents, server/prompts#promptmessage.
 * Throws what was wrong, in the words of types: a value may be secret. Optional members are not looked at.
 */

import { isObject, type JsonObject } from "../base/json.ts";

/** Members of a content block that are texts, by its type. */
const TEXT_MEMBERS = new Map<unknown, readonly string[]>([
  ["text", ["text"]],
  ["image", ["data", "mimeType"]],
  ["audio", ["data", "mimeType"]],
  ["resource_link", ["uri", "name"]],
  ["resource", []],
]);

/** @throws TypeError when `value` is no content block. */
export function requireBlock(value: unknown): void {
  const block = requireObject(value, "a content block");
  const { type } = block;
  const name = typeof type === "string" ? type.slice(0, 40) : typeName(type);
  const texts = TEXT_MEMBERS.get(type);
  if (texts === undefined) throw invalidReturn(`a content block of unknown type ${name}`);
  requireObject(block, `a content block of type ${name}`, texts);
  if (type === "resource") requireContents(block["resource"]);
}

/** The contents of one resource. */
export function requireContents(value: unknown): void {
  const { text, blob } = requireObject(value, "resource contents", ["uri"]);
  if (typeof (text ?? blob) !== "string")
    throw invalidReturn("resource contents without text or blob");
}

/** @throws TypeError when `value` is no prompt message. */
export function requireMessage(value: unknown): void {
  requireBlock(requireObject(value, "a message", ["role"])["content"]);
}

/** @throws TypeError when `value` is no text. */
export function requireText(value: unknown): void {
  if (typeof value !== "string") throw invalidReturn(`${typeName(value)} where a text belongs`);
}

/** A list, each element of which passes. */
export function requireList(
  value: unknown,
  expected: string,
  requireEach: (one: unknown) => void,
): void {
  if (!Array.isArray(value)) throw invalidReturn(`${typeName(value)} where ${expected} belongs`);
  value.forEach(requireEach);
}

/** An object whose members of these names are texts. */
export function requireObject(
  value: unknown,
  expected: string,
  texts: readonly string[] = [],
): JsonObject {
  if (!isObject(value)) throw invalidReturn(`${typeName(value)} where ${expected} belongs`);
  const missing = texts.find((name) => typeof value[name] !== "string");
  if (missing !== undefined) throw invalidReturn(`${expected} without ${missing}`);
  return value;
}

/** The error for a handler whose return value is no result. */
export function invalidReturn(description: string): TypeError {
  return new TypeError(`Handler returned ${description}`);
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return value === null ? "null" : typeof value;
}
