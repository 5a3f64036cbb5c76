/** A deed that cannot be taken back: it asks the person first, happens once, and not too often. */

import {
  defineTool,
  jsonSchema,
  object,
  PublicError,
  type Tool,
  type ToolResult,
} from "../../api.ts";
import { countNotes, deleteNotes } from "../notes-rows.ts";

const HOUR_MS = 3_600_000;

export const forgetEverything: Tool = defineTool({
  name: "forget_everything",
  description: "Deletes all notes of this person, who is asked first; at most 3 times an hour",
  annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  output: jsonSchema(object({ forgotten: { type: "integer" } })),
  async handler(_args, context) {
    const count = await countNotes(context.storage);
    if (count === 0) return toolResult("Nothing is remembered.", 0);
    const answer = await context.elicitForm("sure", {
      message: `Delete ${count === 1 ? "the one note" : `all ${count} notes`} that you had remembered?`,
      form: jsonSchema(object({ confirm: { type: "boolean", description: "Yes, for good" } })),
    });
    if (answer.action !== "accept" || !answer.content.confirm)
      return toolResult("Nothing was deleted.", 0);
    const forgotten = await context.once("forget", async () => {
      // Beside the deed, and not above: the handler runs again from its start, and who says no has used nothing up.
      const { isAllowed, retryAfterMs } = await context.rateLimit("forget", 3, HOUR_MS);
      if (isAllowed) return deleteNotes(context.storage);
      throw new PublicError(
        `Used 3 times in an hour: wait ${Math.ceil(retryAfterMs / 60_000)} minutes. Nothing was deleted`,
      );
    });
    return toolResult(`Notes deleted: ${forgotten}.`, forgotten);
  },
});

function toolResult(text: string, forgotten: number): ToolResult {
  return { content: [{ type: "text", text }], structuredContent: { forgotten } };
}
