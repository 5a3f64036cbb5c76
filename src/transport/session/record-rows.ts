/**
 * What a session object keeps of the session itself.
 *
 *   kv "session"        {"name":"Xk3…","caller":"[\"none\",…]","share":"[\"none\",…] kTq…","grant":"5c…","revision":"…","client":"{…}","logLevel":"info","lastSeenMs":1763700000000}
 *   kv "unregistration" {"share":"[\"none\",…] kTq…","attempts":1}: all that there is, when the hub could not be told of the end
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
  /** Whether the hub knows that the client listens; false when the client may lack a message that no stream keeps. */
  readonly isListening?: boolean;
  /** The grant that opened it: revoking that ends the session. */
  readonly grant: string | undefined;
  readonly revision: string;
  /** JSON of the client's info and capabilities. */
  readonly client: string;
  readonly logLevel: string | undefined;
  /** When the client was last seen, to within ten minutes; milliseconds. */
  readonly lastSeenMs: number;
}

export interface PendingUnregistration {
  readonly share: string;
  readonly attempts: number;
}

export interface SessionRecordStore {
  session(): SessionRecord | undefined;
  putSession(session: SessionRecord): void;
  /** Changes members of the session as it is now; does nothing where there is none. */
  updateSession(changes: Partial<SessionRecord>): void;
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
  // An earlier version named its members otherwise: that session has ended, and its client begins anew.
  if (session?.lastSeenMs === undefined) session = undefined;
  const putSession = (record: SessionRecord): void => {
    kv.put("session", record);
    session = record;
  };
  return {
    session: () => session,
    putSession,
    updateSession(changes) {
      if (session !== undefined) putSession({ ...session, ...changes });
    },
    clearSession() {
      session = undefined;
    },
    pendingUnregistration: () => kv.get<PendingUnregistration>("unregistration"),
    putPendingUnregistration: (pending) => kv.put("unregistration", pending),
    subscriptions: () => kv.get<string[]>("subscriptions") ?? [],
    putSubscriptions: (uris) => kv.put("subscriptions", uris),
  };
}
