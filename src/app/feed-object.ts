/**
 * The feed object: one connection to an upstream that speaks without being asked, shared by all callers.
 *
 * Storage: nothing but an alarm. The newest messages are in memory: the feed brings others.
 * Life: the first call connects. The alarm comes once a minute, opens a lost connection again, and drops it when nobody
 * has asked for ten minutes; then the object sleeps, and the next call connects anew.
 * Trade-off: a connection outwards keeps the object awake and billed for as long as it is held.
 */

import { DurableObject } from "cloudflare:workers";
import { now } from "../base/clock.ts";
import { openSocket } from "../net/socket.ts";

const DEFAULT_URL = "wss://jetstream2.us-east.bsky.network/subscribe?wantedCollections=app.bsky.feed.post";
const DEFAULT_IDLE_SECONDS = "600";
const TICK_MS = 60_000;
const MOST_MESSAGES = 20;
const MOST_CHARACTERS = 20_000;

/** Its settings. */
export interface FeedEnv {
  /** A WebSocket that sends JSON messages without being asked. */
  readonly FEED_URL?: string;
  /** Seconds without a call after which the feed is dropped; default 600. */
  readonly FEED_IDLE_SECONDS?: string;
}

export interface Latest {
  /** Newest first. */
  readonly messages: readonly string[];
  readonly connected: boolean;
}

export class Feed extends DurableObject<FeedEnv> {
  #socket: WebSocket | undefined;
  #opening: Promise<void> | undefined;
  #messages: string[] = [];
  #asked = 0;

  /** The newest messages. Connects, where there is no connection. */
  async latest(): Promise<Latest> {
    this.#asked = now();
    await this.#connect();
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(this.#next());
    return { messages: this.#messages, connected: this.#socket !== undefined };
  }

  override async alarm(): Promise<void> {
    if (now() - this.#asked >= this.#idleMs()) return this.#drop();
    await this.#connect();
    await this.ctx.storage.setAlarm(this.#next());
  }

  /** Once, however many ask at the same time. */
  async #connect(): Promise<void> {
    if (this.#socket !== undefined) return;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  async #open(): Promise<void> {
    const opened = await openSocket(this.env.FEED_URL ?? DEFAULT_URL);
    if (!opened.ok) return;
    const socket = opened.value;
    this.#socket = socket;
    const lost = (): void => {
      if (this.#socket === socket) this.#socket = undefined;
    };
    socket.addEventListener("message", ({ data }) => this.#take(data as unknown));
    socket.addEventListener("close", lost);
    socket.addEventListener("error", lost);
  }

  #take(data: unknown): void {
    if (typeof data !== "string" || data.length > MOST_CHARACTERS) return;
    this.#messages = [data, ...this.#messages].slice(0, MOST_MESSAGES);
  }

  #drop(): void {
    this.#socket?.close(1000, "nobody asks");
    this.#socket = undefined;
    this.#messages = [];
  }

  #next(): number {
    return Math.min(now() + TICK_MS, this.#asked + this.#idleMs());
  }

  #idleMs(): number {
    return Number(this.env.FEED_IDLE_SECONDS ?? DEFAULT_IDLE_SECONDS) * 1000;
  }
}
