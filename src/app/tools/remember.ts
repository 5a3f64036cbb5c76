/** State of the caller's own: what is kept here is there in every conversation, client and era. */

import { defineTool, jsonSchema, now, object, PublicError, type Tool } from "../../api.ts";
import { addNote, NOTE_KINDS, MAX_NOTES } from "../notes-rows.ts";

export const remember: Tool = defineTool({
  name: "remember",
  description:
    "Keeps a fact or a preference of this person for later conversations. Not for passwords or keys",
  annotations: { destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: jsonSchema(
    object({
      text: { type: "string", pattern: "\\S", maxLength: 2_000 },
      kind: { type: "string", enum: NOTE_KINDS, default: "fact" },
    }),
  ),
  async handler(args, context) {
    const { kind } = args;
    const text = args.text.trim();
    if (await addNote(context.storage, { kind, text, at: now() }))
      return `Remembered, as a ${kind}.`;
    throw new PublicError(`${MAX_NOTES} notes are kept: forget_everything makes room`);
  },
});
