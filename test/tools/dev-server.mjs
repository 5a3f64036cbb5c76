/**
 * The Worker under wrangler's development server, in this process. A mistake in the sources, in wrangler.toml or in
 * .dev.vars ends nothing: it is reported with its reason and its place, and the next save is tried.
 *
 * `wrangler dev` itself ends when the Worker throws while it starts; the classes beneath it go on, but for two cases: a
 * runtime that has never started stays broken, and a first bundle that cannot be made is not tried again.
 */

import { readFileSync, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { unstable_DevEnv as DevEnv } from "wrangler";
import { sourceMapper } from "./source-map.mjs";
import { ROOT } from "./process.mjs";

const ANSWER_MS = 30_000;
/** How long the log line that belongs to an answer may take to come. */
const LINE_MS = 2_000;

/** wrangler's development environment, with somebody who is told of all that happens in it. */
class Watched extends DevEnv {
  constructor(heard) {
    super();
    this.heard = heard;
    // Without a listener the process would end.
    this.on("error", () => {});
  }

  dispatch(event) {
    super.dispatch(event);
    this.heard(event);
  }
}

/**
 * Serves what `config` (a path from the top of the repository) describes, on loopback alone.
 * `settings`: gives the settings that go before those of the file, by name; asked again when one of the files `vars` changes.
 * `onServed`: told the settings in force, each time the Worker serves anew. `onBroken`: told `{ message, place }`, or nothing
 * where wrangler has printed it. `onLog`: told the level and the text of what the Worker logs.
 * Rejects when there is nothing to begin with, such as a configuration that cannot be read.
 */
export async function serve({ config, port, settings, vars, onServed, onBroken, onLog }) {
  let env;
  let worker;
  let mapped = (text) => text;
  let isStarted = false;
  let isStuck = false;
  /** What the runtime said of a Worker that threw while it started. */
  let uncaught;
  /** Lines that wait until it is known whether the Worker serves. */
  let held;
  let round = 0;
  let sources;
  let isBundling = false;
  /** Settings changed while a bundle was made. */
  let isStale = false;

  const input = () => ({
    config: resolve(ROOT, config),
    build: { minify: false },
    bindings: Object.fromEntries(
      Object.entries(settings()).map(([name, value]) => [name, { type: "plain_text", value }]),
    ),
    dev: {
      // Bindings that would reach an account have no place here.
      remote: false,
      server: { hostname: "127.0.0.1", port, secure: false },
      inspector: false,
      inferOriginFromRoutes: false,
      watch: true,
      logLevel: "warn",
      structuredLogsHandler: hear,
    },
  });

  function hear({ level, message }) {
    if (/^service core:user:.*\bUncaught\b/s.test(message)) uncaught = message;
    // One for each class of a module that did not come to its end.
    else if (uncaught !== undefined && message.startsWith("A DurableObjectNamespace in the config")) return;
    else if (held !== undefined) held.push({ level, message });
    else onLog(level, mapped(message));
  }

  /** Settings and file read again. A bundle begun twice is lost: the second takes away the folder in which the first is made. */
  function apply() {
    isStale = isBundling;
    if (!isBundling) void worker.patchConfig(input());
  }

  function bundled() {
    isBundling = false;
    if (isStale) apply();
  }

  function happened({ type, source, reason = "", cause, bundle }) {
    if (type === "bundleStart") isBundling = true;
    if (type === "bundleComplete") {
      bundled();
      uncaught = undefined;
      mapped = sourceMapper(bundle.path);
      if (isStuck) void restart();
    }
    if (type === "reloadComplete") {
      isStarted = true;
      void check();
    }
    if (type !== "error") return;
    if (source === "BundlerController") bundled();
    // One request failed, and the server goes on.
    if (source === "ProxyController" && !reason.startsWith("Error starting")) return;
    if (source === "LocalRuntimeController") {
      isStuck = !isStarted;
      onBroken(faultIn(uncaught ?? cause.message, mapped));
      return;
    }
    if (source === "BundlerController" && !reason.startsWith("Failed to rebuild")) rebuildOnSave();
    if (source === "BundlerController" || cause.name === "ParseError") onBroken();
    else onBroken({ message: cause.message });
  }

  /** The bundler does not watch what it could never bundle. */
  function rebuildOnSave() {
    sources?.close();
    sources = watch(dirname(env.config.latestConfig.entrypoint), { recursive: true }, () => {
      sources?.close();
      sources = undefined;
      apply();
    });
  }

  /** Whether the Worker can serve: settings, and much of an app, are read with the first request. */
  async function check() {
    round += 1;
    const mine = round;
    held ??= [];
    const answer = await ask(port);
    const line = answer.trace && (await lineWith(answer.trace, held));
    // A save that came meanwhile is checked by itself.
    if (mine !== round) return;
    const lines = held.filter((one) => one !== line);
    held = undefined;
    for (const { level, message } of lines) onLog(level, mapped(message));
    if (answer.ok) onServed(Object.entries(env.config.latestConfig.bindings).map(([name, { value }]) => [name, value]));
    else onBroken(faultIn(line?.message ?? answer.reason, mapped));
  }

  async function start() {
    env = new Watched(happened);
    try {
      worker = await env.startWorker(input());
    } catch (error) {
      // Where wrangler wraps what it says, the reason is inside.
      const { message, location } = error.cause ?? error;
      const place = location?.line === undefined ? "" : `:${location.line}:${location.column + 1}`;
      throw new Error(`${config}${place}: ${message}`, { cause: error });
    }
  }

  async function stop() {
    const parts = [env.config, env.bundler, ...env.runtimes, env.proxy];
    // Each ends by itself: what never started cannot be ended, and must not keep the others.
    await Promise.allSettled(parts.map((part) => part.teardown()));
  }

  async function restart() {
    isStuck = false;
    await stop();
    await start();
  }

  await start();
  const watchers = [resolve(ROOT, config), ...vars].map((path) => watchFile(path, apply));
  return async () => {
    for (const watcher of watchers) watcher.close();
    sources?.close();
    await stop();
  };
}

/**
 * Calls `changed` whenever the text of the file at `path` is another. Editors replace files, so its folder is watched.
 * wrangler watches its configuration too, unless it is told not to, and misses a save that follows on another.
 */
function watchFile(path, changed) {
  const read = () => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  let last = read();
  return watch(dirname(path), (_, name) => {
    if (name !== basename(path)) return;
    const text = read();
    if (text === last || text === "") return;
    last = text;
    changed();
  });
}

/** Asks what no caller is needed for. `trace`: of a 500, whose reason is in the log alone. */
async function ask(port) {
  try {
    const options = { method: "OPTIONS", signal: AbortSignal.timeout(ANSWER_MS) };
    const response = await fetch(`http://127.0.0.1:${port}/`, options);
    const text = await response.text();
    if (response.status < 500) return { ok: true };
    return { ok: false, reason: text, trace: /"trace":"(\w+)"/.exec(text)?.[1] };
  } catch (error) {
    return { ok: false, reason: `The Worker does not answer: ${String(error.cause ?? error)}` };
  }
}

async function lineWith(trace, lines) {
  for (const end = performance.now() + LINE_MS; performance.now() < end;) {
    const found = lines.find(({ message }) => message.includes(trace));
    if (found !== undefined) return found;
    await new Promise((passed) => setTimeout(passed, 20));
  }
  return undefined;
}

/** What a line of the log, or of the runtime, says in a sentence, and where in the app that was. */
function faultIn(text, mapped) {
  const plain = mapped(text.startsWith("{") ? errorOf(text) : text);
  const [first = ""] = plain.split("\n");
  const message = first.replace(/^service core:user:\S*: /, "").replace(/^(Uncaught )?(Error: )?/, "");
  // Who wrote the mistake, not who found it: what the app calls lies elsewhere in src.
  const places = [...plain.matchAll(/([\w@./-]+\.[cm]?[jt]sx?):(\d+):\d+/g)];
  const place = places.find(([, path]) => /^src\/app\/|^(?!src\/|node_modules\/|\.)/.test(path));
  // A setting is not where it is read.
  return { message, place: place && !message.startsWith("Configuration:") ? `${place[1]}:${place[2]}` : undefined };
}

/** What went wrong, of a line of the log: its stack follows as text, where it has one. */
function errorOf(text) {
  const [line = "", ...stack] = text.split("\n");
  return stack.length > 0 ? stack.join("\n") : (JSON.parse(line).error ?? text);
}
