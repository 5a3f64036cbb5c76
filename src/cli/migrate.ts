/** `make migrate`: makes the tables of every database where they are missing. Flags go to wrangler: --local, --remote. */

import { messageOf } from "./errors.ts";
import { migrate } from "./databases.ts";

try {
  await migrate(...process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
