/**
 * The hub object: passes changes to whoever listens, across isolates, and keeps each caller's share of sessions.
 *
 * Storage: `rows.ts`: a row per session, and per grant that ended of late. A stateless listener is no row but a
 * hibernating WebSocket whose attachment is a {@link Listener} as JSON in UTF-8, tagged with its grant and its share.
 * Life: sockets outlive the object's memory; an idle hub is evicted and is rebuilt around them by the next change. Its
 * alarm tells the rest of who hears of a change, and once an hour drops the rows of what is gone.
 */

import { DurableObject } from "cloudflare:workers";
import { readBase64url, readUtf8 } from "../base/bytes.ts";
import { now } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import { digest } from "../crypto/seal.ts";
import { settleAll } from "../base/retry.ts";
import { makeRoom, MAX_SESSIONS_PER_CALLER, OPENING_MS, PAGE, retire, type Retired } from "./admission.ts";
import { wants, type Change, type Filter } from "./change.ts";
import { sessionRows, START, type Registered, type SessionRows } from "./rows.ts";

export interface Listener {
  readonly filter: Filter;
  readonly caller: string;
  readonly grant?: string | undefined;
  /** A digest of the share that it counts against; none for strangers without an address. */
  readonly share?: string | undefined;
}

/** Request header that carries the {@link Listener} in base64url: an upgrade has no body. Only the Worker can reach this object. */
export const LISTENER_HEADER = "x-barewire-listener";

const HOUR_MS = 3_600_000;
/** Milliseconds after which a row is looked at, and an ended grant forgotten: longer than an access token lives. */
const DAY_MS = 86_400_000;
/** Seconds after which a caller is told to come back for whom there is no room. */
export const FULL_SECONDS = 60;

/** What the hub asks of a session. */
export interface Notified extends Rpc.DurableObjectBranded {
  /** "deaf": there is nobody whom it could tell; it says so to the hub when there is. */
  notify(change: Change): "told" | "deaf" | "gone";
  revoke(grant: string): Promise<void>;
  /** Ends it, unless it is busy, or was seen after `before`: then it says when. */
  retire(before: number): Promise<Retired>;
}

/** "full": no session of the share could be ended. "over": its grant has ended. */
export type Admission = "admitted" | "full" | "over";

