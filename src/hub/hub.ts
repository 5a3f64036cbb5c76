/**
 * The hub object: passes changes to whoever listens, across isolates, and counts each caller's sessions.
 *
 * Storage: `rows.ts`: one row per session. A stateless listener is no row but a hibernating WebSocket whose attachment
 * is `{"filter":{…},"caller":"[…]"}`.
 * Life: sockets outlive the object's memory; an idle hub is evicted and is rebuilt around them by the next change.
 * Trade-off: a listener hangs on one shard and a change visits every shard, so waiting is cheap and changing is not.
 */

import { DurableObject } from "cloudflare:workers";
import { now } from "../base/clock.ts";
import { wants, type Change, type Filter } from "./change.ts";
import { sessionRows, type Registered, type SessionRows } from "./rows.ts";

interface Attachment {
  readonly filter: Filter;
  readonly caller: string;
}

/** Request header that carries the {@link Attachment}: an upgrade has no body. Only the Worker can reach this object. */
export const LISTENER_HEADER = "x-barewire-listener";

/** Sessions one caller may have open; strangers share one count. */
export const MAX_SESSIONS_PER_CALLER = 100;
export const MAX_SESSIONS_OF_STRANGERS = 10_000;

/** Milliseconds after admission in which a session may not have been opened yet. */
export const OPENING_MS = 60_000;

/** What a change does to a session: the object behind this binding is told, and says whether it still lives. */
export interface Notified extends Rpc.DurableObjectBranded {
  notify(change: Change): boolean;
}

export interface HubEnv {
  readonly SESSION: DurableObjectNamespace<Notified>;
}

export class Hub extends DurableObject<HubEnv> {
  readonly #sessions: SessionRows = sessionRows(this.ctx.storage);

  /** Attaches a listener. In: an upgrade request with its {@link Attachment}. Out: 101 and the client end. */
  override fetch(request: Request): Response {
    const attachment = JSON.parse(decodeURIComponent(request.headers.get(LISTENER_HEADER) ?? "")) as Attachment;
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment(attachment);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Passes `change` to every listener and session whose filter wants it and who may hear of it. */
  async publish(change: Change): Promise<void> {
    this.#tellListeners(change);
    await Promise.all(this.#sessions.concernedBy(change).map((one) => this.#tellSession(one, change)));
  }

  /** Registers a session and says whether its caller may have one more. */
  admit(session: string, caller: string, stranger: boolean): boolean {
    const most = stranger ? MAX_SESSIONS_OF_STRANGERS : MAX_SESSIONS_PER_CALLER;
    if (this.#sessions.count(caller) >= most) return false;
    this.#sessions.add({ id: session, caller }, now());
    return true;
  }

  /** The resources a session wants to hear of. */
  watch(session: string, caller: string, uris: readonly string[]): void {
    this.#sessions.setUris({ id: session, caller }, uris);
  }

  forget(session: string, caller: string): void {
    this.#sessions.remove({ id: session, caller }, Infinity);
  }

  /** One session that fails to listen keeps no other from hearing. */
  async #tellSession(one: Registered, change: Change): Promise<void> {
    try {
      const lives = await this.env.SESSION.get(this.env.SESSION.idFromString(one.id)).notify(change);
      if (!lives) this.#sessions.remove(one, now() - OPENING_MS);
    } catch (error) {
      console.error(JSON.stringify({ event: "session.notify.failed", session: one.id, error: String(error) }));
    }
  }

  #tellListeners(change: Change): void {
    const text = JSON.stringify(change);
    for (const socket of this.ctx.getWebSockets()) {
      // One that is leaving is still listed; writing to it would throw, and nobody after it would hear.
      if (socket.readyState !== WebSocket.READY_STATE_OPEN) continue;
      const { filter, caller } = socket.deserializeAttachment() as Attachment;
      const mayHear = change.audience === undefined || change.audience === caller;
      if (mayHear && wants(filter, change)) socket.send(text);
    }
  }

  /** The Worker closes when its client has left; answering completes the handshake and frees the socket. */
  override webSocketClose(socket: WebSocket): void {
    socket.close(1000);
  }
}
