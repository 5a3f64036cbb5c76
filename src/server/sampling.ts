/**
 * What a sampling request may look like: tool use and tool results must alternate and match.
 * MCP client/sampling#tool-result-messages and #tool-use-and-result-balance. A wrong request is a bug of the handler: it throws.
 */

import type { JsonObject } from "../base/json.ts";
import type { SamplingMessage } from "./content.ts";

const UNANSWERED_TOOL_USE = "Each tool use needs its result in the next message";

/** Throws unless every tool use is answered by the next message, which holds tool results alone. */
export function requireBalancedToolUse(messages: readonly SamplingMessage[]): void {
  let unanswered: readonly string[] = [];
  for (const { role, content } of messages) {
    const blocks = Array.isArray(content) ? content : [content];
    const results = idsOf(blocks, "tool_result", "toolUseId");
    // spec: sampling.results.alone
    if (results.length > 0 && (role !== "user" || results.length !== blocks.length)) {
      throw new Error("A message with tool results is the user's and holds nothing else");
    }
    // spec: sampling.results.balanced, sampling.results.matched
    if (results.toSorted().join() !== unanswered.toSorted().join()) {
      throw new Error(UNANSWERED_TOOL_USE);
    }
    unanswered = idsOf(blocks, "tool_use", "id");
  }
  if (unanswered.length > 0) throw new Error(UNANSWERED_TOOL_USE);
}

function idsOf(blocks: readonly JsonObject[], type: string, member: string): string[] {
  return blocks
    .filter((block) => block["type"] === type)
    .map((block) => JSON.stringify(block[member]));
}
