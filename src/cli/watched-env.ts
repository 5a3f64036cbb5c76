/** wrangler's development environment, with somebody who is told of all that happens in it. */

import { unstable_DevEnv as DevEnv } from "wrangler";
import type { LocalSettings } from "./local-settings.ts";

/** What happens in an environment: bundles, reloads, errors. */
export type DevEvent = Parameters<DevEnv["dispatch"]>[0];
/** A bundle is made, and goes to the runtime. */
export type BundleEvent = Extract<DevEvent, { type: "bundleComplete" }>;
/** A function of this process that a Worker calls by a binding. */
export type ServiceFunction = (request: Request) => Promise<Response>;
/** Something in it failed. */
export type ErrorEvent = Extract<DevEvent, { type: "error" }>;
/** What a Worker in it is started with. */
export type WorkerOptions = Parameters<DevEnv["startWorker"]>[0];
/** A Worker that was started. */
export type WorkerHandle = Awaited<ReturnType<DevEnv["startWorker"]>>;

/** Files that wrangler writes beside each bundle. With new settings it takes them away before it stops watching them. */
const OF_A_BUNDLE = /^Could not resolve ".*[\\/]\.wrangler[\\/]tmp[\\/]bundle-/;

/** Whether a bundle could not be made again because its folder is gone: one with a folder of its own is on its way. */
export function isOfRemovedBundle({ source, reason, cause }: ErrorEvent): boolean {
  const { errors = [] } = cause as { readonly errors?: readonly { readonly text: string }[] };
  return (
    source === "BundlerController" &&
    reason.startsWith("Failed to rebuild") &&
    errors.length > 0 &&
    errors.every(({ text }) => OF_A_BUNDLE.test(text))
  );
}

/** An environment that calls `onEvent` with each event, after wrangler's own parts, which get each bundle as `alter` gives it. */
export class WatchedEnv extends DevEnv {
  private readonly onEvent: (event: DevEvent) => void;
  private readonly alter: (event: BundleEvent) => BundleEvent;

  constructor(
    onEvent: (event: DevEvent) => void,
    alter: (event: BundleEvent) => BundleEvent = (event) => event,
  ) {
    super();
    this.onEvent = onEvent;
    this.alter = alter;
    // Without a listener the process would end.
    this.on("error", () => {});
  }

  override dispatch(event: DevEvent): void {
    if (event.type === "error" && isOfRemovedBundle(event)) return;
    super.dispatch(event.type === "bundleComplete" ? this.alter(event) : event);
    this.onEvent(event);
  }

  /** The settings of the Worker that is served, by name: variables alone. */
  settingsInForce(): LocalSettings {
    const bindings = (this.config.latestConfig?.["bindings"] ?? {}) as Readonly<
      Record<string, { value?: unknown }>
    >;
    const settings: Record<string, string> = {};
    for (const [name, { value }] of Object.entries(bindings))
      if (typeof value === "string") settings[name] = value;
    return settings;
  }
}
