/**
 * The session object: one client's conversation in a revision that has sessions, asleep whenever nothing happens.
 *
 * Storage: `session-rows.ts` and `record-rows.ts` list it. Nothing is written before `initialize` succeeds.
 * Life: made by `initialize`, ended by DELETE, by the end of its grant, by the hub that needs room, or by the alarm a day
 * after the client was last seen. Between two messages it may be evicted: sockets hibernate, the rest is rows, and a call that was at work is lost.
 * Trade-off: one object request per message buys order without locks; a stream costs a row per event.
 */

import { DurableObject } from "../../base/platform.ts";
import { callerKey, type Caller } from "../../base/caller.ts";
import { now } from "../../base/time.ts";
import { retryDelayMs } from "../../base/retry.ts";
import type { Change } from "../../protocol/change.ts";
import { batchUnsupported } from "../../protocol/era.ts";
import type { ServerRuntime } from "../../server/feature.ts";
import type { TraceContext } from "../../base/trace-context.ts";
import { errorResponse } from "../../wire/response.ts";
import type { Message } from "../../wire/jsonrpc.ts";
import { switchToStream } from "./call-replies.ts";
import { abortCall, expireCalls } from "./calls.ts";
import { failCallWithoutQuestions, readOn, sweep, takeOver } from "./lost-calls.ts";
import { handleMessages } from "./handle-message.ts";
import { EVENT_TTL_MS, SESSION_TTL_MS } from "./limits.ts";
import { SESSION_NOT_FOUND } from "./refusals.ts";
import {
  EXHAUSTED_HEADER,
  sessionDependencies,
  type MessageOutcome,
  type SessionRuntime,
} from "./types.ts";
import { createSessionAccess, type SessionAccess } from "./session-access.ts";
import { createSessionStore } from "./session-rows.ts";
import type { SessionRecord } from "./record-rows.ts";
import {
  noteListener,
  noteListenerGone,
  noteMissed,
  sendChange,
  sendElicitationComplete,
} from "./listeners.ts";
import { attach, listenerStreamOf, noteGap, openStream } from "./streams.ts";
import { unregister } from "./unregister.ts";

