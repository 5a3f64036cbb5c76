/** See process.mjs; what tests in TypeScript use of it. */
export const DATABASES: readonly string[];
export const VARIABLES: readonly string[];
