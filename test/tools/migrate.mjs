/** `make migrate`: makes the tables of every database where they are missing. Flags go to wrangler: --local, --remote. */

import { migrate } from "./process.mjs";

try {
  await migrate(...process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
