/** wrangler's development environment, with somebody who is told of all that happens in it. */

import { unstable_DevEnv as DevEnv } from "wrangler";

/** What happens in an environment: bundles, reloads, errors. */
export type DevEvent = Parameters<DevEnv["dispatch"]>[0];
/** Something in it failed. */
export type ErrorEvent = Extract<DevEvent, { type: "error" }>;
/** What a Worker in it is started with. */
export type WorkerOptions = Parameters<DevEnv["startWorker"]>[0];
/** A Worker that was started. */
export type WorkerHandle = Awaited<ReturnType<DevEnv["startWorker"]>>;

/** An environment that calls `onEvent` with each event, after wrangler's own parts. */
export class WatchedEnv extends DevEnv {
  private readonly onEvent: (event: DevEvent) => void;

  constructor(onEvent: (event: DevEvent) => void) {
    super();
    this.onEvent = onEvent;
    // Without a listener the process would end.
    this.on("error", () => {});
  }

  override dispatch(event: DevEvent): void {
    super.dispatch(event);
    this.onEvent(event);
  }
}
