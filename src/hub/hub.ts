/**
 * The hub object: passes changes to whoever listens, across isolates, and counts each caller's sessions.
 *
 * Storage: `rows.ts`: a row per session, and per grant that ended of late. A stateless listener is no row but a
 * hibernating WebSocket whose attachment is `{"filter":{…},"caller":"[…]"}`, tagged with its grant.
 * Life: sockets outlive the object's memory; an idle hub is evicted and is rebuilt around them by the next change.
 * Trade-off: a listener hangs on one shard and a change visits every shard, so waiting is cheap and changing is not.
 */

import { DurableObject } from "cloudflare:workers";
import { now } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import { digest } from "../crypto/seal.ts";
import { wants, type Change, type Filter } from "./change.ts";
import { sessionRows, type Registered, type SessionRows } from "./rows.ts";

export interface Listener {
  readonly filter: Filter;
  readonly caller: string;
  readonly grant?: string | undefined;
}

/** Request header that carries the {@link Listener}: an upgrade has no body. Only the Worker can reach this object. */
export const LISTENER_HEADER = "x-barewire-listener";

/** Sessions one caller may have open; strangers share one count. */
export const MAX_SESSIONS_PER_CALLER = 100;
export const MAX_SESSIONS_OF_STRANGERS = 10_000;

/** Milliseconds after admission in which a session may not have been opened yet. */
const OPENING_MS = 60_000;

/** What a session is told of: a change, of which it says whether it still lives, or the end of a grant. */
export interface Notified extends Rpc.DurableObjectBranded {
  notify(change: Change): boolean;
  revoke(grant: string): Promise<void>;
}

export abstract class HubObject<Env> extends DurableObject<Env> {
  readonly #sessions: SessionRows = sessionRows(this.ctx.storage);

  /** Where the sessions are that must be told. */
  abstract sessions(env: Env): DurableObjectNamespace<Notified>;

  /** Attaches a listener. In: an upgrade request with a {@link Listener}. Out: 101 and the client end. */
  override fetch(request: Request): Response {
    const text = decodeURIComponent(request.headers.get(LISTENER_HEADER) ?? "");
    const { grant, ...attachment } = JSON.parse(text) as Listener;
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, grant === undefined ? [] : [grant]);
    server.serializeAttachment(attachment);
    if (this.#sessions.isBarred(grant)) server.close(1000, "grant revoked");
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Passes `change` to every listener and session whose filter wants it and who may hear of it. */
  async publish(change: Change): Promise<void> {
    const text = JSON.stringify(change);
    for (const socket of this.ctx.getWebSockets()) {
      // One that is leaving is still listed; writing to it would throw, and nobody after it would hear.
      if (socket.readyState !== WebSocket.READY_STATE_OPEN) continue;
      const { filter, caller } = socket.deserializeAttachment() as Listener;
      const mayHear = change.audience === undefined || change.audience === caller;
      if (mayHear && wants(filter, change)) socket.send(text);
    }
    await Promise.all(this.#sessions.concernedBy(change).map((one) => this.#tell(one, change)));
  }

  /** Ends what lives by `grant`: listeners, and what sessions have of it. Its tokens open no more, good as they may look. */
  async revoke(grant: string): Promise<void> {
    this.#sessions.bar(grant, now());
    for (const socket of this.ctx.getWebSockets(grant)) socket.close(1000, "grant revoked");
    await Promise.all(this.#sessions.usedBy(grant).map((one) => this.#session(one).revoke(grant)));
  }

  /** Registers a session and says whether its caller may have one more. */
  admit(one: Registered, stranger: boolean, grant: string | undefined): boolean {
    const most = stranger ? MAX_SESSIONS_OF_STRANGERS : MAX_SESSIONS_PER_CALLER;
    if (this.#sessions.isBarred(grant) || this.#sessions.count(one.caller) >= most) return false;
    this.#sessions.add(one, grant, now());
    return true;
  }

  /** The resources a session wants to hear of. */
  watch(one: Registered, uris: readonly string[]): void {
    this.#sessions.setUris(one, uris);
  }

  /** Another grant of the caller is used in the session. False when it ended. */
  join(one: Registered, grant: string): boolean {
    this.#sessions.addGrant(one, grant);
    return !this.#sessions.isBarred(grant);
  }

  forget(one: Registered): void {
    this.#sessions.remove(one, Infinity);
  }

  #session({ id }: Registered): DurableObjectStub<Notified> {
    const sessions = this.sessions(this.env);
    return sessions.get(sessions.idFromString(id));
  }

  /** One session that fails to listen keeps no other from hearing. */
  async #tell(one: Registered, change: Change): Promise<void> {
    try {
      if (!(await this.#session(one).notify(change))) this.#sessions.remove(one, now() - OPENING_MS);
    } catch (error) {
      // Not the id: it is a credential.
      log("error", "session.notify.failed", { session: await digest(one.id), error: stackOf(error) });
    }
  }

  /** The Worker closes when its client has left; answering completes the handshake and frees the socket. */
  override webSocketClose(socket: WebSocket): void {
    socket.close(1000);
  }
}
