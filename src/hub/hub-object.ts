/**
 * The hub object: passes changes to whoever listens, across isolates, and keeps each caller's share of sessions.
 *
 * Storage: `hub-rows.ts`: a row per session, and per grant that ended of late. A stateless listener is no row but a
 * hibernating WebSocket whose attachment is a Listener (`listener.ts`), tagged with its grant and its share.
 * Life: sockets outlive the object's memory; an idle hub is evicted and is rebuilt around them by the next change. Its
 * alarm tells the rest of who hears of a change, and once an hour drops the rows of what is gone.
 */

import { DurableObject } from "../base/platform.ts";
import { objectNamespace } from "../base/bindings.ts";
import { decodeBase64url } from "../base/bytes.ts";
import { now } from "../base/time.ts";
import { settleAll } from "../base/retry.ts";
import {
  ensureCapacity,
  FULL_MS,
  MAX_SESSIONS_PER_CALLER,
  OPENING_MS,
  HUB_PAGE_SIZE,
  retireIdleSession,
  type RetirementResult,
} from "./admission.ts";
import type { Change } from "../protocol/change.ts";
import { BEFORE_FIRST_SESSION, type SessionKey } from "./hub-records.ts";
import { createHubRows, type HubRows } from "./hub-rows.ts";
import { logUnreached, noteUnreached, reachAgain } from "./unreached.ts";
import {
  acceptListener,
  closeSocket,
  LISTENER_HEADER,
  readListener,
  sendToListener,
} from "./listener.ts";

const HOUR_MS = 3_600_000;
/** Milliseconds after which a row is looked at, and an ended grant forgotten: longer than an access token lives. */
const DAY_MS = 86_400_000;

/** What the hub asks of a session. */
export interface NotifiableSession extends Rpc.DurableObjectBranded {
  /** "notListening": there is nobody whom it could tell; it says so to the hub when there is. */
  notify(change: Change): "delivered" | "notListening" | "sessionNotFound";
  /** A change did not reach it: whoever listens there is told what may have changed, at once or when they come back. */
  notifyMissed(): void;
  revoke(grant: string): Promise<void>;
  /** Ends it, unless it is busy, or was seen after `before`: then it says when. */
  retire(before: number): Promise<RetirementResult>;
}

/** "limitReached": no session of the share could be ended. "grantRevoked": its grant has ended. */
export type RegistrationResult = "registered" | "limitReached" | "grantRevoked";

