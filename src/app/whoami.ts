/** The caller, as this server knows them. */

import * as z from "zod/mini";
import { tool, type Tool } from "../server/define.ts";

export const whoami: Tool = tool({
  name: "whoami",
  description: "Who is signed in here, by which app, with which rights",
  annotations: { readOnlyHint: true, openWorldHint: false },
  output: z.object({
    ...{ subject: z.string(), issuer: z.string(), client: z.string(), scopes: z.array(z.string()) },
    app: z.optional(z.string()),
  }),
  handler: (_args, { caller, client }) => ({
    structuredContent: {
      ...{ subject: caller.subject, issuer: caller.issuer, client: caller.client, scopes: [...caller.scopes] },
      // What an app says of itself; nobody has checked it.
      ...(client.info !== undefined && { app: client.info.name }),
    },
  }),
});
