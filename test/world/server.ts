/**
 * The conformance world: a server that offers what the official suite and the exchanges under `spec/` call for, and
 * nothing a fork would ship. Order matters: the suite's fixtures come first, because its probes take the first tool,
 * the first tool with a mirrored string, and the first resource.
 */

import type { ServerSpec } from "../../src/server/define.ts";
import { appResources, appTools } from "./apps.ts";
import { inputTools } from "./input-tools.ts";
import { extraPrompts, extraResources, extraTemplates, extraTools } from "./extras.ts";
import { storageTools } from "./storage-tools.ts";
import { prompts } from "./prompts.ts";
import { resources, templates } from "./resources.ts";
import { taskTools } from "./task-tools.ts";
import { tools } from "./tools.ts";

export const fixtureServer: ServerSpec = {
  info: { name: "barewire-world", title: "The conformance world", version: "0.1.0" },
  instructions: "Fixtures for conformance tests.",
  tools: [...tools, ...inputTools, ...appTools, ...extraTools, ...storageTools, ...taskTools],
  resources: [...resources, ...appResources, ...extraResources],
  templates: [...templates, ...extraTemplates],
  prompts: [...prompts, ...extraPrompts],
  scopes: {
    "notes:read": { description: "Read notes" },
    "notes:write": { description: "Write notes", implies: ["notes:read"] },
    "notes:share": { description: "Share notes" },
    "notes:purge": { description: "Delete notes for good", isDefault: false },
  },
  pageSize: 50,
};
