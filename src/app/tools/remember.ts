/** State of the caller's own: what is kept here is there in every conversation, client and era. */

import * as z from "zod/mini";
import { now, PublicError, tool, type Tool } from "../../api.ts";
import { addNote, NOTE_KINDS, MAX_NOTES } from "../notes-rows.ts";

export const remember: Tool = tool({
  name: "remember",
  description:
    "Keeps a fact or a preference of this person for later conversations. Not for passwords or keys",
  annotations: { destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.object({
    text: z.string().check(z.trim(), z.minLength(1), z.maxLength(2_000)),
    kind: z._default(z.enum(NOTE_KINDS), "fact"),
  }),
  async handler({ text, kind }, context) {
    if (await addNote(context.storage, { kind, text, at: now() }))
      return `Remembered, as a ${kind}.`;
    throw new PublicError(`${MAX_NOTES} notes are kept: forget_everything makes room`);
  },
});
