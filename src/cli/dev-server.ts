/**
 * The Worker under wrangler's development server, in this process. A mistake in the sources, in wrangler.toml or in
 * .dev.vars ends nothing: it is reported with its reason and its place, and the next save is tried.
 *
 * `wrangler dev` itself ends when the Worker throws while it starts; the classes beneath it go on, but for two cases: a
 * runtime that has never started stays broken, and a first bundle that cannot be made is not tried again.
 */

import { watch, type FSWatcher } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  askWorker,
  configurationError,
  faultIn,
  lineWith,
  type Fault,
  type LogLine,
} from "./dev-fault.ts";
import { ROOT } from "./environment.mjs";
import type { LocalSettings } from "./local-settings.ts";
import { sourceMapper } from "./source-map.ts";
import { watchFile } from "./watch-file.ts";
import {
  WatchedEnv,
  type BundleEvent,
  type DevEvent,
  type ErrorEvent,
  type WorkerHandle,
  type WorkerOptions,
} from "./watched-env.ts";

export interface ServeOptions {
  /** wrangler's configuration: a path from the top of the repository. */
  readonly config: string;
  readonly port: number;
  /** The settings that go before those of the configuration; asked again when one of the files `vars` changes. */
  readonly settings: () => LocalSettings;
  readonly vars: readonly string[];
  /** Called with the settings in force, each time the Worker serves anew. */
  readonly onServed: (settings: LocalSettings) => void;
  /** Called with what is wrong, or with nothing where wrangler has printed it. */
  readonly onBroken: (fault?: Fault) => void;
  /** Called with the level and the text of what the Worker logs. */
  readonly onLog: (level: string, text: string) => void;
  /** Gives the bundle that is served in place of the one that was made. */
  readonly alter?: (event: BundleEvent) => BundleEvent;
}

/**
 * Serves what `config` describes, on loopback alone. Resolves to what ends the server.
 * @throws when there is nothing to begin with, such as a configuration that cannot be read.
 */
export async function serve(options: ServeOptions): Promise<() => Promise<void>> {
  const server = new DevServer(options);
  const files = [resolve(ROOT, options.config), ...options.vars];
  // Before they are read for the first time: a save meanwhile counts.
  const watchers = files.map((path) => watchFile(path, () => server.apply()));
  const endWatching = (): void => watchers.forEach((watcher) => watcher.close());
  try {
    await server.start();
  } catch (error) {
    endWatching();
    throw error;
  }
  return async () => {
    endWatching();
    await server.close();
  };
}

/** One Worker, from save to save. The environment and the runtime in it are made anew where they cannot go on. */
class DevServer {
  private readonly options: ServeOptions;
  private env: WatchedEnv;
  private worker: WorkerHandle | undefined;
  private mapped: (text: string) => string = (text) => text;
  private isStarted = false;
  private isStuck = false;
  /** What the runtime said of a Worker that threw while it started. */
  private uncaught: string | undefined;
  /** Lines that wait until it is known whether the Worker serves. */
  private held: LogLine[] | undefined;
  private round = 0;
  private sources: FSWatcher | undefined;
  private isStarting = false;
  private isBundling = false;
  /** Whether a bundler watches the sources: not until it has made one bundle. */
  private isWatched = false;
  /** What was saved of the settings is not in force, and is tried again with the next bundle. */
  private isStale = false;

  constructor(options: ServeOptions) {
    this.options = options;
    this.env = this.freshEnv();
  }

  async start(): Promise<void> {
    this.isStarting = true;
    try {
      this.worker = await this.env.startWorker(this.input());
      this.isStarting = false;
      if (this.isStale) this.apply();
    } catch (error) {
      throw configurationError(this.options.config, error as Error);
    }
  }

  /** Settings and file read again. A bundle begun twice is lost: the second takes away the folder in which the first is made. */
  apply(): void {
    this.isStale = this.isStarting || this.isBundling;
    if (this.isStale || this.worker === undefined) return;
    this.isBundling = true;
    void this.worker.patchConfig(this.input());
  }

  async close(): Promise<void> {
    this.sources?.close();
    await this.stop();
  }

  private freshEnv(): WatchedEnv {
    const happened = (event: DevEvent): void => this.happened(event);
    return new WatchedEnv(happened, () => this.bundled(true), this.options.alter);
  }

