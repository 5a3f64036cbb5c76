/**
 * What every benchmark shares: bundles as they are deployed, workerd processes, load, and CPU time.
 * The workerd binary is spoken to directly: the proxy of `wrangler dev` costs many times what the Worker does.
 * CPU time comes from /proc, so it is measured on Linux only.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import workerd from "workerd";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SETTINGS = readFileSync(join(ROOT, "wrangler.toml"), "utf8");

/** The Durable Objects of barewire, as { BINDING: "Class" }. */
export const OBJECTS = { HUB: "Hub", SESSION: "Session" };

// ---- Bundles ----------------------------------------------------------------------------------------------------

/** The bundle of `entry` (a path from the repository's top), minified as it is deployed. `define` puts values for names. */
export async function bundle(entry, define = {}) {
  const values = { "process.env.NODE_ENV": "production", ...define };
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "import", "production"],
    external: ["cloudflare:*", "node:*"],
    define: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)])),
    logLevel: "error",
  });
  return outputFiles[0].text;
}

// ---- Processes ----------------------------------------------------------------------------------------------------

/**
 * Runs `code` in a workerd of its own, with the compatibility settings of wrangler.toml, a fresh key, and the Durable
 * Object classes `objects` ({ BINDING: "Class" }). Gives { pid, port, stop } once it listens.
 */
