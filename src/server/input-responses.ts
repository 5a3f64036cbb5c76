/**
 * What clients may answer to a question. Unknown members are dropped; the first fault is named.
 * MCP client/elicitation, client/sampling, client/roots. Whether a form's content fits the form is decided there.
 */

import { isObject, membersOf, type JsonObject, type JsonValue } from "../base/json.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Root, SamplingResult } from "./context.ts";

/** Reads a client's answer: gives what of it is known, or what is wrong with it. */
export type ReadResponse<T> = (value: JsonValue) => Result<T, string>;

export interface RawElicitResult {
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: JsonObject;
}

/** A result of `elicitation/create`. */
export const readElicitResult: ReadResponse<RawElicitResult> = (value) => {
  const { action, content } = membersOf(value);
  if (action !== "accept" && action !== "decline" && action !== "cancel")
    return err('/action must be "accept", "decline" or "cancel"');
  if (content === undefined) return ok({ action });
  return isObject(content) ? ok({ action, content }) : err("/content must be an object");
};

/** A result of `sampling/createMessage`. */
export const readSamplingResult: ReadResponse<SamplingResult> = (value) => {
  const { role, content, model, stopReason } = membersOf(value);
  if (role !== "user" && role !== "assistant") return err('/role must be "user" or "assistant"');
  if (typeof model !== "string") return err("/model must be a string");
  if (stopReason !== undefined && typeof stopReason !== "string")
    return err("/stopReason must be a string");
  for (const [index, block] of [content].flat().entries()) {
    const problem = contentProblem(block);
    if (problem !== undefined)
      return err(`/content${Array.isArray(content) ? `/${index}` : ""}${problem}`);
  }
  const result: SamplingResult = {
    role,
    content: content as unknown as SamplingResult["content"],
    model,
  };
  return ok(stopReason === undefined ? result : { ...result, stopReason });
};

/** What is wrong with a content block of a sampling result, behind its path. */
function contentProblem(block: JsonValue | undefined): string | undefined {
  const { type, text, data, mimeType, id, name, input } = membersOf(block);
  if (type === "text") return typeof text === "string" ? undefined : "/text must be a string";
  if (type === "image" || type === "audio") {
    const isWhole = typeof data === "string" && typeof mimeType === "string";
    return isWhole ? undefined : "/data and mimeType must be strings";
  }
  if (type !== "tool_use") return "/type must be text, image, audio or tool_use";
  const isWhole = typeof id === "string" && typeof name === "string" && isObject(input);
  return isWhole ? undefined : "/id and name must be strings, and input an object";
}

/** The roots in a result of `roots/list`. */
export const readRootsResult: ReadResponse<readonly Root[]> = (value) => {
  const { roots } = membersOf(value);
  if (!Array.isArray(roots)) return err("/roots must be a list");
  const known: Root[] = [];
  for (const [index, root] of roots.entries()) {
    const { uri, name } = membersOf(root);
    // spec: roots.uri.file
    if (typeof uri !== "string" || !uri.startsWith("file://"))
      return err(`/roots/${index}/uri must begin with file://`);
    if (name !== undefined && typeof name !== "string")
      return err(`/roots/${index}/name must be a string`);
    known.push(name === undefined ? { uri } : { uri, name });
  }
  return ok(known);
};
