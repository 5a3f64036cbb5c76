/** The settings of the feed: read where the server is made, so that a wrong one is named, and by the object that holds it. */

import type { Settings } from "../api.ts";

export interface FeedEnv {
  /** A WebSocket that sends JSON messages without being asked. */
  readonly FEED_URL?: string;
  /** Seconds without a call after which the feed is dropped; default 600. */
  readonly FEED_IDLE_SECONDS?: string;
}

const DEFAULT_URL =
  "wss://jetstream2.us-east.bsky.network/subscribe?wantedCollections=app.bsky.feed.post";
const DEFAULT_IDLE_SECONDS = 600;

/** The address of the feed, and how long it is held for nobody. What is wrong goes to `settings`. */
export function readFeedSettings(settings: Settings): {
  readonly url: string;
  readonly idleMs: number;
} {
  const url = settings.text("FEED_URL") || DEFAULT_URL;
  if (!/^wss?:$/.test(URL.parse(url)?.protocol ?? ""))
    settings.reject("FEED_URL must be a ws or wss URL");
  return {
    url,
    idleMs: settings.integer("FEED_IDLE_SECONDS", 1, DEFAULT_IDLE_SECONDS) * 1_000,
  };
}
