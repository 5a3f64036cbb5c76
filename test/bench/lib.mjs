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
import workerd from "workerd";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SETTINGS = readFileSync(join(ROOT, "wrangler.toml"), "utf8");

/** The Durable Objects of barewire, as { BINDING: "Class" }. */
export const OBJECTS = {
  HUB: "Hub",
  SESSION: "Session",
  GRANT: "Grant",
  ACCOUNT: "Account",
  STORE: "Store",
  TASK: "Task",
  RUNNING_TASKS: "RunningTasks",
};

// ---- Bundles ----------------------------------------------------------------------------------------------------

export { bundleWorker as bundle } from "../tools/bundle.mjs";

// ---- Processes ----------------------------------------------------------------------------------------------------

/**
 * Runs `code` in a workerd of its own, with the compatibility settings of wrangler.toml, a fresh key, and the Durable
 * Object classes `objects` ({ BINDING: "Class" }). Open to all unless `variables` say otherwise.
 * Gives { pid, port, stop } once it listens.
 */
export async function start(code, objects = {}, v8Flags = [], variables = { AUTH: "none" }) {
  const folder = mkdtempSync(join(tmpdir(), "barewire-bench-"));
  writeFileSync(join(folder, "worker.js"), code);
  // Another checkout may lack one.
  const exported = Object.fromEntries(
    Object.entries(objects).filter(([, type]) => new RegExp(`\\b(as|class) ${type}\\b`).test(code)),
  );
  writeFileSync(join(folder, "config.capnp"), settings(exported, folder, v8Flags, variables));
  const args = ["serve", join(folder, "config.capnp"), "--control-fd=3"];
  const child = spawn(workerd.default, args, { stdio: ["ignore", "ignore", "inherit", "pipe"] });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const end = () => {
    process.off("exit", end);
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  };
  process.on("exit", end); // a benchmark that fails leaves nothing behind
  const port = await new Promise((resolve, reject) => {
    child.once("error", reject);
    void gone.then((status) =>
      reject(new Error(`workerd ended with ${status} before it listened`)),
    );
    let heard = "";
    child.stdio[3].on("data", (data) => {
      heard += data;
      const { port: found } = /"socket":"http","port":(?<port>\d+)/.exec(heard)?.groups ?? {};
      if (found !== undefined) resolve(Number(found));
    });
  });
  const stop = async () => {
    end();
    await gone;
  };
  return { pid: child.pid, port, stop };
}

function settings(objects, folder, v8Flags, variables) {
  const text = JSON.stringify;
  const date = /^compatibility_date = "(.*)"$/m.exec(SETTINGS)[1];
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(SETTINGS)?.[1] ?? "[]";
  const classes = Object.entries(objects);
  const bindings = classes.map(
    ([name, type]) => `(name = ${text(name)}, durableObjectNamespace = ${text(type)})`,
  );
  const texts = Object.entries({
    KEYS: `bench:${randomBytes(32).toString("base64")}`,
    ...variables,
  });
  bindings.push(...texts.map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`));
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
    durableObjectStorage = (localDisk = "objects"),
    globalOutbound = "outside",
  )), (name = "outside", network = (allow = ["private", "public"])),
  (name = "objects", disk = (path = ${text(folder)}, writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  v8Flags = ${text(v8Flags)},
);
`;
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** Resident memory of a process, in bytes. */
export function memoryOf(pid) {
  return (
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1_024
  );
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
export function statelessPost(method, params = {}, headers = {}) {
  const revision = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientInfo": { name: "barewire-bench", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": {
      elicitation: { form: {}, url: {} },
      sampling: {},
      roots: {},
    },
  };
  return post(
    method,
    { ...params, _meta: meta },
    {
      "MCP-Protocol-Version": revision,
      "Mcp-Method": method,
      ...(params.name === undefined ? {} : { "Mcp-Name": params.name }),
      ...headers,
    },
  );
}

/** A POST to the endpoint, as bytes around its id. */
export function post(method, params, headers) {
  const [before, after] = JSON.stringify({ jsonrpc: "2.0", id: ID, method, params }).split(ID);
  const head = requestHead("POST", {
    Accept: "application/json, text/event-stream",
    "Content-Type": "application/json",
    ...headers,
    "Content-Length": `${before}${ID}${after}`.length,
  });
  return { before: `${head}${before}`, after };
}

/** What goes before the body of a request. */
export function requestHead(method, headers, path = "/mcp") {
  const all = { Host: "127.0.0.1", "User-Agent": "barewire-bench/1.0.0", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
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
 * Loads a server over a fixed number of kept-alive connections, each with one request in flight, for so many seconds or
 * requests. `request` may be a list, which the connections share out.
 * Gives requests per second, CPU microseconds of the server per request, how busy the server was, and all latencies (ms).
 */
export async function load(
  { pid, port },
  request,
  { seconds = Infinity, requests = Infinity, connections = 16 },
) {
  const asked = [request].flat();
  const wires = await Promise.all(Array.from({ length: connections }, () => openWire(port)));
  const latencies = [];
  let id = ID;
  const cpuBefore = cpuOf(pid);
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  const client = async (wire, at) => {
    for (let sent = performance.now(); sent < end && id < ID + requests;) {
      const { head } = await wire.ask(asked[at % asked.length], (id += 1));
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
  const socket = await connected(port);
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
    else reject(new Error(`Request ${id} was answered ${head}\n\n${body.toString()}`));
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

/** A connection to a server of this machine. */
export async function connected(port) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

function bodyLength(head) {
  return Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
}

// ---- Comparing ----------------------------------------------------------------------------------------------------

/** Load before anything counts: the code is compiled and optimised in it. */
const WARM_UP = { seconds: 3, requests: 1_500 };

/**
 * Loads two servers in turn, `rounds` times, so that whatever else the machine does meets both alike; rounds are short and
 * who goes first changes every round. Only one is loaded at a time. Rounds are counted in seconds or in requests. `bareRequest`
 * is for the other side, where it differs. Gives both sides' figures and the ratios of each round.
 */
export async function duel(
  ours,
  bare,
  request,
  { rounds, seconds, requests },
  bareRequest = request,
) {
  const sides = [
    { server: ours, request, runs: [] },
    { server: bare, request: bareRequest, runs: [] },
  ];
  const long =
    seconds === undefined ? { requests: WARM_UP.requests } : { seconds: WARM_UP.seconds };
  for (const side of sides) await load(side.server, side.request, long);
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed())
      side.runs.push(await load(side.server, side.request, { seconds, requests }));
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
  return {
    low: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    high: quantile(sorted, 0.75),
  };
}

export function quantile(sorted, share) {
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
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join("  ");
  console.log(`\n${title}\n  ${all.map(line).join("\n  ")}`);
}

/** The columns of a duel, and the cells of one side; the two ratios are the caller's. */
export const DUEL_COLUMNS = [
  "",
  "requests/s",
  "p50 ms",
  "p99 ms",
  "CPU µs",
  "busy",
  "throughput ratio",
  "CPU ratio",
];

export function cells({ rate, p50, p99, cpu, busy }) {
  return [
    rate.toFixed(0),
    p50.toFixed(2),
    p99.toFixed(2),
    cpu.toFixed(1),
    `${(busy * 100).toFixed(0)} %`,
  ];
}

/** `median (low … high)` with so many digits. */
export function show({ low, median, high }, digits = 2) {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} … ${high.toFixed(digits)})`;
}
