/** How much the vault keeps, and for how long anybody waits. Numbers alone, without an import: so a bundle holds each where it is used. */

/** Bytes of a credential as JSON. */
export const MAX_KEPT_CREDENTIAL_BYTES = 65_536;
/** Milliseconds after which a database that says nothing counts as unreachable. */
export const QUERY_TIMEOUT_MS = 10_000;
/**
 * A lease that ends much later than a new one would was written by a clock far ahead, and does not count. Clocks are a little
 * apart, and stand still while each waits for its answer: a lease of the same moment may end after the new one.
 */
export const MAX_CLOCK_LEAD_MS = 60_000;

/** A token that lasts no longer than this is renewed; of a short life, half of it. */
export const RENEW_EARLY_MS = 60_000;
/** Age of a token that the upstream refuses, for it to be renewed before its time. */
export const RENEW_AGAIN_MS = 10_000;
export const RENEWAL_TIMEOUT_MS = 10_000;
/** Between two looks at a row that somebody else renews, or two tries to write it. */
export const FIRST_PAUSE_MS = 50;
export const MAX_PAUSE_MS = 1_000;
/** How long a token is taken to last whose upstream says nothing of it, and at most. Endless is no number in JSON. */
export const DEFAULT_LIFETIME_SECONDS = 3_600;
export const MAX_LIFETIME_SECONDS = 31_536_000;

/** Of rows sealed anew. With the question for them, within the 50 statements that a request may make on the Free plan. */
export const PAGE_SIZE = 40;
