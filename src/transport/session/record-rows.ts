/**
 * What a session object keeps of the session itself.
 *
 *   kv "session"        {"name":"Xk3…","caller":"[\"none\",…]","share":"[\"none\",…] kTq…","grant":"5c…","revision":"…","client":"{…}","level":"info","seen":1763700000000}
 *   kv "left"           {"share":"[\"none\",…] kTq…","tries":1}: all that there is, when the hub could not be told of the end
 *   kv "subscriptions"  ["file:///a"]
 */

/** What a session is, written once at `initialize`. */
export interface SessionRecord {
  /** A digest of its id, for records: the id itself is a credential. Rows of an older version have none. */
  readonly name?: string;
  /** Key of the caller it is bound to. */
  readonly caller: string;
  /** Whose share of the hub it counts against. */
  readonly share: string;
  /** Whether the hub knows that the client listens. */
  readonly hears?: boolean;
  /** The grant that opened it: revoking that ends the session. */
  readonly grant: string | undefined;
  readonly revision: string;
  /** JSON of the client's info and capabilities. */
  readonly client: string;
  readonly level: string | undefined;
  /** When the client was last seen, to within ten minutes; milliseconds. */
  readonly seen: number;
}

export interface PendingUnregistration {
  readonly share: string;
  readonly tries: number;
}

export interface SessionRecordStore {
  session(): SessionRecord | undefined;
  putSession(session: SessionRecord): void;
  /** From here on the session is gone, though its rows may take a moment to go. */
  clearSession(): void;
  /** The share at the hub of a session that ended and is still registered there, and how often that failed. */
  pendingUnregistration(): PendingUnregistration | undefined;
  putPendingUnregistration(pending: PendingUnregistration): void;
  subscriptions(): string[];
  putSubscriptions(uris: readonly string[]): void;
}

/** Reads and writes the records of one object. */
export function createSessionRecordStore(kv: SyncKvStorage): SessionRecordStore {
  // Only this object writes the row, and every message needs it: it is read once in the object's life.
  let session = kv.get<SessionRecord>("session");
  // Versions before this one had one share for each caller.
  if (session !== undefined) session = { ...session, share: session.share ?? session.caller };
  return {
    session: () => session,
    putSession(record) {
      kv.put("session", record);
      session = record;
    },
    clearSession() {
      session = undefined;
    },
    pendingUnregistration: () => kv.get<PendingUnregistration>("left"),
    putPendingUnregistration: (pending) => kv.put("left", pending),
    subscriptions: () => kv.get<string[]>("subscriptions") ?? [],
    putSubscriptions: (uris) => kv.put("subscriptions", uris),
  };
}
