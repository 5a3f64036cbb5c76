/** The smallest tool: arguments in, structured result out. */

import * as z from "zod/mini";
import { PublicError, tool, type Tool } from "../../api.ts";

export const addNumbers: Tool = tool({
  name: "add_numbers",
  description: "Adds two numbers",
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  handler: ({ a, b }) => {
    const sum = a + b;
    if (!Number.isFinite(sum)) throw new PublicError("The sum is too large");
    return { structuredContent: { sum } };
  },
});
