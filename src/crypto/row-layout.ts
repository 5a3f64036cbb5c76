/**
 * Where the parts of a sealed row begin, in bytes: the layout at the head of `row-seal.ts`. Numbers alone, without an import: so
 * a bundle holds each where it is used.
 */

export const FORMAT_VERSION = 1;
export const LENGTH_OFFSET = 1;
export const SALT_OFFSET = 5;
export const IV_OFFSET = 21;
export const IDENTITY_OFFSET = 33;
export const BODY_OFFSET = 65;
export const TAG_BYTES = 16;
