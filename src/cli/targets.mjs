/**
 * What `make NAME` and `npm run NAME` do: one table for both. run.mjs runs it.
 * Plain JavaScript, for it is read on Node 20.
 */

/** @type {(name: string, ...args: string[]) => string[]} */
const program = (name, ...args) => ["node", `src/cli/${name}.ts`, ...args];
/** What serves only development. @type {(name: string, ...args: string[]) => string[]} */
const tool = (name, ...args) => ["node", `test/tools/${name}.mjs`, ...args];
/** @type {(project: string, file: string) => string[]} */
const soak = (project, file) => {
  const settings = ["--config", "test/vitest.config.ts", "--project", project];
  return ["vitest", "run", ...settings, "--silent=false", file];
};

/**
 * `says`: what it is for. `commands`: what it runs with these settings, one after the other while they succeed. `act`: what
 * run.mjs does itself. `isBare`: it needs neither packages nor a newer Node. `defaults`: settings that go into the
 * environment unless they are there.
 * @typedef {{
 *   readonly says: string;
 *   readonly commands?: (settings: Readonly<Record<string, string>>) => string[][];
 *   readonly act?: "print" | "remove";
 *   readonly isBare?: boolean;
 *   readonly defaults?: Readonly<Record<string, string>>;
 * }} Target
 */

