/** A long-lived upstream: the connection is held by an object that sleeps when nobody asks; see feed-object.ts. */

import {
  cut,
  defineTool,
  jsonSchema,
  object,
  PublicError,
  readJson,
  sleep,
  type Tool,
  type ToolResult,
  valueAtPath,
} from "../../api.ts";
import type { FeedObject } from "../feed-object.ts";

/** How often, and how long apart, a connection that is new is asked for its first messages. */
const TRIES = 8;
const PAUSE_MS = 250;
const MAX_SHOWN_CHARACTERS = 300;

/** The tool over the feed object. */
export function feedLatest(feeds: DurableObjectNamespace<FeedObject>): Tool {
  return defineTool({
    name: "feed_latest",
    description: "The newest messages of a public feed: what strangers write right now",
    annotations: { readOnlyHint: true, openWorldHint: true },
    input: jsonSchema(object({ limit: { type: "integer", minimum: 1, maximum: 20, default: 5 } })),
    output: jsonSchema(
      object({ live: { type: "boolean" }, messages: { type: "array", items: { type: "string" } } }),
    ),
    async handler({ limit }) {
      const feed = feeds.getByName("feed");
      for (let tries = 0; tries < TRIES; tries++) {
        const { messages, isConnected } = await feed.latest();
        if (messages.length > 0)
          return toolResult(isConnected, messages.slice(0, limit).map(postText));
        if (!isConnected)
          throw new PublicError("The feed cannot be reached: try again in a minute");
        await sleep(PAUSE_MS);
      }
      return toolResult(true, []);
    },
  });
}

function toolResult(isConnected: boolean, messages: string[]): ToolResult {
  const lines = messages.map((message) => `- ${message}`);
  if (messages.length === 0) lines.push("Connected; nothing has come yet.");
  if (!isConnected) lines.push("The feed cannot be reached at the moment: these came before.");
  return {
    content: [{ type: "text", text: lines.join("\n") }],
    structuredContent: { live: isConnected, messages },
  };
}

/** The words of a post, as Bluesky's Jetstream has them, or the start of whatever came. */
function postText(message: string): string {
  const words = valueAtPath(readJson(message), "commit.record.text");
  return cut(typeof words === "string" ? words : message, MAX_SHOWN_CHARACTERS);
}
