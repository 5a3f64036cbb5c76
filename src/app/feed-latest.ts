/** A long-lived upstream: the connection is held by an object that sleeps when nobody asks; see feed-object.ts. */

import * as z from "zod/mini";
import { pause } from "../base/clock.ts";
import { isObject, readJson, type JsonValue } from "../base/json.ts";
import { PublicError, type ToolResult } from "../server/content.ts";
import { tool, type Tool } from "../server/define.ts";
import type { Feed } from "./feed-object.ts";

/** How often, and how long apart, a connection that is new is asked for its first messages. */
const [TRIES, PAUSE_MS] = [8, 250];
const MOST_SHOWN = 300;

export function feedLatest(feeds: DurableObjectNamespace<Feed>): Tool {
  return tool({
    name: "feed_latest",
    description: "The newest messages of a public feed that never stops: what strangers write right now",
    annotations: { readOnlyHint: true, openWorldHint: true },
    input: z.object({ limit: z._default(z.int().check(z.gte(1), z.lte(20)), 5) }),
    output: z.object({ live: z.boolean(), messages: z.array(z.string()) }),
    async handler({ limit }) {
      const feed = feeds.getByName("feed");
      for (let tries = 0; tries < TRIES; tries++) {
        const { messages, connected: live } = await feed.latest();
        if (messages.length > 0) return tell(live, messages.slice(0, limit).map(show));
        if (!live) throw new PublicError("The feed cannot be reached: try again in a minute");
        await pause(PAUSE_MS);
      }
      return tell(true, []);
    },
  });
}

function tell(live: boolean, messages: string[]): ToolResult {
  const lines = messages.map((message) => `- ${message}`);
  if (messages.length === 0) lines.push("Connected; nothing has come yet.");
  if (!live) lines.push("The feed cannot be reached at the moment: these came before.");
  return { content: [{ type: "text", text: lines.join("\n") }], structuredContent: { live, messages } };
}

/** The words of a post, as Bluesky's Jetstream has them, or the start of whatever came. */
function show(message: string): string {
  const value = readJson(message);
  const words = ["commit", "record", "text"].reduce<JsonValue | undefined>(
    (at, member) => (isObject(at) ? at[member] : undefined),
    value,
  );
  return (typeof words === "string" ? words : message).slice(0, MOST_SHOWN);
}
