/**
 * Servers for tests, each a process tree of its own on a free port of loopback, ended with `stop` or with this process.
 * The app runs under `wrangler dev`, as after `make dev`. The conformance world runs in bare workerd: the development
 * proxy stands between client and Worker, and hides how sockets end.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { hashPassphrase } from "../../src/cli/passphrase.mjs";
import { VARIABLES } from "../../src/cli/wrangler-config.ts";
import { DATABASES_FOLDER } from "./databases.node.ts";
import { linesWithSecrets, registerSecrets } from "./secrets.node.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Fixed, so that a failure can be repeated; never used outside tests. Bytes 0 to 31. */
const KEYS = `test:${Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64")}`;
const START_MS = 60_000;
/** Run by the Node that runs the tests: the first one in PATH may be too old for it. */
const WRANGLER = join(root, "node_modules/wrangler/bin/wrangler.js");

export interface TestServer {
  /** The MCP endpoint. */
  readonly url: URL;
  /** Its own, with all that it stores; gone when it has stopped. */
  readonly folder: string;
  /** Of what was started, which starts others in turn. */
  readonly pid: number;
  /** Everything it has printed. */
  log(): string;
  /** Ends it; fails when it printed a secret. */
  stop(): Promise<void>;
}

/** The passphrase of the app's owner, in tests. */
export const PASSPHRASE = "open sesame, once more";

/** What the app needs to ask its owner for it. */
const OWNED: Readonly<Record<string, string>> = { PASSPHRASE: hashPassphrase(PASSPHRASE) };
registerSecrets(PASSPHRASE);

/** Remembers the secrets among variables: those that a deployment would set with `wrangler secret put`. */
function rememberVariables(variables: Readonly<Record<string, string>>): void {
  const {
    KEYS: keys = "",
    PASSPHRASE: hash,
    OPENID_CLIENT_SECRET: secret,
    AUTH_INTROSPECTION: both,
  } = variables;
  registerSecrets(hash, secret, both?.slice(both.indexOf(":") + 1));
  for (const one of keys.split(/[\s,]+/)) registerSecrets(one.slice(one.indexOf(":") + 1));
}

/** The Worker of the repository, as `make dev` runs it, with its databases made. `variables` come first. */
export function serveApp(variables: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return serve(async (folder) => {
    // Settings of a deployment are none of the tests'.
    const unset = Object.fromEntries(VARIABLES.map((name) => [name, ""]));
    const secrets = { ...unset, KEYS, ...OWNED, ...variables };
    cpSync(DATABASES_FOLDER, join(folder, "state"), { recursive: true });
    rememberVariables(secrets);
    const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(folder, "secrets"), lines.join(""));
    return {
      command: [process.execPath, WRANGLER, "dev"],
      flags: {
        config: join(root, "wrangler.toml"),
        ip: "127.0.0.1",
        port: "0",
        "inspector-port": "0",
        "persist-to": join(folder, "state"),
        "env-file": join(folder, "secrets"),
        "show-interactive-dev-session": "false",
        "infer-origin-from-routes": "false",
      },
      ready: /Ready on (http:\/\/[\d.]+:\d+)/,
    };
  });
}

/** The conformance world in workerd, bundled as it would be deployed; open unless `variables` say otherwise. */
export function serveWorld(variables: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return serveBundle("test/world/worker.ts", { AUTH: "none", ...variables });
}

/** The app in workerd, without the development proxy; on any port unless one is named. */
export function serveBareApp(
  variables: Readonly<Record<string, string>> = {},
  port: string = "0",
): Promise<TestServer> {
  return serveBundle("src/index.ts", { ...OWNED, ...variables }, { port });
}

/** What a test changes of a Worker in workerd. */
export interface Changes {
  /** Of loopback; any when absent. */
  readonly port?: string;
  /** The folder of its objects. It outlives the server, for the next one that is given it: the test makes and removes it. */
  readonly objects?: string;
  /** Makes another version of the Worker from its bundle. */
  readonly alter?: (bundle: string) => string;
  /** The folder whose wrangler.toml has its bindings; the repository's, or the conformance world's, when absent. */
  readonly settings?: string;
  /** What is served, where it was built before. */
  readonly bundle?: string;
  /** Whether a debugger may be attached: its port is among what is printed. */
  readonly inspector?: boolean;
  /** In workerd's words: where its requests go, in place of the network. */
  readonly outside?: string;
}

/** The Worker of the module at `entry` in workerd, with `changes`. */
export function serveChanged(
  entry: string,
  variables: Readonly<Record<string, string>>,
  changes: Changes,
): Promise<TestServer> {
  return serveBundle(entry, { ...OWNED, ...variables }, changes);
}

/** The bundles made in this process, by entry point: many tests start the same Worker. */
const bundles = new Map<string, Promise<string>>();

