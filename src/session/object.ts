/**
 * The session object: one client's conversation in a revision that has sessions, asleep whenever nothing happens.
 *
 * Storage: `rows.ts` lists it. Nothing is written before `initialize` succeeds.
 * Life: made by `initialize`, ended by DELETE or by the alarm a day after the client was last seen. Between two messages
 * it may be evicted: sockets hibernate, the rest is rows, and a call that was at work ends with an error on its stream.
 * Trade-off: one object request per message buys order without locks; a stream costs a row per event.
 */

import { DurableObject } from "cloudflare:workers";
import { callerKey, type Caller } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import { refusal, type Refusal } from "../base/refusal.ts";
import { describe, type Change } from "../hub/change.ts";
import { revisionOf } from "../revision/revisions.ts";
import { refuse } from "../wire/http.ts";
import { writeNotification, type Message } from "../wire/jsonrpc.ts";
import { endLostCalls, promote, type Session } from "./calls.ts";
import { handle } from "./handle.ts";
import { EVENT_TTL_MS, SESSION_TTL_MS, type Handled, type House, type Room } from "./room.ts";
import { sessionRows, type SessionRow } from "./rows.ts";
import { attach, CLOSE, emit, listeningStream, openListening } from "./streams.ts";

/** What `initialize` settled. */
export type Opening = Pick<SessionRow, "caller" | "revision" | "client">;

export abstract class SessionObject<Env> extends DurableObject<Env> {
  readonly #room: Room;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#room = {
      rows: sessionRows(state.storage),
      state,
      house: this.furnish(env),
      running: new Map(),
      released: new Set(),
    };
    if (this.#session() !== undefined) endLostCalls(this.#room);
  }

  /** The app's server and what the platform lends it. */
  abstract furnish(env: Env): House;

  /** Writes the session: one row, and the alarm that will end it. */
  async initialize(opening: Opening): Promise<void> {
    this.#room.rows.putSession({ ...opening, level: undefined, seen: now() });
    await this.ctx.storage.setAlarm(now() + SESSION_TTL_MS);
  }

  /** Handles the messages of one POST; `tickets` name the requests among them, for {@link promote}. */
  async handle(
    caller: Caller,
    messages: readonly Message[],
    batched: boolean,
    tickets: readonly string[],
  ): Promise<Handled[]> {
    const session = this.#sessionOf(callerKey(caller));
    if (session === undefined) return [{ kind: "gone" }];
    // spec: session.batch, session.body.single
    if (batched && !session.revision.words.batches) {
      return [
        { kind: "refused", error: "InvalidRequest", message: `Batches do not exist in ${session.revision.date}` },
      ];
    }
    return Promise.all(
      messages.map((message, index) => handle(this.#room, session, message, caller, tickets[index] ?? "")),
    );
  }

  /** The POST of these calls has waited long enough: go on as streams. */
  promote(tickets: readonly string[]): void {
    for (const ticket of tickets) promote(this.#room, ticket);
  }

  /** Attaches a socket. In: an upgrade request; the URL names stream ("new" opens one) and sequence number. */
  override fetch(request: Request): Response {
    const query = new URL(request.url).searchParams;
    const session = this.#sessionOf(query.get("caller") ?? "");
    if (session === undefined) return refuse(sessionGone());
    const asked = query.get("stream") ?? "new";
    const stream = asked === "new" ? openListening(this.#room) : Number(asked);
    const socket = attach(this.#room, session.revision, stream, Number(query.get("after") ?? 0));
    return socket.ok ? new Response(null, { status: 101, webSocket: socket.value }) : refuse(socket.error);
  }

  /** DELETE: true when the session was this caller's and is now gone. */
  async end(caller: string): Promise<boolean> {
    if (this.#sessionOf(caller) === undefined) return false;
    await this.#end();
    return true;
  }

  /** From the hub: a change that this session may want. False when the session is gone, so that the hub forgets it. */
  notify(change: Change): boolean {
    const session = this.#session();
    if (session === undefined) return false;
    if ("uri" in change && !this.#room.rows.subscriptions().includes(change.uri)) return true;
    if (change.audience !== undefined && change.audience !== session.row.caller) return true;
    const stream = listeningStream(this.#room);
    const { method, params } = describe(change);
    if (stream !== undefined) emit(this.#room, stream, writeNotification(method, params));
    return true;
  }

  /** The person is done at a URL that this session was asked to open. */
  complete(elicitationId: string): void {
    const stream = this.#session()?.revision.words.urlMode === true ? listeningStream(this.#room) : undefined;
    if (stream === undefined) return;
    // spec: session.elicit.complete.own, session.elicit.complete.id
    emit(this.#room, stream, writeNotification("notifications/elicitation/complete", { elicitationId }));
  }

  /** Ends what has waited too long, forgets old events, and ends the session itself when nobody has come for a day. */
  override async alarm(): Promise<void> {
    const session = this.#session();
    if (session === undefined) return;
    const idleSince = this.ctx.getWebSockets().length > 0 ? now() : session.row.seen;
    if (idleSince + SESSION_TTL_MS <= now()) return this.#end();
    endLostCalls(this.#room);
    this.#room.rows.dropBefore(now() - EVENT_TTL_MS);
    const question = this.#room.rows.waiting()[0]?.expires ?? Infinity;
    await this.ctx.storage.setAlarm(Math.min(idleSince + SESSION_TTL_MS, question));
  }

  /** The Worker's client has left; answering completes the handshake and frees the socket. The stream stays. */
  override webSocketClose(socket: WebSocket): void {
    const session = this.#session();
    if (session !== undefined) this.#seen(session);
    // Not the code it came with: some may not be sent, and nobody reads it.
    socket.close(CLOSE.done);
  }

  async #end(): Promise<void> {
    for (const socket of this.ctx.getWebSockets()) socket.close(CLOSE.ended, "session ended");
    for (const { cancel, settle } of this.#room.running.values()) {
      cancel.abort();
      settle({ kind: "gone" });
    }
    this.#room.running.clear();
    const caller = this.#room.rows.session()?.caller ?? "";
    this.#room.rows.forgetSession();
    // With the rows goes the alarm.
    await this.ctx.storage.deleteAll();
    await this.#room.house.hub.forget(this.ctx.id.toString(), caller);
  }

  #session(): Session | undefined {
    const row = this.#room.rows.session();
    const revision = row === undefined ? undefined : revisionOf(row.revision);
    return row === undefined || revision === undefined ? undefined : { row, revision };
  }

  /** The session, when it is `caller`'s. Notes that the client is here. */
  #sessionOf(caller: string): Session | undefined {
    const session = this.#session();
    // spec: session.bound
    if (session === undefined || session.row.caller !== caller) return undefined;
    return this.#seen(session);
  }

  /** Notes that the client is here, at most once in a quarter of the lifetime. */
  #seen(session: Session): Session {
    if (now() - session.row.seen <= SESSION_TTL_MS / 4) return session;
    const row = { ...session.row, seen: now() };
    this.#room.rows.putSession(row);
    return { ...session, row };
  }
}

/** What a client is told that names a session which is not there, or not its own: start anew. */
export function sessionGone(): Refusal {
  // spec: session.gone
  return refusal("NotFound", "No such session: initialize a new one");
}