  private async stop(): Promise<void> {
    const parts = [this.env.config, this.env.bundler, ...this.env.runtimes, this.env.proxy];
    // Each ends by itself: what never started cannot be ended, and must not keep the others.
    await Promise.allSettled(parts.map((part) => part.teardown()));
  }

  private async restart(): Promise<void> {
    this.isStuck = false;
    await this.stop();
    this.isBundling = false;
    this.isWatched = false;
    this.env = this.freshEnv();
    await this.start();
  }

  private input(): WorkerOptions {
    const { config, port, settings } = this.options;
    const bindings = Object.entries(settings()).map(
      ([name, value]) => [name, { type: "plain_text", value }] as const,
    );
    return {
      config: resolve(ROOT, config),
      build: { minify: false },
      bindings: Object.fromEntries(bindings),
      dev: {
        // Bindings that would reach an account have no place here.
        remote: false,
        server: { hostname: "127.0.0.1", port, secure: false },
        inspector: false,
        inferOriginFromRoutes: false,
        watch: true,
        logLevel: "warn",
        structuredLogsHandler: (line: LogLine) => this.logged(line),
      },
    };
  }

  private logged(line: LogLine): void {
    const { level, message } = line;
    if (/^service core:user:.*\bUncaught\b/s.test(message)) this.uncaught = message;
    // One for each class of a module that did not come to its end.
    else if (
      this.uncaught !== undefined &&
      message.startsWith("A DurableObjectNamespace in the config")
    )
      return;
    else if (this.held !== undefined) this.held.push(line);
    else this.options.onLog(level, this.mapped(message));
  }

  private happened(event: DevEvent): void {
    // By itself too, when a source was saved.
    if (event.type === "bundleStart") this.isBundling = true;
    if (event.type === "bundleComplete") {
      this.isWatched = true;
      this.bundled();
      this.uncaught = undefined;
      this.mapped = sourceMapper(event.bundle.path);
      if (this.isStuck) void this.restart();
    }
    if (event.type === "reloadComplete") {
      this.isStarted = true;
      void this.check();
    }
    if (event.type === "error") this.failed(event);
  }

  private bundled(isToBeMadeAnew: boolean = this.isStale): void {
    this.isBundling = false;
    if (isToBeMadeAnew) this.apply();
  }

  private failed({ source, reason, cause }: ErrorEvent): void {
    if (source === "BundlerController") this.bundled();
    // One request failed, and the server goes on.
    if (source === "ProxyController" && !reason.startsWith("Error starting")) return;
    if (source === "LocalRuntimeController") {
      this.isStuck = !this.isStarted;
      this.options.onBroken(faultIn(this.uncaught ?? cause.message, this.mapped));
      return;
    }
    const isUnwatched = source === "BundlerController" && !reason.startsWith("Failed to rebuild");
    if (isUnwatched) this.isWatched = false;
    // It reads the entry too. What could not be read together is lost, and the bundler goes on with what was before.
    if (source === "ConfigController") {
      this.isBundling = false;
      this.isStale = true;
    }
    if (isUnwatched || (source === "ConfigController" && !this.isWatched)) this.rebuildOnSave();
    if (source === "BundlerController" || cause.name === "ParseError") this.options.onBroken();
    else this.options.onBroken({ message: cause.message });
  }

  /** The bundler does not watch what it could never bundle. */
  private rebuildOnSave(): void {
    this.sources?.close();
    const entry = this.env.config.latestConfig?.entrypoint ?? "";
    this.sources = watch(dirname(entry), { recursive: true }, () => {
      this.sources?.close();
      this.sources = undefined;
      this.apply();
    });
  }

  /** Whether the Worker can serve: settings, and much of an app, are read with the first request. */
  private async check(): Promise<void> {
    this.round += 1;
    const mine = this.round;
    this.held ??= [];
    const answer = await askWorker(this.options.port);
    const line = answer.trace === undefined ? undefined : await lineWith(answer.trace, this.held);
    // A save that came meanwhile is checked by itself.
    if (mine !== this.round) return;
    const lines = this.held.filter((one) => one !== line);
    this.held = undefined;
    for (const { level, message } of lines) this.options.onLog(level, this.mapped(message));
    if (answer.reason === undefined) this.options.onServed(this.env.settingsInForce());
    else this.options.onBroken(faultIn(line?.message ?? answer.reason, this.mapped));
  }
}