export abstract class SessionObject<Env> extends DurableObject<Env> {
  readonly #runtime: SessionRuntime;
  readonly #access: SessionAccess;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const store = createSessionStore(state.storage);
    this.#runtime = {
      store,
      objectState: state,
      dependencies: sessionDependencies(this.serverRuntime(env)),
      runningCalls: new Set(),
      stoppedCalls: new Set(),
      closedBeforeAttach: new Set(),
      hubUpdates: { current: undefined, next: undefined },
      alarmAt: Infinity,
    };
    this.#access = createSessionAccess(this.#runtime);
    // What cannot be read would make every message an error, and its client would not know to begin anew.
    if (this.#access.session() !== undefined && !takeOver(this.#runtime))
      state.waitUntil(this.#destroy());
  }

  /** The app's server and its services, in the isolate of this object. */
  abstract serverRuntime(env: Env): ServerRuntime;

  /** Writes the session: one row, and the alarm that will end it. False when its grant ended a moment ago. */
  async initialize(record: Omit<SessionRecord, "logLevel" | "lastSeenMs">): Promise<boolean> {
    if (this.#access.hasEnded(record.grant)) return false;
    this.#runtime.store.putSession({ ...record, logLevel: undefined, lastSeenMs: now() });
    await this.ctx.storage.setAlarm(now() + SESSION_TTL_MS);
    return true;
  }

  /** Handles the messages of one POST; `postId` names it, for {@link switchToStream}; `trace` is what it belongs to. */
  async handlePost(
    caller: Caller,
    messages: readonly Message[],
    isBatch: boolean,
    postId: string,
    trace: TraceContext,
  ): Promise<MessageOutcome[]> {
    const session = await this.#access.authorize(callerKey(caller), caller.grant);
    if (session === undefined) return [{ kind: "sessionNotFound" }];
    const { features, date } = session.revision;
    // spec: session.batch
    if (isBatch && !features.allowsBatches) return [{ kind: "refused", ...batchUnsupported(date) }];
    return handleMessages(this.#runtime, { ...session, caller, trace }, messages, postId);
  }

  /** The POST has waited long enough: its calls go on as streams. */
  switchToStream(postId: string): void {
    switchToStream(this.#runtime, postId);
  }

  /** Attaches a socket. In: an upgrade request; the URL names stream ("new" opens one), sequence number, and how many ms it may take. */
  override async fetch(request: Request): Promise<Response> {
    const begunMs = now();
    const { store, dependencies } = this.#runtime;
    const query = new URL(request.url).searchParams;
    const [caller, grant] = [query.get("caller") ?? "", query.get("grant") ?? undefined];
    const requestedStream = query.get("stream");
    const isNew = requestedStream === "new";
    let session = await this.#access.authorize(caller, grant);
    // Before anything is looked up: where a session ended a moment ago there are no tables.
    if (session === undefined) return errorResponse(SESSION_NOT_FOUND);
    const row = isNew ? undefined : store.stream(Number(requestedStream));
    const isListener = isNew || row?.state === "listening";
    if (isListener && session.record.isListening !== true) {
      const { share } = session.record;
      const hasMissed = await dependencies.hub.enableListChanges(this.ctx.id.toString(), share);
      // The session or the grant may have ended meanwhile: from here to the socket nothing is awaited.
      session = await this.#access.authorize(caller, grant);
      if (session === undefined) return errorResponse(SESSION_NOT_FOUND);
      if (hasMissed) noteGap(this.#runtime);
    }
    if (now() - begunMs > Number(query.get("within") ?? Infinity))
      throw new Error("Nobody waits any more");
    const stream = isNew ? openStream(this.#runtime, "listening", "null") : Number(requestedStream);
    const after = Number(query.get("after"));
    if (isListener) noteListener(this.#runtime, stream, after);
    else failCallWithoutQuestions(this.#runtime, row, after);
    const attached = attach(this.#runtime, session.revision, stream, after, grant);
    if (!attached.ok) return errorResponse(attached.error);
    const { socket, isExhausted } = attached.value;
    const headers = isExhausted ? { [EXHAUSTED_HEADER]: "1" } : {};
    return new Response(null, { status: 101, webSocket: socket, headers });
  }

  /** DELETE: true when the session was this caller's and is now gone. */
  async deleteSession(caller: string, grant?: string): Promise<boolean> {
    if ((await this.#access.authorize(caller, grant)) === undefined) return false;
    await this.#destroy();
    return true;
  }

  /** From the hub: `grant` is revoked. Ends the session that it opened, or what it runs and holds in another. */
  async revoke(grant: string): Promise<void> {
    if (this.#access.session()?.record.grant === grant) return this.#destroy();
    // For requests that wait meanwhile, and a session not opened yet: that is milliseconds, so that memory is enough.
    this.#access.endGrant(grant);
    this.#disconnect(grant);
  }

  /** From the hub: a change that this session may want, or that nobody here has come to hear of for long. */
  notify(change: Change): "delivered" | "notListening" | "sessionNotFound" {
    const session = this.#access.session();
    if (session === undefined) return "sessionNotFound";
    if (
      this.ctx.getWebSockets().length === 0 &&
      this.#access.lastSeenMs(session) + EVENT_TTL_MS < now()
    ) {
      noteGap(this.#runtime);
      return "notListening";
    }
    sendChange(this.#runtime, session.record, change);
    return "delivered";
  }

  /** From the hub: a change did not reach this session. Whoever listens is told what may have changed. */
  notifyMissed(): void {
    if (this.#access.session() !== undefined) noteMissed(this.#runtime);
  }

  /** From the hub, which needs room: ends the session, unless it is busy or its client was seen after `before`. */
  async retire(before: number): Promise<number | "busy" | "ended" | "sessionNotFound"> {
    const session = this.#access.session();
    if (session === undefined) return "sessionNotFound";
    if (this.ctx.getWebSockets().length > 0 || expireCalls(this.#runtime).running > 0)
      return "busy";
    const lastSeenMs = this.#access.lastSeenMs(session);
    if (lastSeenMs > before) return lastSeenMs;
    await this.#deleteStorage();
    return "ended";
  }

  /** The person is done at a URL that this session was asked to open. */
  notifyElicitationComplete(elicitationId: string): void {
    const session = this.#access.session();
    if (session !== undefined)
      sendElicitationComplete(this.#runtime, session.revision, elicitationId);
  }

  /** Ends what has waited too long, forgets old events, and ends the session itself when nobody has come for a day. */
  override async alarm(): Promise<void> {
    const session = this.#access.session();
    if (session === undefined) return unregister(this.#runtime);
    // Written down: where the object is reset, nobody is connected.
    if (this.ctx.getWebSockets().length > 0) this.#access.touch(session);
    const idleSince = this.#access.lastSeenMs(session);
    if (idleSince + SESSION_TTL_MS <= now()) return this.#destroy();
    await this.ctx.storage.setAlarm(sweep(this.#runtime, idleSince + SESSION_TTL_MS));
  }

  /** The Worker says that its client has read what was passed on. */
  override webSocketMessage(socket: WebSocket): void {
    const session = this.#access.session();
    if (session === undefined) return;
    this.#access.touch(session);
    readOn(this.#runtime, socket);
  }

  /** The Worker's client has left; answering completes the handshake and frees the socket. The stream stays. */
  override webSocketClose(socket: WebSocket): void {
    const session = this.#access.session();
    if (session !== undefined) {
      this.#access.touch(session);
      noteListenerGone(this.#runtime, listenerStreamOf(socket));
    }
    // Not the code it came with: some may not be sent, and nobody reads it.
    socket.close(1000);
  }

  /** A connection that broke has ended like one that was closed. */
  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket);
  }

  /** Ends the session, and has the hub forget it: now, or by the alarm. */
  async #destroy(): Promise<void> {
    const share = this.#runtime.store.session()?.share ?? "";
    await this.#deleteStorage();
    // Written down first: an object may die at any time.
    this.#runtime.store.putPendingUnregistration({ share, attempts: 0 });
    await this.ctx.storage.setAlarm(now() + retryDelayMs(0));
    await unregister(this.#runtime);
  }

  /** From here on there is no session. */
  async #deleteStorage(): Promise<void> {
    this.#disconnect();
    this.#runtime.store.clearSession();
    // With the rows goes the alarm.
    await this.ctx.storage.deleteAll();
  }

  /** Closes the sockets and stops the calls of `grant`, or all of them. */
  #disconnect(grant?: string): void {
    for (const socket of this.ctx.getWebSockets(grant)) socket.close(1000);
    for (const runningCall of this.#runtime.runningCalls) {
      if (grant === undefined || runningCall.context.caller.grant === grant)
        abortCall(this.#runtime, runningCall, { kind: "sessionNotFound" });
    }
  }
}
