/**
 * How much of anything is taken, kept or tried here, and for how long. Numbers alone, without an import: so a bundle holds each
 * where it is used. What lives as long as a login is in `lifetimes.ts`.
 */

// ---- Clocks ----------------------------------------------------------------------------------------------

export const MINUTE_MS = 60_000;
/** By how much the clock of whoever signs may differ from ours. */
export const CLOCK_SKEW_SECONDS = 60;
export const CLOCK_SKEW_MS = 60_000;

// ---- What is fetched: metadata and keys of an issuer, keys and documents of clients -----------------------

/** A key set is fetched again then; metadata and keys are kept that long. */
export const KEYS_FRESH_MS = 600_000;
export const ISSUER_CACHE_MS = 3_600_000;
/** Between two fetches. */
export const COOL_DOWN_MS = 30_000;
/** While nothing was ever fetched nobody is let in: a moment, so that strangers cannot have the issuer asked for each token. */
export const FIRST_COOL_DOWN_MS = 5_000;
/** How many key sets are kept, of how many keys, and how many are tried when nothing in the token tells them apart. */
export const MAX_KEY_SETS = 100;
export const MAX_KEYS = 100;
export const MAX_CANDIDATE_KEYS = 4;
/** For how long a verdict on an issuer's token stands. */
export const TOKEN_CACHE_MS = 60_000;
export const MAX_DOCUMENT_URL_CHARACTERS = 1_000;
export const MAX_CACHED_DOCUMENTS = 200;
/** How long a document is kept that says nothing about it, and at most; also where it cannot be had again. */
export const DEFAULT_DOCUMENT_SECONDS = 300;
export const MAX_DOCUMENT_SECONDS = 86_400;

// ---- Clients ---------------------------------------------------------------------------------------------

export const MAX_REDIRECT_URIS = 16;
export const MAX_REDIRECT_URI_CHARACTERS = 2_000;
export const MAX_NAME_CHARACTERS = 80;
export const MAX_REGISTRATION_BYTES = 8_192;
/** Characters of a client id. It travels in query strings and forms, which have their own limits. */
export const MAX_ID_CHARACTERS = 6_000;
/** Seconds an assertion may still be valid: Python's Authlib signs for an hour. */
export const MAX_ASSERTION_SECONDS = 3_600;

// ---- Logins and grants -----------------------------------------------------------------------------------

/** Bytes of a request as JSON: sealed, it waits in a cookie of at most 4,096 bytes while a person is at their provider. */
export const MAX_REQUEST_BYTES = 2_500;
/** Bytes of the names of all scopes as JSON: they are part of a request that asks for none, or for all. */
export const MAX_SCOPES_BYTES = 1_500;
/** How many ids of a browser are tried. */
export const MAX_BROWSER_IDS = 8;
/** Failed sign-ins of an address in 15 minutes, and of all in an hour. */
export const MAX_FAILURES_PER_ADDRESS = 5;
export const MAX_FAILURES_TOTAL = 100;
/** Of a person. Far more than are in use at once, and no more than one request may ask (the account page does). */
export const MAX_GRANTS = 400;
/** How many of the newest notes may belong to logins that still stand before the consent page. */
export const MAX_PENDING_LOGINS = 20;
/** Milliseconds for which the app's hook may take: below the 30 s after which clients and the platform give up. */
export const HOOK_MS = 20_000;
/** Milliseconds for which a refresh token may be sent again of which nothing came, or the window, where that is longer. */
export const RESTORED_MS = 86_400_000;
