/**
 * The proof that the operator's request brings: the second until which it is good, signed with the key ring.
 * `make rotate-keys` makes it on Node, so nothing of the platform is imported here.
 */

/** Where the operator has credentials sealed anew. */
export const ROTATE_KEYS_PATH = "/admin/rotate-keys";
/** Purpose of the signature. */
export const ADMIN_TOKEN_PURPOSE = "admin";
/** The most seconds that a proof may be good for. */
export const ADMIN_TOKEN_SECONDS = 60;
