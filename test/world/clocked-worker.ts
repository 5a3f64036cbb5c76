/** The conformance world with a clock that can be moved, for runners outside of it: POST /clock, with milliseconds as body. */

import type { Env } from "./env.ts";
import world from "./worker.ts";

export * from "./worker.ts";

const realNow = Date.now;
let aheadMs = 0;
Date.now = () => realNow() + aheadMs;

/** Everything but the alarms of objects goes by this clock: those ring in real time. */
const worker: ExportedHandler<Env> = {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/clock" || request.method !== "POST")
      return (await world.fetch?.(request, env, context)) ?? new Response(null, { status: 404 });
    aheadMs += Number(await request.text());
    return new Response();
  },
};
export default worker;
