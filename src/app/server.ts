/**
 * What this server offers. A fork edits this list and the files beside it, and nothing else.
 */

import type { ServerSpec } from "../server/define.ts";
import { addNumbers } from "./add-numbers.ts";
import type { AppEnv } from "./settings.ts";

export function app(_env: AppEnv): ServerSpec {
  return {
    info: { name: "barewire", title: "barewire", version: "0.1.0" },
    instructions: "A small example server.",
    tools: [addNumbers],
  };
}
