/** The smallest tool, in JSON Schema, for Workers of which the size is measured. */

import { defineTool, type Tool } from "../../src/server/define.ts";

export const echo: Tool = defineTool({
  name: "echo",
  description: "Gives back what it was given",
  input: {
    schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
    check: (value) => ({ ok: true, value }),
  },
  handler: ({ text }) => String(text),
});
