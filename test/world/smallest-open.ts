/** The smallest Worker of all: one tool in the stateless revisions, open to everybody. `make size` holds a budget to it. */

import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { echo } from "./echo.ts";

const handlers: WorkerHandlers<unknown> = createWorker({
  server: { info: { name: "smallest", version: "0.1.0" }, tools: [echo] },
});
const worker: ExportedHandler = { fetch: handlers.fetch };
export default worker;
