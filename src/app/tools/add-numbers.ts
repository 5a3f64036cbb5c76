/** The smallest tool: arguments in, structured result out. */

import { defineTool, jsonSchema, object, PublicError, type Tool } from "../../api.ts";

export const addNumbers: Tool = defineTool({
  name: "add_numbers",
  description: "Adds two numbers",
  input: jsonSchema(object({ a: { type: "number" }, b: { type: "number" } })),
  output: jsonSchema(object({ sum: { type: "number" } })),
  handler: ({ a, b }) => {
    const sum = a + b;
    if (!Number.isFinite(sum)) throw new PublicError("The sum is too large");
    return { structuredContent: { sum } };
  },
});