export abstract class HubObject<Env> extends DurableObject<Env> {
  readonly #rows: SessionRows = sessionRows(this.ctx.storage);
  /** When the alarm is set for. */
  #alarm: number = Infinity;
  /** Shares that had no room, and until when they are not looked at again. */
  readonly #full = new Map<string, number>();
  /** Ids of sessions that are being told, and were not heard of meanwhile. */
  readonly #telling = new Set<string>();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    void state.blockConcurrencyWhile(async () => {
      this.#alarm = (await state.storage.getAlarm()) ?? Infinity;
    });
  }

  /** Where the sessions are that must be told. */
  abstract sessions(env: Env): DurableObjectNamespace<Notified>;

  /** Attaches a listener. In: an upgrade request with a {@link Listener}. Out: 101 and the client end, or 413. */
  override fetch(request: Request): Response {
    const bytes = readBase64url(request.headers.get(LISTENER_HEADER) ?? "") ?? new Uint8Array();
    const { grant, share } = readListener(bytes);
    const { 0: client, 1: server } = new WebSocketPair();
    try {
      // Before anything else: a socket without its attachment would be one that nobody knows.
      server.serializeAttachment(bytes);
    } catch {
      return new Response(null, { status: 413 });
    }
    const held = share === undefined ? [] : this.ctx.getWebSockets(share);
    for (const socket of held.slice(0, Math.max(0, held.length + 1 - MAX_SESSIONS_PER_CALLER))) end(socket);
    this.ctx.acceptWebSocket(
      server,
      [grant, share].filter((tag) => tag !== undefined),
    );
    if (this.#rows.isBarred(grant)) end(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Passes `change` to every listener and session that wants it and may hear of it; to many sessions page by page. */
  async publish(change: Change): Promise<void> {
    const text = JSON.stringify(change);
    for (const socket of this.ctx.getWebSockets()) {
      // One that is leaving is still listed.
      if (socket.readyState !== WebSocket.READY_STATE_OPEN) continue;
      try {
        const { filter, caller } = readListener(socket.deserializeAttachment() as Uint8Array);
        const mayHear = change.audience === undefined || change.audience === caller;
        if (mayHear && wants(filter, change)) socket.send(text);
      } catch (error) {
        // Whoever comes after it must hear.
        log("error", "listener.failed", { error: stackOf(error) });
        end(socket);
      }
    }
    if (!this.#rows.tellAgain(change)) await this.#tellPage(change, START);
  }

  /**
   * Ends what lives by `grant`: listeners, and what sessions have of it. Its tokens open no more, good as they may look.
   * @throws when a session could not be reached: all others were, and whoever asks again reaches what is left.
   */
  async revoke(grant: string): Promise<void> {
    this.#rows.bar(grant, now());
    await this.#wake(now() + HOUR_MS);
    for (const socket of this.ctx.getWebSockets(grant)) end(socket);
    await settleAll(this.#rows.usedBy(grant).map(async (one) => this.#session(one).revoke(grant)));
  }

  /** Registers a session. Where its share, or that of all strangers, is used up, the session seen longest ago makes room. */
  async admit(one: Registered, grant: string | undefined): Promise<Admission> {
    const at = now();
    if ((this.#full.get(one.share) ?? 0) > at) return "full";
    await this.#wake(at + HOUR_MS);
    if (await makeRoom(this.#rows, one.share, this.#ask)) {
      if (this.#rows.isBarred(grant)) return "over";
      this.#rows.add(one, grant, at);
      return "admitted";
    }
    if (this.#full.size >= PAGE) this.#full.clear();
    this.#full.set(one.share, at + FULL_SECONDS * 1000);
    return "full";
  }

  /** The resources that the session hears of. */
  watch(one: Registered, uris: readonly string[]): void {
    this.#rows.setUris(one, uris);
  }

  /** The session hears of lists. */
  hear(one: Registered): void {
    this.#telling.delete(one.id);
    this.#rows.setHears(one, true);
  }

  /** Another grant of the caller is used in the session. False when it ended, or could not be noted: no revocation would reach it. */
  join(one: Registered, grant: string): boolean {
    return !this.#rows.isBarred(grant) && this.#rows.addGrant(one, grant);
  }

  forget(one: Registered): void {
    this.#full.delete(one.share);
    this.#rows.remove(one, Infinity);
  }

  /** A page of what is to be told, or else a look at what was not heard of for a day. */
  override async alarm(): Promise<void> {
    this.#alarm = Infinity;
    const before = now() - DAY_MS;
    const telling = this.#rows.telling();
    if (telling !== undefined) await this.#tellPage(telling.change, telling.after);
    else
      await Promise.all(this.#rows.unseenSince(before, PAGE).map((one) => retire(this.#rows, one, before, this.#ask)));
    this.#rows.unbar(before);
    if (this.#rows.telling() !== undefined) await this.#wake(now());
    else if (!this.#rows.isEmpty()) await this.#wake(now() + HOUR_MS);
  }

  /** The Worker closes when its client has left; answering completes the handshake and frees the socket. */
  override webSocketClose(socket: WebSocket): void {
    end(socket);
  }

  async #tellPage(change: Change, after: Registered): Promise<void> {
    const page = this.#rows.concernedBy(change, after, PAGE);
    await Promise.all(page.map((one) => this.#tell(one, change)));
    this.#rows.noteTold(change, page.length < PAGE ? undefined : page.at(-1));
    if (this.#rows.telling() !== undefined) await this.#wake(now());
  }

  /** One session that fails to listen keeps no other from hearing. */
  async #tell(one: Registered, change: Change): Promise<void> {
    this.#telling.add(one.id);
    try {
      const heard = await this.#session(one).notify(change);
      if (heard === "gone") this.#rows.remove(one, now() - OPENING_MS);
      // Unless it said meanwhile that there is somebody again.
      if (heard === "deaf" && this.#telling.has(one.id)) this.#rows.setHears(one, false);
    } catch (error) {
      log("error", "session.notify.failed", { session: await digest(one.id), error: stackOf(error) });
    }
    this.#telling.delete(one.id);
  }

  readonly #ask = async (one: Registered, before: number): Promise<Retired> => {
    try {
      return await this.#session(one).retire(before);
    } catch (error) {
      // One that cannot be asked counts as at work.
      log("error", "session.notify.failed", { session: await digest(one.id), error: stackOf(error) });
      return "busy";
    }
  };

  #session({ id }: Registered): DurableObjectStub<Notified> {
    const sessions = this.sessions(this.env);
    return sessions.get(sessions.idFromString(id));
  }

  /** Sets the alarm, unless it is earlier already. */
  async #wake(at: number): Promise<void> {
    if (at >= this.#alarm) return;
    this.#alarm = at;
    await this.ctx.storage.setAlarm(at);
  }
}

function readListener(bytes: Uint8Array): Listener {
  return JSON.parse(readUtf8(bytes) ?? "") as Listener;
}

function end(socket: WebSocket): void {
  try {
    socket.close(1000);
  } catch {
    // What cannot be closed is gone.
  }
}
