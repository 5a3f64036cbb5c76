/** `make rotate-keys` as it is run: the tool, `wrangler dev`, and a database, in a copy of this repository. */

import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readDevVars } from "../../src/cli/dev-vars.ts";
import { VARIABLES } from "../../src/cli/wrangler-config.ts";
import {
  copyDatabases,
  openVault,
  ROOT,
  startDevServer,
  type DevServer,
} from "../vault/serve.node.ts";

const keyOf = (id: string, start: number): string =>
  `${id}:${Buffer.from(Array.from({ length: 32 }, (_, index) => start + index)).toString("base64")}`;
const K1 = keyOf("k1", 0);
/** Several pages, and a part of one. */
const MANY = 230;
const folder = mkdtempSync(join(tmpdir(), "barewire-rotate-"));
const vars = join(folder, ".dev.vars");

let served: DevServer;
/** The same file that the server has open. */
let database: DatabaseSync;
/** What is not loopback for the tool: a deployed server, as far as it can tell. */
let elsewhere: Server;

beforeAll(async () => {
  for (const part of ["src", "wrangler.toml", "package.json"])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  // Settings of a deployment are none of the tests'.
  writeFileSync(vars, `${VARIABLES.map((name) => `${name}=\n`).join("")}KEYS=${K1}\nAUTH=none\n`);
  copyDatabases(folder);
  database = openVault(folder);
  database.exec(await seed());
  served = await startDevServer(folder);
  elsewhere = createServer((incoming, answer) => {
    const { host } = new URL(served.origin);
    const headers = { ...incoming.headers, host };
    const passed = request(
      served.origin + incoming.url,
      { method: incoming.method ?? "GET", headers },
      (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers);
        got.pipe(answer);
      },
    );
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.2", resolve));
}, 120_000);

afterAll(async () => {
  elsewhere.close();
  database.close();
  await served.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function seed(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(ROOT, "test/vault/seed.mjs"),
    K1,
    String(MANY),
  ]);
  return stdout;
}

/** How many rows each key has sealed. */
function counts(): Record<string, unknown> {
  const rows = database
    .prepare("SELECT key, count(*) AS count FROM credentials GROUP BY key")
    .all();
  return Object.fromEntries(rows.map(({ key, count }) => [key, count])) as Record<string, unknown>;
}

const keysNow = (): string => readDevVars(readFileSync(vars, "utf8"))["KEYS"] ?? "";
const idsNow = (): string[] =>
  keysNow()
    .split(",")
    .map((entry) => entry.split(":")[0] ?? "");
const TOOL = "src/cli/rotate-keys.ts";

interface Ran {
  readonly code: number;
  readonly printed: string;
}

function rotate(
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  // Without an account: were the tool to try, no real secret could change.
  const { CLOUDFLARE_API_TOKEN: _, CLOUDFLARE_API_KEY: _key, ...env } = process.env;
  const options = {
    cwd: folder,
    env: { ...env, CI: "1", HOME: folder, XDG_CONFIG_HOME: folder, ...more },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [TOOL, ...args], options, (error, out, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, printed: out + errors }),
    );
  });
}

/** No key of the ring is in what was printed, there or by the server. */
function expectNoKey(printed: string): void {
  for (const entry of keysNow().split(",")) {
    const key = entry.slice(entry.indexOf(":") + 1);
    expect(key.length).toBeGreaterThan(40);
    expect(printed + served.log()).not.toContain(key.slice(0, 40));
  }
}

it("puts a new key first and seals all anew under it, while the server runs on", async () => {
  const { code, printed } = await rotate(["--url", served.origin]);
  const [first = "", ...behind] = idsNow();
  expect([code, behind]).toEqual([0, ["k1"]]);
  expect(printed).toContain(`${MANY} sealed anew under key "${first}"`);
  expect(printed).toContain("30 days");
  expect(counts()).toEqual({ [first]: MANY });
  expectNoKey(printed);
}, 120_000);

it("is stopped as soon as the key is there, and goes on with the same key", async () => {
  const stopped = spawn(process.execPath, [TOOL, "--url", served.origin], { cwd: folder });
  await new Promise<void>((resolve) => {
    stopped.stdout.on(
      "data",
      (chunk) => String(chunk).includes("is first now") && stopped.kill("SIGKILL"),
    );
    stopped.once("close", () => resolve());
  });
  const ids = idsNow();
  expect(ids).toHaveLength(3);
  const { code, printed } = await rotate(["--url", served.origin, "--resume", "1"]);
  expect([code, idsNow()]).toEqual([0, ids]);
  expect(counts()).toEqual({ [ids[0] ?? ""]: MANY });
  expectNoKey(printed);
}, 120_000);

it("touches nothing of a server that seals under another key than the ring it is given", async () => {
  // An old copy of the ring, set as the secret, would drop the key that everything is sealed under.
  const url = `http://127.0.0.2:${(elsewhere.address() as AddressInfo).port}`;
  const before = [keysNow(), counts()];
  for (const ring of [K1, keyOf("k9", 99)]) {
    const { code, printed } = await rotate(["--url", url], { KEYS: ring });
    expect(code).toBe(1);
    expect(printed).toContain("Nothing was changed");
    expect(existsSync(join(folder, ".keys"))).toBe(false);
  }
  expect([keysNow(), counts()]).toEqual(before);
}, 60_000);

