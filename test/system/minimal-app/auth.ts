/** How people sign in: with the owner's passphrase. */

import { passphrase, renderPage, type LoginOptions } from "../../../src/api.ts";
import type { AppEnv } from "./settings.ts";

/** How people sign in to this server, and what the pages look like. */
export function createLoginOptions({ PASSPHRASE = "" }: AppEnv): LoginOptions {
  return { renderPage, signIn: passphrase(PASSPHRASE) };
}
