/** Step 10: names and schemas of tools, as clients check them before they show a tool to anybody. */

import { begin, note, ok, quote, say, stopEach } from "./examination.mjs";
import { isObject } from "../match.mjs";

const COMBINERS = ["$ref", "oneOf", "anyOf", "allOf"];

/** Judges the tools that a first call listed. */
export function examineTools(run) {
  begin(run, "tools");
  const { tools } = run;
  if (tools === undefined) return say(run, "-", "Not seen: no list of tools.");
  stopEach(run, run.attempts, ({ client }) => toolFault(run, client, tools));
  const named = tools.filter((tool) => typeof tool?.name === "string");
  const odd = named.filter(({ name }) => /[^a-z0-9_-]/iu.test(name));
  if (odd.length > 0)
    note(
      run,
      `VS Code writes _ for each sign of a name but letters, digits, _ and -: ${some(run, odd)}.`,
    );
  const combined = named.filter(({ inputSchema }) =>
    COMBINERS.some((word) => Object.hasOwn(Object(inputSchema), word)),
  );
  if (combined.length > 0)
    note(
      run,
      `${some(run, combined)}: $ref, oneOf, anyOf or allOf at the root of inputSchema. The API of Claude was seen to refuse all tools for the last three.`,
      "describe an object there, and combine below its properties.",
    );
  const names = named.map(({ name }) => name);
  const twice = named.filter(({ name }, index) => names.indexOf(name) !== index);
  if (twice.length > 0) note(run, `More than one tool has the name ${some(run, twice)}.`);
  const mute = named.filter(({ description }) => !description);
  if (mute.length > 0)
    note(run, `No description, so no model knows when to call it: ${some(run, mute)}.`);
  return ok(run, `Looked at: ${tools.length}.`);
}

const MOST_NAMED = 3;
/** The first of these tools by name, and how many more there are. */
function some(run, tools) {
  const names = tools.slice(0, MOST_NAMED).map((tool) => quote(run, tool?.name ?? tool));
  const more = tools.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function toolFault(run, { toolNames, toolType }, tools) {
  const misnamed = tools.filter((tool) => !fits(toolNames, tool?.name));
  if (toolNames && misnamed.length > 0)
    return {
      what: `It takes no tool at all when one has a name like ${some(run, misnamed)}.`,
      change: "use letters, digits, _ and - in names, at most 64 of them.",
      habit: "toolNames",
    };
  const untyped = tools.filter(
    (tool) => !isObject(tool?.inputSchema) || tool.inputSchema.type !== "object",
  );
  if (toolType && untyped.length > 0)
    return {
      what: `It takes no tool at all when an inputSchema is not of type object: ${some(run, untyped)}.`,
      change: 'write "type": "object" at the root of each inputSchema.',
      habit: "toolType",
    };
  return undefined;
}

const fits = (pattern, name) =>
  pattern === undefined || (typeof name === "string" && pattern.test(name));
