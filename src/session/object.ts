/**
 * The session object: one client's conversation in a revision that has sessions, asleep whenever nothing happens.
 *
 * Storage: `rows.ts` lists it. Nothing is written before `initialize` succeeds.
 * Life: made by `initialize`, ended by DELETE, by the end of its grant, by the hub that needs room, or by the alarm a day
 * after the client was last seen. Between two messages it may be evicted: sockets hibernate, the rest is rows, and a call that was at work is lost.
 * Trade-off: one object request per message buys order without locks; a stream costs a row per event.
 */

import { DurableObject } from "cloudflare:workers";
import { callerKey, type Caller } from "../base/caller.ts";
import { now } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import { MAX_TRIES, pauseBefore } from "../base/retry.ts";
import { digest } from "../crypto/seal.ts";
import { describe, type Change } from "../hub/change.ts";
import { noBatch } from "../revision/era.ts";
import { revisionOf } from "../revision/revisions.ts";
import type { TraceContext } from "../telemetry/context.ts";
import { refuse } from "../wire/http.ts";
import { isShort, writeNotification, type Message } from "../wire/jsonrpc.ts";
import { endLostCalls, promote, stop, takeOver } from "./calls.ts";
import { handleAll } from "./handle.ts";
import { soonest } from "./questions.ts";
import { EVENT_SWEEP_MS, EVENT_TTL_MS, SEEN_STEP_MS, SESSION_GONE, SESSION_TTL_MS } from "./room.ts";
import type { Handled, House, Room, Session } from "./room.ts";
import { sessionRows } from "./rows.ts";
import type { SessionRow } from "./record-rows.ts";
import { announce, attach, CLOSE, goOnReading, openListening } from "./streams.ts";

export abstract class SessionObject<Env> extends DurableObject<Env> {
  readonly #room: Room;
  /** Grants beside the session's own that the hub knows to be used here. */
  readonly #joined = new Set<string>();
  /** The last grant that ended. */
  #ended: string | undefined;
  /** When the client was last seen, as far as this object remembers. */
  #seenAt = 0;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const rows = sessionRows(state.storage);
    const house = this.furnish(env);
    this.#room = { rows, state, house, running: new Set(), released: new Set(), wakes: Infinity };
    // What cannot be read would make every message an error, and its client would not know to begin anew.
    if (this.#session() !== undefined && !takeOver(this.#room)) state.waitUntil(this.#end());
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
    // spec: session.batch
    if (batched && !words.batches) return [{ kind: "refused", ...noBatch(date) }];
    return handleAll(this.#room, { ...session, caller, trace }, messages, ticket);
  }

  /** The POST has waited long enough: its calls go on as streams. */
  promote(ticket: string): void {
    promote(this.#room, ticket);
  }

  /** Attaches a socket. In: an upgrade request; the URL names stream ("new" opens one) and sequence number. */
  override async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const grant = query.get("grant") ?? undefined;
    const asked = query.get("stream");
    let session = await this.#sessionOf(query.get("caller") ?? "", grant);
    const listens = asked === "new" || this.#room.rows.stream(Number(asked))?.state === "open";
    if (session !== undefined && listens) session = await this.#hear(session);
    if (session === undefined) return refuse(SESSION_GONE);
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

  /** From the hub: a change that this session may want, or that nobody here has come to hear of for long. */
  notify(change: Change): "told" | "deaf" | "gone" {
    const session = this.#session();
    if (session === undefined) return "gone";
    if (this.ctx.getWebSockets().length === 0 && Math.max(session.row.seen, this.#seenAt) + EVENT_TTL_MS < now()) {
      if (session.row.hears === true) this.#room.rows.putSession({ ...session.row, hears: false });
      return "deaf";
    }
    if ("uri" in change && !this.#room.rows.subscriptions().includes(change.uri)) return "told";
    if (change.audience !== undefined && change.audience !== session.row.caller) return "told";
    const { method, params } = describe(change);
    announce(this.#room, writeNotification(method, params));
    return "told";
  }

  /** From the hub, which needs room: ends the session, unless it is busy or its client was seen after `before`. */
  async retire(before: number): Promise<number | "busy" | "ended" | "gone"> {
    const session = this.#session();
    if (session === undefined) return "gone";
    if (this.ctx.getWebSockets().length > 0 || this.#room.running.size > 0) return "busy";
    const seen = Math.max(session.row.seen, this.#seenAt);
    if (seen > before) return seen;
    await this.#clear();
    return "ended";
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
    if (session === undefined) return this.#leave();
    const idleSince = this.ctx.getWebSockets().length > 0 ? now() : session.row.seen;
    if (idleSince + SESSION_TTL_MS <= now()) return this.#end();
    const room = this.#room;
    // What is written here must not ask for an alarm: the next one is set below.
    room.wakes = 0;
    endLostCalls(room);
    room.rows.dropBefore(now() - EVENT_TTL_MS + EVENT_SWEEP_MS);
    room.wakes = Math.min(idleSince + SESSION_TTL_MS, soonest(room), room.rows.oldestEvent() + EVENT_TTL_MS);
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

  /** Ends the session, and has the hub forget it: now, or by the alarm. */
  async #end(): Promise<void> {
    const share = this.#room.rows.session()?.share ?? "";
    await this.#clear();
    // Written down first: an object may die at any time.
    this.#room.rows.putLeft({ share, tries: 0 });
    await this.ctx.storage.setAlarm(now() + pauseBefore(0));
    await this.#leave();
  }

  /** From here on there is no session. */
  async #clear(): Promise<void> {
    this.#cut();
    this.#room.rows.forgetSession();
    // With the rows goes the alarm.
    await this.ctx.storage.deleteAll();
  }

  /** Has the hub forget the session that was. After the last try the hub finds out by itself. */
  async #leave(): Promise<void> {
    const { share, tries } = this.#room.rows.left() ?? { share: "", tries: MAX_TRIES };
    try {
      if (tries < MAX_TRIES) await this.#room.house.hub.forget(this.ctx.id.toString(), share);
    } catch (error) {
      log("error", "ending.failed", { session: await digest(this.ctx.id.toString()), tries, error: stackOf(error) });
      this.#room.rows.putLeft({ share, tries: tries + 1 });
      return this.ctx.storage.setAlarm(now() + pauseBefore(tries));
    }
    await this.ctx.storage.deleteAll();
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
    if (!(await this.#room.house.hub.join(this.ctx.id.toString(), session.row.share, grant))) return undefined;
    this.#joined.add(grant);
    // The session may have ended meanwhile.
    return this.#sessionOf(caller, grant);
  }

  /** Tells the hub, once, that the client listens. Undefined when the session ended meanwhile. */
  async #hear(session: Session): Promise<Session | undefined> {
    const { rows, house } = this.#room;
    if (session.row.hears === true) return session;
    await house.hub.hear(this.ctx.id.toString(), session.row.share);
    const row = rows.session();
    if (row !== undefined) rows.putSession({ ...row, hears: true });
    return this.#session();
  }

  /** Notes that the client is here: in memory, and once in a while in the row. */
  #seen(session: Session): Session {
    this.#seenAt = now();
    if (now() - session.row.seen <= SEEN_STEP_MS) return session;
    const row = { ...session.row, seen: now() };
    this.#room.rows.putSession(row);
    return { ...session, row };
  }
}
