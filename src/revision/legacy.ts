/**
 * The newest words said in older revisions: results, questions, capabilities and errors as each date with sessions knows them.
 * MCP changelogs of 2025-06-18, 2025-11-25 and 2026-07-28, read backwards. What a date does not know is left out.
 */

import { isObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { InputRequest } from "../base/outcome.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { ClientCapabilities } from "./envelope.ts";
import type { Revision } from "./revisions.ts";

const written = new WeakMap<JsonObject, Map<string, string>>();

/** A complete result as text. A frozen result object never changes and is written once per revision. */
export function encodeForSession(revision: Revision, method: string, result: JsonObject): string {
  const known = written.get(result)?.get(revision.date);
  if (known !== undefined) return known;
  const text = JSON.stringify(resultIn(revision, method, result));
  if (Object.isFrozen(result))
    written.set(result, (written.get(result) ?? new Map<string, string>()).set(revision.date, text));
  return text;
}

function resultIn(revision: Revision, method: string, result: JsonObject): JsonObject {
  const { words } = revision;
  if (method === "tools/call") return toolResultIn(revision, result);
  const member = ["tools", "resources", "resourceTemplates", "prompts"].find((name) => Array.isArray(result[name]));
  if (member === undefined || !method.endsWith("/list")) return result;
  const entries = (result[member] as JsonObject[]).map((entry) => {
    const shown = omit(entry, words.unknownEntryFields);
    // Older structured output is an object; a tool that promises anything else promises nothing there.
    const promised = shown["outputSchema"];
    return isObject(promised) && promised["type"] !== "object" ? omit(shown, ["outputSchema"]) : shown;
  });
  return { ...result, [member]: entries };
}

function toolResultIn({ words }: Revision, result: JsonObject): JsonObject {
  const shown =
    words.structured && isObject(result["structuredContent"]) ? result : omit(result, ["structuredContent"]);
  if (words.resourceLinks || !Array.isArray(shown["content"])) return shown;
  const content = shown["content"].map((block) =>
    isObject(block) && block["type"] === "resource_link" ? { type: "text", text: block["uri"] ?? "" } : block,
  );
  return { ...shown, content };
}

function omit(object: JsonObject, names: readonly string[]): JsonObject {
  if (!names.some((name) => name in object)) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** What the client can do, as far as its revision knows of it. */
export function capabilitiesIn(
  { words }: Revision,
  { elicitation, sampling, roots }: ClientCapabilities,
): ClientCapabilities {
  // spec: session.capability.respect
  const asking = words.urlMode ? elicitation : elicitation && { form: elicitation.form ?? {} };
  return {
    elicitation: words.forms === "none" ? undefined : asking,
    sampling: words.samplingTools ? sampling : sampling && {},
    roots,
  };
}

/** A question as the revision puts it. Refuses what it cannot say. */
export function questionIn({ words, date }: Revision, asked: InputRequest): Result<InputRequest, Refusal> {
  const isForm = asked.method === "elicitation/create" && asked.params["mode"] !== "url";
  if (!isForm || words.forms === "full") return ok(asked);
  const form = asked.params["requestedSchema"];
  const fields = isObject(form) && isObject(form["properties"]) ? Object.entries(form["properties"]) : [];
  const properties: JsonObject = {};
  for (const [name, field] of fields) {
    const plain = isObject(field) ? plainField(field) : undefined;
    if (plain === undefined) return err(refusal("InternalError", `Form field "${name}" cannot be asked in ${date}`));
    properties[name] = plain;
  }
  return ok({ ...asked, params: { ...asked.params, requestedSchema: { ...(form as JsonObject), properties } } });
}

/** A form field in the words before titled choices, multiple choice and general defaults; undefined when there are none. */
function plainField(field: JsonObject): JsonValue | undefined {
  if (field["type"] === "array") return undefined;
  const plain = field["type"] === "boolean" ? field : omit(field, ["default"]);
  const choices = plain["oneOf"];
  if (!Array.isArray(choices)) return plain;
  const pick = (member: string): JsonValue[] => choices.map((one) => (isObject(one) ? (one[member] ?? "") : ""));
  return { ...omit(plain, ["oneOf"]), enum: pick("const"), enumNames: pick("title") };
}

/** A refusal in the words of a date with sessions. */
export function refusalIn(reason: Refusal): Refusal {
  // There was no code for a missing capability; the request as it stands cannot be served.
  // spec: session.elicit.required.only
  return reason.error === "MissingRequiredClientCapability" ? { ...reason, error: "InvalidParams" } : reason;
}
