/** The smallest Worker of all: one tool in the stateless revisions, open to everybody. `make size` holds a budget to it. */

import { createWorker, type WorkerHandlers } from "../../src/worker/router.ts";
import { serverSpec } from "../system/minimal-app/server.ts";

const handlers: WorkerHandlers<unknown> = createWorker({ server: serverSpec });
const worker: ExportedHandler = { fetch: handlers.fetch };
export default worker;
