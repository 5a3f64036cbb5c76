/** See ready.mjs; what tests in TypeScript use of it. */
export function isNewEnough(version: string): boolean;
export function isOutdated(folder: string): boolean;
export function makeReady(root: string, own?: string): void;
