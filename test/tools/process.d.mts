/** See process.mjs; what tests in TypeScript use of it. */
export const DATABASES: readonly string[];
export const VARIABLES: readonly string[];
export function freePort(): Promise<number>;
/** Starts `wrangler dev` with these flags, and waits until it answers. */
export function startWorker(
  args: readonly string[],
  options: { readonly port: number },
): Promise<{ readonly origin: string; stop(): Promise<unknown>; log(): string }>;
