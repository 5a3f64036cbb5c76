/** The limits of a session: bytes, counts and times. src/README.md lists them with those of the other parts. */

/** Bytes of what a client may say of itself. */
export const MAX_CLIENT_INFO_BYTES = 8_192;
/** Milliseconds without a request or an attached stream after which a session ends. */
export const SESSION_TTL_MS = 86_400_000;
/** Milliseconds for which it is only remembered that the client was seen, before it is written down. */
export const LAST_SEEN_INTERVAL_MS = 600_000;
/** Milliseconds a client has to answer a question. */
export const INPUT_REQUEST_TTL_MS = 600_000;
/** Milliseconds after which no event is kept any more, and how much earlier one may go, so that alarms are few. */
export const EVENT_TTL_MS = 3_600_000;
export const EVENT_SWEEP_MARGIN_MS = 900_000;
/** Bytes of events kept for replay in one session. Of more than that, the newest three quarters are kept. */
export const MAX_EVENT_BYTES = 6_291_456;
/** Bytes of all calls of one session that wait for the client: their arguments and answers. */
export const MAX_SUSPENDED_BYTES = 2_097_152;
/** Calls of one session that may be at work at the same time, and that may wait for the client. */
export const MAX_CALLS = 64;
/** Streams opened by GET that a session has. */
export const MAX_GET_STREAMS = 8;