it.each([
  ["quotes", (ring: string) => `KEYS="${ring}" # the ring`],
  ["export", (ring: string) => `export KEYS=${ring}`],
])(
  "finds the ring behind %s, as make dev does",
  async (_, write) => {
    const before = idsNow();
    const text = readFileSync(vars, "utf8");
    writeFileSync(
      vars,
      text.replace(/^.*KEYS=.*$/m, () => write(keysNow())),
    );
    const { code, printed } = await rotate(["--url", served.origin]);
    const [first = "", ...behind] = idsNow();
    expect([code, behind]).toEqual([0, before]);
    expect(counts()).toEqual({ [first]: MANY });
    expectNoKey(printed);
  },
  120_000,
);

it("resumes for 1 alone, and says so of what is neither yes nor no", async () => {
  const url = `http://127.0.0.2:${(elsewhere.address() as AddressInfo).port}`;
  // It would be asked whether it is the same server, which is left out where a rotation goes on.
  for (const resume of ["", "0"]) {
    const { code, printed } = await rotate(["--url", url, "--resume", resume], { KEYS: K1 });
    expect([code, printed]).toEqual([1, expect.stringContaining("Nothing was changed")]);
  }
  for (const resume of ["no", "true", "01"]) {
    const { code, printed } = await rotate(["--url", url, "--resume", resume], { KEYS: K1 });
    expect(code).toBe(1);
    expect(printed).toContain(`Stopped: RESUME must be 1 to go on, or 0, not "${resume}"\n`);
  }
}, 60_000);

it.each(["garbage", "ftp://mcp.example.com"])("says that %s is no address", async (url) => {
  const { code, printed } = await rotate(["--url", url]);
  expect([code, printed.split("\n")[0]]).toEqual([
    1,
    `Stopped: URL must be an address such as https://name.example, not "${url}"`,
  ]);
});

it("leaves the copy of a deployed server's keys to its owner, whoever could read the file before", async () => {
  const file = join(folder, ".keys");
  writeFileSync(file, `${keysNow()}\n`, { mode: 0o644 });
  const url = `http://127.0.0.2:${(elsewhere.address() as AddressInfo).port}`;
  // Without an account wrangler sets no secret.
  const ran = await rotate(["--url", url], { KEYS: keysNow() });
  expect(ran.printed).toContain("for you alone to read");
  expect(readFileSync(file, "utf8").trim().split(",")).toHaveLength(idsNow().length + 1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  rmSync(file);
}, 60_000);

it("overwrites no copy of another ring, which may be the only one", async () => {
  const file = join(folder, ".keys");
  const url = `http://127.0.0.2:${(elsewhere.address() as AddressInfo).port}`;
  const kept = `${keyOf("k9", 99)},${keysNow()}\n`;
  writeFileSync(file, kept);
  const { code, printed } = await rotate(["--url", url], { KEYS: keysNow() });
  expect([code, printed]).toEqual([
    1,
    expect.stringContaining("Stopped: .keys holds another ring"),
  ]);
  expect(readFileSync(file, "utf8")).toBe(kept);
  expectNoKey(printed);
  rmSync(file);
}, 60_000);

it("goes round until nothing is left: who still had the old ring wrote behind it", async () => {
  const current = idsNow()[0] ?? "";
  // A server may say anything.
  const unreadable = { 'key.missing "gone"\u001B[2J': 2 };
  const pages = [
    { current, next: "a", resealed: 3, unreadable },
    { current, resealed: 2, unreadable: {} },
    { current, resealed: 1, unreadable },
    { current, resealed: 0, unreadable },
  ];
  const afters: string[] = [];
  const stand = createServer((incoming, answer) => {
    incoming.once("data", (chunk) =>
      afters.push((JSON.parse(String(chunk)) as { after: string }).after),
    );
    incoming.once("end", () =>
      answer.end(JSON.stringify(pages.shift() ?? { error: "asked once too often" })),
    );
  });
  await new Promise<void>((resolve) => stand.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(stand.address() as AddressInfo).port}`;
  const { code, printed } = await rotate(["--url", url, "--resume", "1"]);
  stand.close();
  expect(afters).toEqual(["", "a", "", ""]);
  expect(printed).toContain(`6 sealed anew under key "${current}"`);
  expect([code, printed]).toEqual([
    1,
    expect.stringContaining('2 left as they were, for they do not open: key.missing "gone"[2J\n'),
  ]);
}, 60_000);

it.each<[string, (current: string) => string, number, RegExp]>([
  [
    "always has more",
    (current) => JSON.stringify({ current, resealed: 1, unreadable: {} }),
    100,
    /^Stopped: the server had more to seal anew in each of 100 rounds$/m,
  ],
  [
    "says more than a page can hold",
    (current) =>
      JSON.stringify({ current, resealed: 0, unreadable: {}, padding: "x".repeat(70_000) }),
    1,
    /^Stopped: .* answers with more than 65536 bytes\. Nothing was changed/m,
  ],
])(
  "ends with a server that %s",
  async (_, answerWith, requests, says) => {
    let asked = 0;
    const stand = createServer((incoming, answer) => {
      asked += 1;
      incoming.resume();
      incoming.once("end", () => answer.end(answerWith(idsNow()[0] ?? "")));
    });
    await new Promise<void>((resolve) => stand.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(stand.address() as AddressInfo).port}`;
    const { code, printed } = await rotate(["--url", url, "--resume", requests === 1 ? "0" : "1"]);
    stand.close();
    expect([code, asked]).toEqual([1, requests]);
    expect(printed).toMatch(says);
  },
  60_000,
);
