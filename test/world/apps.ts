/** What the exchanges of MCP Apps call for: a page, a tool with it, and a tool for that page alone. */

import * as z from "zod";
import { resource, type ResourceSpec, type Tool } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";

const resourceUri = "ui://spec/app";

export const appTools: readonly Tool[] = [
  tool({
    name: "spec_app",
    description: "Has a page",
    _meta: { ui: { resourceUri }, "example.com/kept": true },
    output: z.object({ answer: z.number() }),
    handler: () => ({ structuredContent: { answer: 42 } }),
  }),
  tool({
    name: "spec_app_only",
    description: "For the page alone",
    _meta: { ui: { resourceUri, visibility: ["app"] } },
    handler: () => "called",
  }),
];

export const appResources: readonly ResourceSpec[] = [
  resource({
    uri: resourceUri,
    name: "app",
    description: "A page that a host shows",
    mimeType: "text/html;profile=mcp-app",
    _meta: {
      ui: {
        csp: { connectDomains: ["https://api.example.com"] },
        permissions: { clipboardWrite: {} },
        prefersBorder: false,
      },
    },
    read: () => "<!doctype html><html lang=en><title>App</title><p>An app</p></html>",
  }),
];
