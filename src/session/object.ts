/**
 * The session object: one client's conversation in a revision that has sessions, asleep whenever nothing happens.
 *
 * Storage: `rows.ts` lists it. Nothing is written before `initialize` succeeds.
 * Life: made by `initialize`, ended by DELETE, by the end of its grant, or by the alarm a day after the client was last
 * seen. Between two messages it may be evicted: sockets hibernate, the rest is rows, and a call that was at work is lost.
 * Trade-off: one object request per message buys order without locks; a stream costs a row per event.
 */

import { DurableObject } from "cloudflare:workers";
import { callerKey, type Caller } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import { describe, type Change } from "../hub/change.ts";
import { revisionOf } from "../revision/revisions.ts";
import type { TraceContext } from "../telemetry/context.ts";
import { refuse } from "../wire/http.ts";
import { isShort, writeNotification, type Message } from "../wire/jsonrpc.ts";
import { endLostCalls, promote, stop } from "./calls.ts";
import { handleAll } from "./handle.ts";
import { EVENT_SWEEP_MS, EVENT_TTL_MS, SESSION_GONE, SESSION_TTL_MS } from "./room.ts";
import type { Handled, House, Room, Session } from "./room.ts";
import { sessionRows, type SessionRow } from "./rows.ts";
import { announce, attach, CLOSE, goOnReading, openListening } from "./streams.ts";

export abstract class SessionObject<Env> extends DurableObject<Env> {
  readonly #room: Room;
  /** Grants beside the session's own that the hub knows to be used here. */
  readonly #joined = new Set<string>();
  /** The last grant that ended. */
  #ended: string | undefined;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const rows = sessionRows(state.storage);
    const house = this.furnish(env);
    this.#room = { rows, state, house, running: new Set(), released: new Set(), wakes: Infinity };
    if (this.#session() !== undefined) endLostCalls(this.#room);
  }

  /** The app's server and what the platform lends it. */
  abstract furnish(env: Env): House;

