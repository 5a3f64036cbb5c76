/**
 * Where this repository lies, and the environment in which its programs run.
 * Plain JavaScript: run.mjs and ready.mjs need it on Node 20, which reads no TypeScript.
 */

import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder of this repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The programs of node_modules first, a current Node among them; nothing reported to anyone; and nothing served beside the
 * Worker: wrangler's explorer gives every page of this machine all objects and databases, and asks for no token.
 * @type {NodeJS.ProcessEnv}
 */
export const ENV = {
  ...process.env,
  PATH: join(ROOT, "node_modules", ".bin") + delimiter + process.env["PATH"],
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  X_LOCAL_EXPLORER: "false",
  X_LOCAL_OBSERVABILITY: "false",
};
