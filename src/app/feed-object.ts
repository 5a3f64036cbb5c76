/**
 * The feed object: one connection to an upstream that speaks without being asked, shared by all callers.
 *
 * Storage: nothing but an alarm. The newest messages are in memory: the feed brings others.
 * Life: the first call connects. The alarm comes once a minute, opens a lost connection again, and drops it when nobody
 * has asked for ten minutes; then the object sleeps, and the next call connects anew.
 * Trade-off: a connection outwards keeps the object awake and billed for as long as it is held.
 */

import { createSettings, DurableObject, now, openWebSocket } from "../api.ts";
import { readFeedSettings, type FeedEnv } from "./feed-settings.ts";

const ALARM_INTERVAL_MS = 60_000;
const MAX_MESSAGES = 20;
const MAX_MESSAGE_CHARACTERS = 20_000;

export interface FeedMessages {
  /** Newest first. */
  readonly messages: readonly string[];
  readonly isConnected: boolean;
}

export class FeedObject extends DurableObject<FeedEnv> {
  readonly #settings: ReturnType<typeof readFeedSettings> = readFeedSettings(
    createSettings(this.env),
  );
  #socket: WebSocket | undefined;
  #opening: Promise<void> | undefined;
  #messages: string[] = [];
  #lastRequestAt = 0;

  /** The newest messages. Connects, where there is no connection. */
  async latest(): Promise<FeedMessages> {
    this.#lastRequestAt = now();
    await this.#connect();
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(this.#nextAlarmAt());
    return { messages: this.#messages, isConnected: this.#socket !== undefined };
  }

  override async alarm(): Promise<void> {
    if (now() - this.#lastRequestAt >= this.#settings.idleMs) return this.#disconnect();
    await this.#connect();
    await this.ctx.storage.setAlarm(this.#nextAlarmAt());
  }

  /** Once, however many ask at the same time. */
  async #connect(): Promise<void> {
    if (this.#socket !== undefined) return;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  async #open(): Promise<void> {
    const opened = await openWebSocket(this.#settings.url);
    if (!opened.ok) return;
    const socket = opened.value;
    this.#socket = socket;
    const onLost = (): void => {
      if (this.#socket === socket) this.#socket = undefined;
    };
    socket.addEventListener("message", ({ data }) => this.#addMessage(data as unknown));
    socket.addEventListener("close", onLost);
    socket.addEventListener("error", onLost);
  }

  #addMessage(data: unknown): void {
    if (typeof data !== "string" || data.length > MAX_MESSAGE_CHARACTERS) return;
    this.#messages = [data, ...this.#messages].slice(0, MAX_MESSAGES);
  }

  #disconnect(): void {
    this.#socket?.close(1000, "nobody asks");
    this.#socket = undefined;
    this.#messages = [];
  }

  #nextAlarmAt(): number {
    return Math.min(now() + ALARM_INTERVAL_MS, this.#lastRequestAt + this.#settings.idleMs);
  }
}
