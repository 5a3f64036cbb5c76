/** What this server offers: one tool. */

import { defineTool, type ServerSpec } from "../../../src/api.ts";

export const serverSpec: ServerSpec = {
  info: { name: "minimal", version: "0.1.0" },
  tools: [
    defineTool({
      name: "echo",
      description: "Gives back what it was given",
      input: {
        schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
        check: (value) => ({ ok: true, value }),
      },
      handler: ({ text }) => String(text),
    }),
  ],
};
