/**
 * The shapes that handlers return: content blocks, tool results, resource contents, prompt messages.
 * MCP server/tools#tool-result, server/resources#resource-contents, server/prompts#promptmessage.
 * `returned.ts` holds what a handler returns to them.
 */

import type { JsonObject, JsonValue } from "../base/json.ts";

export type Role = "user" | "assistant";

export interface Annotations {
  audience?: Role[];
  /** 0 (optional) to 1 (required). */
  priority?: number;
  /** ISO 8601. */
  lastModified?: string;
}

export interface Icon {
  /** An https: or data: URI. */
  src: string;
  mimeType?: string;
  sizes?: string[];
  theme?: "light" | "dark";
}

/** `text` is for text, `blob` is base64. */
export type ResourceContents = { uri: string; mimeType?: string; _meta?: JsonObject } & (
  | { text: string }
  | { blob: string }
);

// spec: prompts.embedded.complete
export type ContentBlock = { annotations?: Annotations; _meta?: JsonObject } & (
  | { type: "text"; text: string }
  // spec: prompts.image.encoded, prompts.audio.encoded
  | { type: "image" | "audio"; data: string; mimeType: string }
  | { type: "resource"; resource: ResourceContents & { mimeType: string } }
  | {
      type: "resource_link";
      uri: string;
      name: string;
      title?: string;
      description?: string;
      mimeType?: string;
      size?: number;
    }
);

/** `content`, `structuredContent` or both. The latter is any JSON value, and fits the tool's output schema if it has one. */
export type ToolResult = { isError?: boolean; _meta?: JsonObject } & (
  | { content: ContentBlock[]; structuredContent?: JsonValue }
  | { content?: ContentBlock[]; structuredContent: JsonValue }
);

export interface PromptMessage {
  role: Role;
  content: ContentBlock;
}

// spec: sampling.message.shape
export interface SamplingMessage {
  role: Role;
  content: JsonObject | JsonObject[];
}

/** An error whose message the caller may read. Any other error is told to the caller as "internal error" only. */
export class PublicError extends Error {
  override readonly name = "PublicError";
}
