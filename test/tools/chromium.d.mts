/** See chromium.mjs; what tests in TypeScript use of it. */
export function chromiumPath(): string | undefined;