export async function start(code, objects = {}) {
  const folder = mkdtempSync(join(tmpdir(), "barewire-bench-"));
  writeFileSync(join(folder, "worker.js"), code);
  writeFileSync(join(folder, "config.capnp"), settings(objects));
  const args = ["serve", join(folder, "config.capnp"), "--control-fd=3"];
  const child = spawn(workerd.default, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const port = await new Promise((resolve, reject) => {
    child.once("error", reject);
    void gone.then((status) => reject(new Error(`workerd ended with ${status} before it listened`)));
    let heard = "";
    child.stdio[3].on("data", (data) => {
      heard += data;
      const { port: found } = /"socket":"http","port":(?<port>\d+)/.exec(heard)?.groups ?? {};
      if (found !== undefined) resolve(Number(found));
    });
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await gone;
    rmSync(folder, { recursive: true });
  };
  return { pid: child.pid, port, stop };
}

function settings(objects) {
  const text = JSON.stringify;
  const date = /^compatibility_date = "(.*)"$/m.exec(SETTINGS)[1];
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(SETTINGS)?.[1] ?? "[]";
  const classes = Object.entries(objects);
  const bindings = classes.map(([name, type]) => `(name = ${text(name)}, durableObjectNamespace = ${text(type)})`);
  bindings.push(`(name = "KEYS", text = "bench:${randomBytes(32).toString("base64")}")`);
  const namespaces = classes.map(
    ([, type]) => `(className = ${text(type)}, uniqueKey = ${text(type)}, enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = ${text(date)},
    compatibilityFlags = ${flags},
    bindings = [${bindings.join(", ")}],
    durableObjectNamespaces = [${namespaces.join(", ")}],
    durableObjectStorage = (inMemory = void),
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
}

/** CPU time of a process so far, in microseconds: the sum of its threads, to the nanosecond. */
export function cpuOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return spent.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1_000;
}

// ---- Requests and load ----------------------------------------------------------------------------------------------

const ID = 1_000_000; // every id has seven digits, so that every answer to the same request has the same length

/** A POST of the stateless revision, as bytes around its id. */
export function statelessPost(method, params = {}) {
  const revision = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientInfo": { name: "barewire-bench", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} },
  };
  const [before, after] = JSON.stringify({ jsonrpc: "2.0", id: ID, method, params: { ...params, _meta: meta } }).split(
    ID,
  );
  const headers = {
    Host: "127.0.0.1",
    Accept: "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": revision,
    "Mcp-Method": method,
    ...(params.name === undefined ? {} : { "Mcp-Name": params.name }),
    "User-Agent": "barewire-bench/1.0.0",
    "Content-Length": `${before}${ID}${after}`.length,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return { before: `POST /mcp HTTP/1.1\r\n${lines.join("")}\r\n${before}`, after };
}

/** Asks once. Gives { status, headers, body } as they came over the wire. */
export async function ask(port, request, id = ID) {
  const wire = await openWire(port);
  const { head, body } = await wire.ask(request, id);
  wire.close();
  const [first, ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2)));
  return { status: Number(first.split(" ")[1]), headers, body };
}

/**
 * Loads a server over a fixed number of kept-alive connections, each with one request in flight.
 * Gives requests per second, CPU microseconds of the server per request, how busy the server was, and all latencies (ms).
 */
export async function load({ pid, port }, request, { seconds, connections = 16 }) {
  const wires = await Promise.all(Array.from({ length: connections }, () => openWire(port)));
  const latencies = [];
  let id = ID;
  const cpuBefore = cpuOf(pid);
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  const client = async (wire) => {
    for (let sent = performance.now(); sent < end;) {
      const { head } = await wire.ask(request, (id += 1));
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(`Answered ${head.split("\r\n")[0]}`);
      const now = performance.now();
      latencies.push(now - sent);
      sent = now;
    }
  };
  await Promise.all(wires.map(client));
  const elapsed = performance.now() - begin;
  const cpu = cpuOf(pid) - cpuBefore;
  for (const wire of wires) wire.close();
  return {
    rate: (latencies.length / elapsed) * 1_000,
    cpu: cpu / latencies.length,
    busy: cpu / elapsed / 1_000,
    latencies,
  };
}

/**
 * One connection, by hand: the client shares the machine with what it measures, and node:http would cost more than the
 * Worker does. Understands only answers with Content-Length, and checks that each carries the id that was sent.
 */
async function openWire(port) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let waiting;
  let chunks = [];
  let size = 0;
  let wanted = Infinity;
  let head = "";
  const finish = () => {
    const body = Buffer.concat(chunks).subarray(wanted - bodyLength(head));
    const { resolve, reject, id } = waiting;
    [chunks, size, wanted] = [[], 0, Infinity];
    if (body.indexOf(`"id":${id}`) > 0) resolve({ head, body: body.toString() });
    else reject(new Error(`Request ${id} was answered ${head}\n\n${body}`));
  };
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (wanted === Infinity) {
      const seen = chunks.length === 1 ? chunk : Buffer.concat(chunks);
      const blank = seen.indexOf("\r\n\r\n");
      if (blank < 0) return;
      head = seen.latin1Slice(0, blank);
      wanted = blank + 4 + bodyLength(head);
    }
    if (size >= wanted) finish();
  });
  socket.on("error", (error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error("The server closed the connection")));
  return {
    ask: (request, id) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject, id };
        socket.write(`${request.before}${id}${request.after}`, "latin1");
      }),
    close: () => socket.destroy(),
  };
}

function bodyLength(head) {
  return Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
}

// ---- Comparing ----------------------------------------------------------------------------------------------------

/** Seconds of load before anything counts: the code is compiled and optimised in them. */
const WARM_UP = 3;

/**
 * Loads two servers in turn, `rounds` times, so that whatever else the machine does meets both alike; rounds are short and
 * who goes first changes every round. Only one is loaded at a time. Gives both sides' figures and the ratios of each round.
 */
export async function duel(ours, bare, request, { rounds, seconds }) {
  const sides = [
    { server: ours, runs: [] },
    { server: bare, runs: [] },
  ];
  for (const { server } of sides) await load(server, request, { seconds: WARM_UP });
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      side.runs.push(await load(side.server, request, { seconds }));
  }
  const [one, other] = sides.map(({ runs }) => runs);
  return {
    ours: figures(one),
    bare: figures(other),
    rate: spread(one.map((run, round) => run.rate / other[round].rate)),
    cpu: spread(one.map((run, round) => other[round].cpu / run.cpu)),
  };
}

function figures(runs) {
  const latencies = Float64Array.from(runs.flatMap((run) => run.latencies)).sort();
  const of = (member) => spread(runs.map((run) => run[member])).median;
  return {
    rate: of("rate"),
    cpu: of("cpu"),
    busy: of("busy"),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

/** The median, and the quartiles around it. */
export function spread(values) {
  const sorted = Float64Array.from(values).sort();
  return { low: quantile(sorted, 0.25), median: quantile(sorted, 0.5), high: quantile(sorted, 0.75) };
}

function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

// ---- Reporting ----------------------------------------------------------------------------------------------------

/** Prints rows of text as columns; the first is aligned left, the rest right. */
export function table(title, columns, rows) {
  const all = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => row[at].length)));
  const line = (row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join("  ");
  console.log(`\n${title}\n  ${all.map(line).join("\n  ")}`);
}

/** `median (low … high)` with so many digits. */
export function show({ low, median, high }, digits = 2) {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} … ${high.toFixed(digits)})`;
}