  /** Writes the session: one row, and the alarm that will end it. False when its grant ended a moment ago. */
  async initialize(opening: Omit<SessionRow, "level" | "seen">): Promise<boolean> {
    if (opening.grant !== undefined && opening.grant === this.#ended) return false;
    this.#room.rows.putSession({ ...opening, level: undefined, seen: now() });
    await this.ctx.storage.setAlarm(now() + SESSION_TTL_MS);
    return true;
  }

  /** Handles the messages of one POST; `ticket` names it, for {@link promote}; `trace` is what it belongs to. */
  async handle(
    caller: Caller,
    messages: readonly Message[],
    batched: boolean,
    ticket: string,
    trace: TraceContext,
  ): Promise<Handled[]> {
    const session = await this.#sessionOf(callerKey(caller), caller.grant);
    if (session === undefined) return [{ kind: "gone" }];
    const { words, date } = session.revision;
    // spec: session.batch, session.body.single
    if (batched && !words.batches)
      return [{ kind: "refused", error: "InvalidRequest", message: `Batches do not exist in ${date}` }];
    const visit = { ...session, caller, trace };
    return handleAll(this.#room, visit, messages, ticket);
  }

  /** The POST has waited long enough: its calls go on as streams. */
  promote(ticket: string): void {
    promote(this.#room, ticket);
  }

  /** Attaches a socket. In: an upgrade request; the URL names stream ("new" opens one) and sequence number. */
  override async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const grant = query.get("grant") ?? undefined;
    const session = await this.#sessionOf(query.get("caller") ?? "", grant);
    if (session === undefined) return refuse(SESSION_GONE);
    const asked = query.get("stream");
    const stream = asked === "new" ? openListening(this.#room) : Number(asked);
    const socket = attach(this.#room, session.revision, stream, Number(query.get("after")), grant);
    return socket.ok ? new Response(null, { status: 101, webSocket: socket.value }) : refuse(socket.error);
  }

  /** DELETE: true when the session was this caller's and is now gone. */
  async end(caller: string): Promise<boolean> {
    if ((await this.#sessionOf(caller)) === undefined) return false;
    await this.#end();
    return true;
  }

  /** From the hub: `grant` is revoked. Ends the session that it opened, or what it runs and holds in another. */
  async revoke(grant: string): Promise<void> {
    if (this.#session()?.row.grant === grant) return this.#end();
    // Registered, and not opened yet: that is milliseconds away, so that memory is enough.
    this.#ended = grant;
    this.#joined.delete(grant);
    this.#cut(grant);
  }

  /** From the hub: a change that this session may want. False when the session is gone, so that the hub forgets it. */
  notify(change: Change): boolean {
    const session = this.#session();
    if (session === undefined) return false;
    if ("uri" in change && !this.#room.rows.subscriptions().includes(change.uri)) return true;
    if (change.audience !== undefined && change.audience !== session.row.caller) return true;
    const { method, params } = describe(change);
    announce(this.#room, writeNotification(method, params));
    return true;
  }

  /** The person is done at a URL that this session was asked to open. */
  complete(elicitationId: string): void {
    if (this.#session()?.revision.words.urlMode !== true || !isShort(elicitationId)) return;
    // spec: session.elicit.complete.own, session.elicit.complete.id
    announce(this.#room, writeNotification("notifications/elicitation/complete", { elicitationId }));
  }

  /** Ends what has waited too long, forgets old events, and ends the session itself when nobody has come for a day. */
  override async alarm(): Promise<void> {
    const session = this.#session();
    if (session === undefined) return;
    const idleSince = this.ctx.getWebSockets().length > 0 ? now() : session.row.seen;
    if (idleSince + SESSION_TTL_MS <= now()) return this.#end();
    const room = this.#room;
    // What is written here must not ask for an alarm: the next one is set below.
    room.wakes = 0;
    endLostCalls(room);
    room.rows.dropBefore(now() - EVENT_TTL_MS + EVENT_SWEEP_MS);
    const question = room.rows.waiting()[0]?.expires ?? Infinity;
    room.wakes = Math.min(idleSince + SESSION_TTL_MS, question, room.rows.oldestEvent() + EVENT_TTL_MS);
    await this.ctx.storage.setAlarm(room.wakes);
  }

  /** The Worker says that its client has read what was passed on. */
  override webSocketMessage(socket: WebSocket): void {
    const session = this.#session();
    if (session === undefined) return;
    this.#seen(session);
    goOnReading(this.#room, socket);
  }

  /** The Worker's client has left; answering completes the handshake and frees the socket. The stream stays. */
  override webSocketClose(socket: WebSocket): void {
    const session = this.#session();
    if (session !== undefined) this.#seen(session);
    // Not the code it came with: some may not be sent, and nobody reads it.
    socket.close(CLOSE.done);
  }

  async #end(): Promise<void> {
    this.#cut();
    const caller = this.#room.rows.session()?.caller ?? "";
    this.#room.rows.forgetSession();
    // With the rows goes the alarm.
    await this.ctx.storage.deleteAll();
    await this.#room.house.hub.forget(this.ctx.id.toString(), caller);
  }

  /** Closes the sockets and stops the calls of `grant`, or all of them. */
  #cut(grant?: string): void {
    for (const socket of this.ctx.getWebSockets(grant)) socket.close(CLOSE.ended, "ended");
    for (const running of this.#room.running) {
      if (grant === undefined || running.visit.caller.grant === grant) stop(this.#room, running, { kind: "gone" });
    }
  }

  #session(): Session | undefined {
    const row = this.#room.rows.session();
    const revision = row && revisionOf(row.revision);
    return row && revision && { row, revision };
  }

  /** The session, when it is `caller`'s. Notes that the client is here, and by which grant. */
  async #sessionOf(caller: string, grant?: string): Promise<Session | undefined> {
    const session = this.#session();
    // spec: session.bound
    if (session === undefined || session.row.caller !== caller) return undefined;
    if (grant === undefined || grant === session.row.grant || this.#joined.has(grant)) return this.#seen(session);
    if (!(await this.#room.house.hub.join(this.ctx.id.toString(), caller, grant))) return undefined;
    this.#joined.add(grant);
    // The session may have ended meanwhile.
    return this.#sessionOf(caller, grant);
  }

  /** Notes that the client is here, at most once in a quarter of the lifetime. */
  #seen(session: Session): Session {
    if (now() - session.row.seen <= SESSION_TTL_MS / 4) return session;
    const row = { ...session.row, seen: now() };
    this.#room.rows.putSession(row);
    return { ...session, row };
  }
}