function serveBundle(
  entry: string,
  variables: Readonly<Record<string, string>>,
  changes: Changes = {},
): Promise<TestServer> {
  return serve(async (folder) => {
    const { bundle = await bundleOnce(entry), objects = folder } = changes;
    const { alter = (code: string) => code } = changes;
    writeFileSync(join(folder, "worker.js"), alter(bundle));
    const all = { KEYS, ...variables };
    rememberVariables(all);
    const { settings = entry.startsWith("src/") ? "." : "test/world" } = changes;
    writeFileSync(
      join(folder, "config.capnp"),
      workerdConfig(settings, all, { ...changes, objects }),
    );
    return {
      command: [join(root, "node_modules/.bin/workerd"), "serve", join(folder, "config.capnp")],
      flags: {
        "control-fd": "1",
        ...(changes.inspector === true && { "inspector-addr": "127.0.0.1:0" }),
      },
      ready: /"socket":"http","port":(\d+)/,
    };
  });
}

function bundleOnce(entry: string): Promise<string> {
  const made = bundles.get(entry) ?? bundleEntry(entry);
  bundles.set(entry, made);
  return made;
}

async function bundleEntry(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [resolvePath(root, entry)],
    external: ["cloudflare:*"],
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

const NETWORK = `network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))`;

/** What wrangler.toml says, in workerd's own words; databases aside, which workerd alone does not have. */
function workerdConfig(
  folderOfSettings: string,
  variables: Readonly<Record<string, string>>,
  { port = "0", objects: folder = "", outside = NETWORK }: Changes,
): string {
  const settings = readFileSync(resolvePath(root, folderOfSettings, "wrangler.toml"), "utf8");
  const date = /^compatibility_date = (".*")$/m.exec(settings)?.[1];
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(settings)?.[1];
  const objects = [...settings.matchAll(/^name = (".*")\nclass_name = (".*")$/gm)].map(
    ([, name, type]) => ({
      name,
      type,
    }),
  );
  const bindings = objects.map(
    ({ name, type }) => `(name = ${name}, durableObjectNamespace = ${type})`,
  );
  bindings.push(
    ...Object.entries(variables).map(
      ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
    ),
  );
  const classes = objects.map(
    ({ type }) => `(className = ${type}, uniqueKey = ${type}, enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "world", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = ${date},
    compatibilityFlags = ${flags},
    bindings = [${bindings.join(", ")}],
    globalOutbound = "outside",
    durableObjectNamespaces = [${classes.join(", ")}],
    durableObjectStorage = (localDisk = "objects"),
  )), (name = "outside", ${outside}),
  (name = "objects", disk = (path = ${JSON.stringify(folder)}, writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "world")],
);
`;
}

interface Start {
  readonly command: readonly [string, ...string[]];
  readonly flags: Readonly<Record<string, string>>;
  /** What the server prints when it listens; the group is its origin, or its port. */
  readonly ready: RegExp;
}

async function serve(prepare: (folder: string) => Promise<Start>): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "barewire-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const { command, flags, ready } = await prepare(folder).catch((error: unknown) => {
    clean();
    throw error;
  });
  const [program, ...args] = [
    ...command,
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
  ];
  const child = spawn(program ?? "", args, {
    cwd: folder,
    // A process group of its own, so that wrangler, esbuild and workerd end together.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      NO_COLOR: "1",
      CI: "1",
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_LOG_PATH: join(folder, "log"),
    },
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  // Who finds the log of a test that failed wants to know.
  child.once("exit", (code, signal) => (printed += `The server ended with ${code ?? signal}\n`));
  const closed = new Promise((resolve) => child.once("close", resolve));
  const onExit = (): void => endTree(child);
  process.once("exit", onExit);
  const stop = async (): Promise<void> => {
    process.off("exit", onExit);
    endTree(child);
    await closed;
    clean();
    const found = linesWithSecrets(printed);
    if (found.length > 0) throw new Error(`The server printed secrets:\n${found.join("\n")}`);
  };
  try {
    const place = await listening(child, ready);
    const origin = place.startsWith("http") ? place : `http://127.0.0.1:${place}`;
    return { url: new URL("/mcp", origin), folder, pid: child.pid ?? 0, log: () => printed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function listening(child: ChildProcess, ready: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const fail = (what: string): void => reject(new Error(`${what}:\n${printed}`));
    const timer = setTimeout(() => fail(`Not listening after ${START_MS} ms`), START_MS);
    const read = (chunk: Buffer): void => {
      printed += chunk.toString();
      const place = ready.exec(printed)?.[1];
      if (place !== undefined) resolve((clearTimeout(timer), place));
      // A broken build makes wrangler wait for an edit; a test must not.
      if (printed.includes("Build failed")) fail("Not built");
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(timer);
      return fail(`The server ended with ${code}`);
    });
  });
}

function endTree({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}
