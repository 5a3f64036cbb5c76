/**
 * The newest words said in older revisions: results, questions, capabilities and errors as each date with sessions knows them.
 * MCP changelogs of 2025-06-18, 2025-11-25 and 2026-07-28, read backwards. What a date does not know is left out.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { InputRequest } from "./outcome.ts";
import { protocolError, type ProtocolError } from "../base/protocol-error.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { ClientCapabilities } from "./request-meta.ts";
import { resultText } from "./result-text.ts";
import type { Revision } from "./versions.ts";

/** A complete result as text. */
export function encodeSessionResult(
  revision: Revision,
  method: string,
  result: JsonObject,
): string {
  return resultText(result, revision.date, () => downgradeResult(revision, method, result));
}

function downgradeResult(revision: Revision, method: string, result: JsonObject): JsonObject {
  const { features } = revision;
  if (method === "tools/call") return downgradeToolResult(revision, result);
  if (method === "prompts/get") return downgradePromptResult(revision, result);
  const member = ["tools", "resources", "resourceTemplates", "prompts"].find((name) =>
    Array.isArray(result[name]),
  );
  if (member === undefined || !method.endsWith("/list")) return result;
  const entries = (result[member] as JsonObject[]).map((entry) => {
    const downgraded = omit(entry, features.unknownEntryFields);
    // Older structured output is an object; a tool that promises anything else promises nothing there.
    const outputSchema = downgraded["outputSchema"];
    return isObject(outputSchema) && outputSchema["type"] !== "object"
      ? omit(downgraded, ["outputSchema"])
      : downgraded;
  });
  return { ...result, [member]: entries };
}

function downgradeToolResult({ features }: Revision, result: JsonObject): JsonObject {
  const downgraded =
    features.hasStructuredContent && isObject(result["structuredContent"])
      ? result
      : omit(result, ["structuredContent"]);
  if (features.hasResourceLinks || !Array.isArray(downgraded["content"])) return downgraded;
  return { ...downgraded, content: downgraded["content"].map(linkToText) };
}

function downgradePromptResult({ features }: Revision, result: JsonObject): JsonObject {
  if (features.hasResourceLinks || !Array.isArray(result["messages"])) return result;
  const messages = result["messages"].map((message) =>
    isObject(message) ? { ...message, content: linkToText(message["content"] ?? null) } : message,
  );
  return { ...result, messages };
}

/** A link to a resource as its URI, for revisions without links. */
function linkToText(block: JsonValue): JsonValue {
  return isObject(block) && block["type"] === "resource_link"
    ? { type: "text", text: block["uri"] ?? "" }
    : block;
}

/** `object` without the members of these names. */
export function omit(object: JsonObject, names: readonly string[]): JsonObject {
  if (!names.some((name) => name in object)) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** What the client can do, as far as its revision knows of it. */
export function supportedCapabilities(
  { features }: Revision,
  { elicitation, sampling, roots, extensions }: ClientCapabilities,
): ClientCapabilities {
  // spec: session.capability.respect
  const supportedElicitation =
    features.elicitation === "full" ? elicitation : elicitation && { form: elicitation.form ?? {} };
  return {
    elicitation: features.elicitation === "none" ? undefined : supportedElicitation,
    sampling: features.hasSamplingTools ? sampling : sampling && {},
    roots,
    // An extension speaks in `_meta`.
    extensions: features.unknownEntryFields.includes("_meta") ? undefined : extensions,
  };
}

/** A question as the revision puts it. Refuses what it cannot say. */
export function downgradeInputRequest(
  { features, date }: Revision,
  inputRequest: InputRequest,
): Result<InputRequest, ProtocolError> {
  if (inputRequest.method === "sampling/createMessage" && !features.hasSamplingTools)
    return ok({ ...inputRequest, params: withSingleBlocks(inputRequest.params) });
  const isForm =
    inputRequest.method === "elicitation/create" && inputRequest.params["mode"] !== "url";
  if (!isForm || features.elicitation === "full") return ok(inputRequest);
  const form = inputRequest.params["requestedSchema"];
  const fields =
    isObject(form) && isObject(form["properties"]) ? Object.entries(form["properties"]) : [];
  const properties: JsonObject = {};
  for (const [name, field] of fields) {
    const downgraded = isObject(field) ? downgradeField(field) : undefined;
    if (downgraded === undefined)
      return err(protocolError("InternalError", `Form field "${name}" cannot be asked in ${date}`));
    properties[name] = downgraded;
  }
  return ok({
    ...inputRequest,
    params: { ...inputRequest.params, requestedSchema: { ...(form as JsonObject), properties } },
  });
}

/** Messages to a model in the words of revisions whose messages hold one block each: a list becomes as many messages. */
function withSingleBlocks(params: JsonObject): JsonObject {
  const messages = (params["messages"] as JsonObject[]).flatMap((message) =>
    [message["content"] ?? []].flat().map((content) => ({ ...message, content })),
  );
  return { ...params, messages };
}

/** A form field in the words before titled choices, multiple choice and general defaults; undefined when there are none. */
function downgradeField(field: JsonObject): JsonValue | undefined {
  if (field["type"] === "array") return undefined;
  const downgraded = field["type"] === "boolean" ? field : omit(field, ["default"]);
  const choices = downgraded["oneOf"];
  if (!Array.isArray(choices)) return downgraded;
  const pick = (member: string): JsonValue[] =>
    choices.map((choice) => (isObject(choice) ? (choice[member] ?? "") : ""));
  return { ...omit(downgraded, ["oneOf"]), enum: pick("const"), enumNames: pick("title") };
}

/** A refusal in the words of a date with sessions. */
export function toSessionError(error: ProtocolError): ProtocolError {
  // There was no code for a missing capability; the request as it stands cannot be served.
  // spec: session.elicit.required.only
  return error.error === "MissingRequiredClientCapability"
    ? { ...error, error: "InvalidParams" }
    : error;
}
