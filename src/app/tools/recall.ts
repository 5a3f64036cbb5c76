/** The other end of remember: the caller's history, newest first. */

import { defineTool, jsonSchema, object, type Tool } from "../../api.ts";
import { NOTE_KINDS, newestNotes } from "../notes-rows.ts";

export const recall: Tool = defineTool({
  name: "recall",
  description: "What this person asked to remember, newest first: look here before you ask them",
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: jsonSchema(
    object({
      about: {
        type: "string",
        description: "Words that a note must hold",
        maxLength: 200,
        default: "",
      },
      limit: { type: "integer", minimum: 1, maximum: 100, default: 20 },
    }),
  ),
  output: jsonSchema(
    object({
      notes: {
        type: "array",
        items: object({
          kind: { type: "string", enum: NOTE_KINDS },
          text: { type: "string" },
          kept: { type: "string" },
        }),
      },
    }),
  ),
  async handler({ about, limit }, context) {
    const words = about.match(/\S+/g) ?? [];
    const found = await newestNotes(context.storage, words, limit);
    const notes = found.map(({ kind, text, at }) => ({
      kind,
      text,
      kept: new Date(at).toISOString(),
    }));
    const lines = notes.map(({ kind, text, kept }) => `- ${text} (${kind}, ${kept.slice(0, 10)})`);
    const text =
      lines.join("\n") ||
      (words.length === 0 ? "Nothing is remembered yet." : "No note has these words.");
    return { content: [{ type: "text", text }], structuredContent: { notes } };
  },
});
