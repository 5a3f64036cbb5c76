/** The other end of remember: the caller's history, newest first. */

import * as z from "zod/mini";
import { tool, type Tool } from "../../api.ts";
import { NOTE_KINDS, newestNotes } from "../notes-rows.ts";

export const recall: Tool = tool({
  name: "recall",
  description: "What this person asked to remember, newest first: look here before you ask them",
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: z.object({
    about: z
      ._default(z.string().check(z.maxLength(200)), "")
      .check(z.describe("Words that a note must hold")),
    limit: z._default(z.int().check(z.gte(1), z.lte(100)), 20),
  }),
  output: z.object({
    notes: z.array(z.object({ kind: z.enum(NOTE_KINDS), text: z.string(), kept: z.string() })),
  }),
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
