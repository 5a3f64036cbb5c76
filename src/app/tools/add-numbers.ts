/** The smallest tool: arguments in, structured result out. */

import * as z from "zod/mini";
import { tool, type Tool } from "../../api.ts";

export const addNumbers: Tool = tool({
  name: "add_numbers",
  description: "Adds two numbers",
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  handler: ({ a, b }) => ({ structuredContent: { sum: a + b } }),
});
