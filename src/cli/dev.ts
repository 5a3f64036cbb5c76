/**
 * `make dev` and `make world`: makes local secrets if there are none, serves the Worker for this machine only, and says
 * how to connect. A mistake while it runs is told in a few lines, and mended by the next save. The world is the server
 * that the conformance suite and the fixtures of spec/ call.
 */

import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readOrigin } from "./address.ts";
import { describeConnection } from "./connection-guide.ts";
import { migrateLocal } from "./databases.ts";
import type { ServeOptions } from "./dev-server.ts";
import { ENV, ROOT } from "./environment.mjs";
import { messageOf } from "./errors.ts";
import { printable } from "./terminal.ts";
import {
  appHasPassphrase,
  freshKeys,
  localSettings,
  makeSecrets,
  passphraseIn,
  secretsIn,
  type LocalSettings,
} from "./local-settings.ts";
import { readFileIfAny } from "./watch-file.ts";
import { newViewKey } from "./wire-view/access.ts";
import { PROJECT_NAME } from "./wrangler-config.ts";

/** For how long the end of the server is waited for. */
const END_MS = 3_000;
/** For how long a crash of the runtime may turn out to be its end. */
const CRASH_MS = 2_000;
const VARS = join(ROOT, ".dev.vars");
/** Who reads this terminal may see what /wire records. */
const VIEW_KEY = newViewKey();
const { values } = parseArgs({
  options: {
    world: { type: "boolean", default: false },
    port: { type: "string" },
    revision: { type: "string", default: "" },
    auth: { type: "string", default: "" },
    url: { type: "string", default: "" },
  },
});

// wrangler runs in this process.
Object.assign(process.env, ENV, {
  WRANGLER_WRITE_LOGS: "false",
  WRANGLER_LOG: "warn",
  WRANGLER_CI_DISABLE_CONFIG_WATCHING: "true",
});
process.chdir(ROOT);
let isEnding = false;
holdCrashWarnings();
try {
  await run();
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}

async function run(): Promise<void> {
  const port = Number(values.port ?? (values.world ? 8790 : 8787));
  await checkPort(port);
  const what = values.world ? world() : await app();
  // wrangler takes a while to load: what is wrong with the command is said before.
  const { serve } = await import("./dev-server.ts");
  const alter = values.world ? undefined : await watchedBundle(port);
  const stop = async (): Promise<void> => (await server)();
  let isDescribed = values.world;
  const server = serve({
    ...what,
    ...(alter && { alter }),
    port,
    onLog: (level, text) =>
      (level === "warn" || level === "error" ? console.error : console.log)(printable(text)),
    onBroken(fault) {
      endWith(stop);
      const where = fault?.place === undefined ? "" : `${fault.place}: `;
      if (fault !== undefined) console.error(red(printable(`✘ ${where}${fault.message}`)));
      console.error("Not served until that is mended: save the file, and it goes on by itself.");
    },
    onServed(settings) {
      endWith(stop);
      if (!isDescribed) console.log(describe(port, settings));
      isDescribed = true;
      console.log(`Served at ${addressOf(port)}`);
    },
  });
  await server;
}

type Served = Pick<ServeOptions, "config" | "vars" | "settings">;

/** The app as wrangler.toml has it, with the settings of this machine. */
async function app(): Promise<Served> {
  const url = readUrl(values.url);
  makeSecrets(VARS, appHasPassphrase());
  await migrateLocal(join(ROOT, ".wrangler", "state"), () => console.log("Making the tables …"));
  // Without the file the Worker says which secret is missing, as of any other mistake.
  const settings = (): LocalSettings =>
    localSettings(readFileIfAny(VARS), { url, auth: values.auth });
  return { config: "wrangler.toml", vars: [VARS], settings };
}

/** What puts the wire view around the bundle. */
async function watchedBundle(port: number): Promise<NonNullable<ServeOptions["alter"]>> {
  const { openWireView } = await import("./wire-view/wire-view.ts");
  return openWireView({
    port,
    key: VIEW_KEY,
    tokenCommand: tokenCommandOf(port),
    knownSecrets: () => secretsIn(readFileIfAny(VARS)),
    onLost: (text) => console.error(printable(text)),
  });
}

function world(): Served {
  const keys = { KEYS: freshKeys("world"), DEV: "1" };
  const settings = {
    ...keys,
    ...(values.revision !== "" && { SESSION_PROTOCOL_VERSION: values.revision }),
    // The world is open unless it is told to have the built-in sign-in.
    ...(values.auth === "builtin" && { AUTH: "" }),
  };
  return { config: "test/world/wrangler.toml", vars: [], settings: () => settings };
}

/** The endpoint, as the terminal names it everywhere. */
function addressOf(port: number): string {
  if (values.url !== "") return `${readUrl(values.url)}/mcp`;
  return `http://${values.world ? "127.0.0.1" : "localhost"}:${port}/mcp`;
}

function readUrl(text: string): string {
  return text === "" ? "" : readOrigin(text);
}

/** @throws unless the port is free, in either family: browsers try both for localhost. */
async function checkPort(port: number): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`PORT must be 1 to 65535, not "${values.port}".`);
  const [four, six] = [await listen(port, "127.0.0.1"), await listen(port, "::1")];
  const faults = [four, six].filter((code) => code !== undefined);
  if (faults.includes("EADDRINUSE"))
    throw new Error(
      `Port ${port} is in use: end what listens there, or choose another with PORT=${port + 1}.`,
    );
  // A machine need not have the newer family.
  if (four !== undefined)
    throw new Error(`Port ${port} cannot be listened on (${four}): choose another with PORT=8787.`);
}

/** Why `port` of `host` cannot be listened on; undefined when it can. */
function listen(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

function red(text: string): string {
  return process.stderr.isTTY ? `\u001B[31m${text}\u001B[0m` : text;
}

/** Ends the server with this program. wrangler sets listeners with each runtime, which would end it at once: they go. */
function endWith(stop: () => Promise<void>): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      isEnding = true;
      // Of the end of its parts wrangler speaks as of faults.
      for (const level of ["log", "warn", "error"] as const) console[level] = () => undefined;
      setTimeout(() => process.exit(0), END_MS).unref();
      void stop().finally(() => process.exit(0));
    });
  }
}

/** A terminal's Ctrl-C ends the runtime as well, which wrangler may see first, and take for a crash: it says so a little later. */
function holdCrashWarnings(): void {
  const { log } = console;
  console.log = (...said: readonly unknown[]) => {
    if (!String(said[0]).includes("The Workers runtime ")) return log(...said);
    setTimeout(() => isEnding || log(...said), CRASH_MS);
  };
}

/** What prints a token of this server. */
function tokenCommandOf(port: number): string {
  if (values.url !== "") return `make -s token URL=${readUrl(values.url)}`;
  return `make -s token${port === 8787 ? "" : ` PORT=${port}`}`;
}

/** How to connect, with the settings in force. */
function describe(port: number, settings: LocalSettings): string {
  return describeConnection({
    name: PROJECT_NAME,
    endpoint: addressOf(port),
    settings,
    passphrase: appHasPassphrase() ? { text: passphraseIn(readFileIfAny(VARS)) } : undefined,
    tokenCommand: tokenCommandOf(port),
    wireView: `http://localhost:${port}/wire#${VIEW_KEY}`,
  });
}