export class HubObject<Env = unknown> extends DurableObject<Env> {
  readonly #rows: HubRows = createHubRows(this.ctx.storage);
  /** When the alarm is set for. */
  #alarmAt: number = Infinity;
  /** Shares that had no room, and until when they are not looked at again. */
  readonly #fullUntil = new Map<string, number>();
  /** When a list last changed for anybody, as far as memory goes: for sessions that do not listen yet. */
  #listChangedAtMs = 0;
  /** Sessions that are being told, once for each change, and were not heard of meanwhile. */
  readonly #notifying = new Set<SessionKey>();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    void state.blockConcurrencyWhile(async () => {
      this.#alarmAt = (await state.storage.getAlarm()) ?? Infinity;
    });
  }

  /** Where the sessions are that must be notified. */
  sessions(): DurableObjectNamespace<NotifiableSession> {
    const namespace = objectNamespace<NotifiableSession>(this.env, "SESSION");
    if (namespace === undefined)
      throw new Error("SESSION is not bound, and sessions are registered");
    return namespace;
  }

  /** Attaches a listener. In: an upgrade request with a Listener. Out: 101 and the client end; 413 or, if its grant has ended, 401. */
  override fetch(request: Request): Response {
    const bytes = decodeBase64url(request.headers.get(LISTENER_HEADER) ?? "") ?? new Uint8Array();
    const { grant, share } = readListener(bytes);
    if (this.#rows.isRevoked(grant)) return new Response(null, { status: 401 });
    const { 0: client, 1: server } = new WebSocketPair();
    try {
      // Before anything else: a socket without its attachment would be one that nobody knows.
      server.serializeAttachment(bytes);
    } catch {
      return new Response(null, { status: 413 });
    }
    acceptListener(this.ctx, server, [grant, share]);
    const sockets = share === undefined ? [] : this.ctx.getWebSockets(share);
    for (const oldest of sockets.slice(0, -MAX_SESSIONS_PER_CALLER)) closeSocket(oldest);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Passes `change` to every listener and session that wants it and may hear of it; to many sessions page by page. */
  async publish(change: Change): Promise<void> {
    const text = JSON.stringify(change);
    for (const socket of this.ctx.getWebSockets()) sendToListener(socket, change, text);
    if ("list" in change) this.#listChangedAtMs = now();
    if (!this.#rows.repeatPendingChange(change))
      await this.#notifyPage(change, BEFORE_FIRST_SESSION);
  }

  /**
   * Ends what lives by `grant`: listeners, and what sessions have of it. Its tokens open no more, good as they may look.
   * @throws when a session could not be reached: all others were, and whoever asks again reaches what is left.
   */
  async revoke(grant: string): Promise<void> {
    this.#rows.markRevoked(grant, now());
    await this.#setAlarmBy(now() + HOUR_MS);
    for (const socket of this.ctx.getWebSockets(grant)) closeSocket(socket);
    await settleAll(
      this.#rows
        .sessionsUsingGrant(grant)
        .map(async (session) => this.#session(session).revoke(grant)),
    );
  }

  /** Whether `grant` ended within the last day. */
  isRevoked(grant: string): boolean {
    return this.#rows.isRevoked(grant);
  }

  /** Registers a session. Where its share, or that of all strangers, is used up, the session seen longest ago makes room. */
  async registerSession(
    session: SessionKey,
    grant: string | undefined,
  ): Promise<RegistrationResult> {
    const time = now();
    if (this.#rows.isRevoked(grant)) return "grantRevoked";
    // Whoever asks again did not hear the answer.
    if (this.#rows.find(session) !== undefined) return "registered";
    if ((this.#fullUntil.get(session.share) ?? 0) > time) return "limitReached";
    await this.#setAlarmBy(time + HOUR_MS);
    if (await ensureCapacity(this.#rows, session.share, this.#requestRetirement)) {
      // It may have ended meanwhile.
      if (this.#rows.isRevoked(grant)) return "grantRevoked";
      this.#rows.add(session, grant, time);
      return "registered";
    }
    if (this.#fullUntil.size >= HUB_PAGE_SIZE) this.#fullUntil.clear();
    this.#fullUntil.set(session.share, time + FULL_MS);
    return "limitReached";
  }

  /** The resources that the session hears of. */
  setSubscriptions(session: SessionKey, uris: readonly string[]): void {
    this.#rows.setUris(session, uris);
  }

  /** The session hears of lists from now on. True where one is known to have changed since it began. */
  enableListChanges(session: SessionKey): boolean {
    for (const one of this.#notifying) if (one.id === session.id) this.#notifying.delete(one);
    this.#rows.setReceivesListChanges(session, true);
    const { lastSeenMs = Infinity } = this.#rows.find(session) ?? {};
    return lastSeenMs <= this.#listChangedAtMs && this.#listChangedAtMs <= now();
  }

  /** Another grant of the caller is used in the session. False when it ended, or could not be noted: no revocation would reach it. */
  addGrant(session: SessionKey, grant: string): boolean {
    return !this.#rows.isRevoked(grant) && this.#rows.addGrant(session, grant);
  }

  unregisterSession(session: SessionKey): void {
    this.#fullUntil.delete(session.share);
    this.#rows.remove(session, Infinity);
  }

  /** Those who missed a change, and a page of what is to be told, or else a look at what was not heard of for a day. */
  override async alarm(): Promise<void> {
    this.#alarmAt = Infinity;
    const before = now() - DAY_MS;
    const pending = this.#rows.pendingChange();
    await reachAgain(this.#rows, (session) => this.#session(session).notifyMissed());
    if (pending !== undefined) await this.#notifyPage(pending.change, pending.after);
    else
      await Promise.all(
        this.#rows
          .unseenSince(before, HUB_PAGE_SIZE)
          .map((session) =>
            retireIdleSession(this.#rows, session, before, this.#requestRetirement),
          ),
      );
    this.#rows.forgetRevoked(before);
    await this.#setNextAlarm();
  }

  async #setNextAlarm(): Promise<void> {
    const [unreached] = this.#rows.unreached();
    if (unreached !== undefined) await this.#setAlarmBy(Math.max(now(), unreached.nextAtMs));
    if (this.#rows.pendingChange() !== undefined) await this.#setAlarmBy(now());
    else if (!this.#rows.isEmpty()) await this.#setAlarmBy(now() + HOUR_MS);
  }

  /** The Worker closes when its client has left; answering completes the handshake and frees the socket. */
  override webSocketClose(socket: WebSocket): void {
    closeSocket(socket);
  }

  async #notifyPage(change: Change, after: SessionKey): Promise<void> {
    const page = this.#rows.sessionsForChange(change, after, HUB_PAGE_SIZE);
    await Promise.all(page.map((session) => this.#notify(session, change)));
    this.#rows.recordProgress(change, page.length < HUB_PAGE_SIZE ? undefined : page.at(-1));
    if (this.#rows.pendingChange() !== undefined) await this.#setAlarmBy(now());
  }

  /** One session that fails to listen keeps no other from hearing. */
  async #notify(session: SessionKey, change: Change): Promise<void> {
    this.#notifying.add(session);
    try {
      const result = await this.#session(session).notify(change);
      if (result === "sessionNotFound") this.#rows.remove(session, now() - OPENING_MS);
      // Unless it said meanwhile that there is somebody again.
      if (result === "notListening" && this.#notifying.has(session))
        this.#rows.setReceivesListChanges(session, false);
    } catch (error) {
      await logUnreached(session, error);
      await this.#setAlarmBy(noteUnreached(this.#rows, session));
    }
    this.#notifying.delete(session);
  }

  readonly #requestRetirement = async (
    session: SessionKey,
    before: number,
  ): Promise<RetirementResult> => {
    try {
      return await this.#session(session).retire(before);
    } catch (error) {
      // One that cannot be asked counts as at work.
      await logUnreached(session, error);
      return "busy";
    }
  };

  #session({ id }: SessionKey): DurableObjectStub<NotifiableSession> {
    const sessions = this.sessions();
    return sessions.get(sessions.idFromString(id));
  }

  /** Sets the alarm, unless it is earlier already. */
  async #setAlarmBy(time: number): Promise<void> {
    if (time >= this.#alarmAt) return;
    this.#alarmAt = time;
    await this.ctx.storage.setAlarm(time);
  }
}