/** @type {Readonly<Record<string, Target>>} */
export const TARGETS = {
  help: { says: "Prints this list.", act: "print" },
  dev: {
    says: "Serves the app on http://localhost:8787/mcp (PORT=8787, AUTH=none to ask nobody, URL= of a tunnel), on this machine only.",
    commands: ({ PORT = "8787", AUTH = "", URL = "" }) => [
      program("dev", "--port", PORT, "--auth", AUTH, "--url", URL),
    ],
  },
  token: {
    says: 'Prints a bearer token for curl, of the server that dev started (PORT=8787, URL= of a tunnel, FIELDS="name=ada&…" of its form).',
    commands: ({ PORT = "8787", URL = `http://localhost:${PORT}` }) => [program("token", URL)],
  },
  passphrase: {
    says: "Makes a passphrase for a deployed server, and the secret that knows it.",
    isBare: true,
    commands: () => [["node", "src/cli/passphrase.mjs"]],
  },
  check: {
    says: "Runs what takes seconds: format, lint, types, size, rules. For while you work.",
    commands: () => [tool("check", "--quick")],
  },
  test: {
    says: "Runs every check: format, lint, types, project rules, unit tests, fixtures, size, conformance.",
    commands: () => [tool("check")],
  },
  world: {
    says: "Serves the conformance world on http://127.0.0.1:8790/mcp (PORT=8790, SESSION_PROTOCOL_VERSION=one date to pin, AUTH=builtin).",
    commands: ({ PORT = "8790", SESSION_PROTOCOL_VERSION = "", AUTH = "" }) => [
      program(
        "dev",
        "--world",
        "--port",
        PORT,
        "--revision",
        SESSION_PROTOCOL_VERSION,
        "--auth",
        AUTH,
      ),
    ],
  },
  conformance: {
    says: "Runs the lanes of the official suite against the conformance world.",
    commands: () => [tool("conformance")],
  },
  spec: {
    says: "Writes what is shown of every text into dist/spec/ (index.html, report.json, traceability.json), and spec/status.txt anew.",
    commands: () => [tool("spec-report")],
  },
  evidence: {
    says: "Runs every exchange in a world of its own (5 minutes), and says which cited lines of src/ it executes.",
    commands: () => [tool("spec-evidence")],
  },
  mutants: {
    says: "Plants faults in the lines of src/ that cite an entry, and says which the exchanges catch (ONLY=start of an entry's id).",
    commands: ({ ONLY }) => [tool("spec-mutants", ...(ONLY === undefined ? [] : ["--only", ONLY]))],
  },
  soak: {
    says: "Soaks sessions in workerd, and a server among hostile peers, for SOAK_SECONDS=60 each; SOAK_SEED=n repeats a run.",
    defaults: { SOAK_SECONDS: "60" },
    commands: () => [
      soak("workerd", "test/transport/session/soak"),
      soak("node", "test/client/hostile"),
    ],
  },
  size: {
    says: "Prints the gzipped bundles with their digests and the lines of src/, and what a million of everything costs; fails over the budgets of bytes.",
    commands: () => [tool("size")],
  },
  parts: {
    says: "Prints what a Worker weighs without each of its parts: lines of src/, and bytes of the bundle, gzipped.",
    commands: () => [tool("parts")],
  },
  route: {
    says: "Prints what to read to audit the security of the Worker, in order, with the lines of each file.",
    commands: () => [tool("route")],
  },
  sbom: {
    says: "Writes a bill of materials of all packages (CycloneDX) into dist/, and prints their licences.",
    commands: () => [tool("sbom")],
  },
  bench: {
    says: "Measures the Worker beside a bare one in the same workerd: requests per second, p50, p99, CPU.",
    commands: () => [["node", "test/bench/run.mjs"]],
  },
  audit: {
    says: "Runs the fixtures of spec/ against any server: URL=https://… (TOKEN= and TOKEN2= of two callers, ONLY=word, REVISION=date, SECONDS=1800, JSON=file, JUNIT=file, CHOICES=world).",
    // The tokens stay in the environment: a command line is seen by everybody on the machine.
    commands: ({ URL = "", ...settings }) => [
      [
        "node",
        "spec/runner/audit.mjs",
        URL,
        ...["REVISION", "ONLY", "SECONDS", "JSON", "JUNIT", "CHOICES"].flatMap((name) => {
          const value = settings[name];
          return value === undefined ? [] : [`--${name.toLowerCase()}`, value];
        }),
      ],
    ],
  },
  doctor: {
    says: "Says why a client does not connect: replays the first contact of claude.ai, ChatGPT, VS Code, mcp-remote with URL=https://… (TOKEN=, ONLY=vs-code, JSON=file, SECONDS=300).",
    isBare: true,
    // The token stays in the environment.
    commands: ({ URL = "", ...settings }) => [
      [
        "node",
        "spec/runner/doctor.mjs",
        URL,
        ...["ONLY", "JSON", "SECONDS"].flatMap((name) => {
          const value = settings[name];
          return value === undefined ? [] : [`--${name.toLowerCase()}`, value];
        }),
      ],
    ],
  },
  format: { says: "Formats all files in place.", commands: () => [["oxfmt"]] },
  migrate: {
    says: "Makes the tables of the databases on your Cloudflare account (dev makes the local ones).",
    commands: () => [program("migrate", "--remote")],
  },
  deploy: {
    says: 'Makes the tables and deploys to your Cloudflare account; README, "Deploy", says what comes first.',
    commands: () => [program("migrate", "--remote"), ["wrangler", "deploy"]],
  },
  "rotate-keys": {
    says: "Puts a new key first and seals every credential anew: local, or URL=https://… with KEYS set (RESUME=1 goes on).",
    commands: ({ PORT = "8787", URL = `http://localhost:${PORT}`, RESUME = "" }) => [
      program("rotate-keys", "--url", URL, "--resume", RESUME),
    ],
  },
  "server-json": {
    says: "Prints the server.json with which a server is published in the MCP Registry, made of its server card (URL=https://…).",
    commands: ({ PORT = "8787", URL = `http://localhost:${PORT}` }) => [
      program("server-json", URL),
    ],
  },
  clean: {
    says: "Removes what was installed, built and stored locally; keeps .dev.vars.",
    act: "remove",
  },
};

/**
 * The commands of target `name`. An empty setting is as good as none.
 * @param {string} name
 * @param {Readonly<Record<string, string | undefined>>} settings
 * @returns {string[][]}
 */
export function commandsOf(name, settings) {
  /** @type {Record<string, string>} */
  const filled = {};
  for (const [key, value] of Object.entries(settings)) if (value) filled[key] = value;
  return TARGETS[name]?.commands?.(filled) ?? [];
}
