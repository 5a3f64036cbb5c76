/** A deed that cannot be taken back: it asks the person first, happens once, and not too often. */

import * as z from "zod/mini";
import { PublicError, type ToolResult } from "../server/content.ts";
import { tool, type Tool } from "../server/define.ts";
import { countNotes, deleteNotes } from "./notes-rows.ts";

const HOUR_MS = 3_600_000;

export const forgetEverything: Tool = tool({
  name: "forget_everything",
  description: "Deletes every note that remember kept for this person. They are asked first; at most 3 times an hour",
  annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  output: z.object({ forgotten: z.int() }),
  async handler(_args, context) {
    const count = await countNotes(context.mine);
    if (count === 0) return tell("Nothing is remembered.", 0);
    const answer = await context.ask("sure", {
      message: `Delete ${count === 1 ? "the one note" : `all ${count} notes`} that you had remembered?`,
      form: z.object({ confirm: z.boolean().check(z.describe("Yes, for good")) }),
    });
    if (answer.action !== "accept" || !answer.content.confirm) return tell("Nothing was deleted.", 0);
    const forgotten = await context.once("forget", async () => {
      // Beside the deed, and not above: the handler runs again from its start, and who says no has used nothing up.
      const { ok, retryAfterMs } = await context.limit("forget", 3, HOUR_MS);
      if (ok) return deleteNotes(context.mine);
      throw new PublicError(
        `Used 3 times in an hour: wait ${Math.ceil(retryAfterMs / 60_000)} minutes. Nothing was deleted`,
      );
    });
    return tell(`Notes deleted: ${forgotten}.`, forgotten);
  },
});

function tell(text: string, forgotten: number): ToolResult {
  return { content: [{ type: "text", text }], structuredContent: { forgotten } };
}
