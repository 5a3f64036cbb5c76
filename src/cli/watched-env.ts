/** wrangler's development environment, with somebody who is told of all that happens in it. */

import { basename } from "node:path";
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

/** Files that wrangler writes beside each bundle. */
const OF_A_BUNDLE = /^Could not resolve ".*[\\/]\.wrangler[\\/]tmp[\\/]bundle-/;

/** Whether a bundle could not be made again because its folder is gone. */
export function isOfRemovedBundle(event: ErrorEvent): boolean {
  const missing = textsOf(event);
  return (
    event.source === "BundlerController" &&
    event.reason.startsWith("Failed to rebuild") &&
    missing.length > 0 &&
    missing.every((text) => OF_A_BUNDLE.test(text))
  );
}

/** What esbuild found, a text for each fault. */
function textsOf({ cause }: ErrorEvent): readonly string[] {
  const { errors = [] } = cause as { readonly errors?: readonly { readonly text: string }[] };
  return errors.map(({ text }) => text);
}

/** An environment that calls `onEvent` with each event, after wrangler's own parts, which get each bundle as `alter` gives it. */
export class WatchedEnv extends DevEnv {
  private readonly onEvent: (event: DevEvent) => void;
  private readonly onSwept: () => void;
  private readonly alter: (event: BundleEvent) => BundleEvent;
  /** Where the files beside the bundle are that is served; none while one with new settings is on its way. */
  private folder: string | undefined;

  /** `onSwept`: called where the folder of the bundle is gone, and it must be made in a new one to be made at all. */
  constructor(
    onEvent: (event: DevEvent) => void,
    onSwept: () => void,
    alter: (event: BundleEvent) => BundleEvent = (event) => event,
  ) {
    super();
    this.onEvent = onEvent;
    this.onSwept = onSwept;
    this.alter = alter;
    // Without a listener the process would end.
    this.on("error", () => {});
  }

  override dispatch(event: DevEvent): void {
    if (event.type === "configUpdate") this.folder = undefined;
    if (event.type === "bundleComplete") this.folder = event.bundle.sourceMapMetadata?.tmpDir;
    if (event.type === "error" && isOfRemovedBundle(event)) return this.removed(event);
    super.dispatch(event.type === "bundleComplete" ? this.alter(event) : event);
    this.onEvent(event);
  }

  /**
   * With new settings wrangler takes the folder away before it stops watching it: that is no fault. And it sweeps folders
   * that are a day old, whosoever they are, when another of its programs is started.
   */
  private removed(event: ErrorEvent): void {
    const { folder } = this;
    if (folder !== undefined && textsOf(event).every((text) => text.includes(basename(folder))))
      this.onSwept();
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
