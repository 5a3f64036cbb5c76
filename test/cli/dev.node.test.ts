// `make dev` and `make token` as a person runs them, in a copy whose wrangler.toml is a deployment's: mistakes are made
// and mended while it runs, and it is started again with another port, another migration, and without its state.
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect as dial } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { callTool, connectClient } from "../client/callers.node.ts";
import { copyRepository, type Terminal } from "./dev.node.ts";
import { login } from "../../src/cli/login.ts";
import { freePort } from "../tools/worker.node.ts";

/** Several waits, each of them as long as a busy machine takes. */
const LONG = 300_000;
const copy = copyRepository();
const vars = join(copy.folder, ".dev.vars");
const [port, other] = [await freePort(), await freePort()];
const server = `http://localhost:${port}`;
let terminal: Terminal;
let token = "";

const served = (at: number): string => `^Served at http://localhost:${at}/mcp\\n`;
const ports = (at: number): string => `PORT=${at}`;

/** As README's Deploy has it set, and more that a deployment may have. What this one has set itself stays as it is. */
function deploy(): void {
  const file = join(copy.folder, "wrangler.toml");
  const settings = {
    PUBLIC_URL: "https://mcp.example.com",
    IDENTITY: "https://old.example.com",
    JURISDICTION: "eu",
    LOCATION_HINT: "weur",
    AUTH_ISSUER: "https://issuer.example.com",
    ACCEPT_ANY_JWT_TYPE: "1",
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example.com",
  };
  const before = readFileSync(file, "utf8");
  const isMissing = (name: string): boolean => !new RegExp(`^${name}\\s*=`, "m").test(before);
  const lines = Object.entries(settings).flatMap(([name, value]) =>
    isMissing(name) ? [`${name} = "${value}"`] : [],
  );
  const domain = 'routes = [{ pattern = "mcp.example.com", custom_domain = true }]\n';
  const text = before
    .replaceAll(
      /"0{8}-0000-0000-0000-00000000000([01])"/g,
      '"1234567$1-89ab-cdef-0123-456789abcdef"',
    )
    .replace(/^\[vars\]$/m, ["[vars]", ...lines].join("\n"))
    .replace(/^main = /m, `${/^(\[\[)?routes\b/m.test(before) ? "" : domain}$&`)
    .replace(/^ip = .*$/m, 'ip = "0.0.0.0"');
  writeFileSync(file, text);
  for (const name of [...Object.keys(settings), "ip"])
    expect(text.match(new RegExp(`^${name}\\s*=\\s*".+"$`, "gm"))).toHaveLength(1);
  expect(text).toMatch(/^(\[\[)?routes\b/m);
  expect(text).not.toContain('"00000000-');
}

/** The body of a GET as JSON, where the request names another host than it goes to. */
function getJson(at: number, path: string, host: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port: at, path, headers: { host } }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(JSON.parse(text) as Record<string, unknown>));
    })
      .once("error", reject)
      .end();
  });
}

async function call(
  address: string,
  name: string,
  args: Record<string, unknown> = {},
): Promise<string> {
  const client = await connectClient(new URL(`${address}/mcp`), "auto", token);
  try {
    return (await callTool(client, name, args)).text;
  } finally {
    await client.close();
  }
}

it(
  "serves on this machine, whatever wrangler.toml says of a deployment",
  { timeout: LONG },
  async () => {
    deploy();
    terminal = copy.dev(ports(port));
    const printed = await terminal.until(served(port));
    expect(printed).toContain("Making the tables");
    expect(printed).toContain(`claude mcp add --transport http barewire ${server}/mcp`);
    const passphrase = /^Passphrase to sign in: (\S+)$/m.exec(printed)?.[1];
    expect(readFileSync(vars, "utf8")).toContain(`# passphrase: ${passphrase}\n`);
    expect(statSync(vars).mode & 0o777).toBe(0o600);
    for (const name of [`localhost:${port}`, `127.0.0.1:${port}`])
      expect(await getJson(port, "/.well-known/oauth-protected-resource/mcp", name)).toMatchObject({
        resource: `http://${name}/mcp`,
        authorization_servers: [`http://${name}`],
      });
    // All of 127.0.0.0/8 would be reached if it listened on more than the one address.
    await expect(
      new Promise((resolve, reject) =>
        dial(port, "127.0.0.2", () => resolve("open")).once("error", reject),
      ),
    ).rejects.toThrow("ECONNREFUSED");
  },
);

// Of these, wrangler serves the first by default: it reads and writes every object and database, and asks for no token.
it.each([
  "/cdn-cgi/explorer",
  "/cdn-cgi/explorer/api/local/workers",
  "/cdn-cgi/explorer/api/d1/database",
  "/cdn-cgi/explorer/api/workers/durable_objects/namespaces",
  "/cdn-cgi/explorer/api/local/observability/query",
  "/cdn-cgi/local/explorer/api/d1/database",
  "/cdn-cgi/local/r2/public",
  "/cdn-cgi/local/r2/s3",
  "/cdn-cgi/mf/stream",
  "/cdn-cgi/mf/imagedelivery",
  "/__cf_local/imageupload",
  "/cdn-cgi/ProxyWorker/play",
  "/cdn-cgi/live-reload",
])("serves nothing but the Worker at %s", async (path) => {
  for (const method of ["GET", "POST"]) {
    const response = await fetch(server + path, { method });
    expect([response.status, await response.text()]).toEqual([
      404,
      expect.stringContaining("Nothing is served at"),
    ]);
  }
});

// Not to be switched off, but they reach nothing: the Worker handles no such events, and nobody has the proxy's secret.
it.each([
  ["/cdn-cgi/local/scheduled"],
  ["/cdn-cgi/handler/scheduled"],
  ["/cdn-cgi/mf/scheduled"],
  ["/cdn-cgi/handler/email?from=a@a.test&to=b@b.test"],
  ["/cdn-cgi/local/platform-proxy", { "MF-Op": "GET", "MF-Op-Target": "1", "MF-Op-Key": "VAULT" }],
  [
    "/cdn-cgi/local/platform-proxy",
    { "MF-Op": "GET", "MF-Op-Secret": "00".repeat(16), "MF-Op-Target": "1" },
  ],
])("nothing answers at %s", async (path, headers: Record<string, string> = {}) => {
  for (const method of ["GET", "POST"]) {
    const { status, headers: answered } = await fetch(server + path, { method, headers });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(answered.get("access-control-allow-origin")).toBeNull();
  }
});

it(
  "make token prints a token alone, good at every name of this machine, and leaves one grant",
  { timeout: LONG },
  async () => {
    const first = await copy.make("token", ports(port));
    const second = await copy.make("token", ports(port));
    for (const { code, out, errors } of [first, second])
      expect({ code, out, errors }).toEqual({
        code: 0,
        out: expect.stringMatching(/^[\w.~+/-]+\n$/) as string,
        errors: "",
      });
    token = second.out.trim();
    expect(await call(server, "remember", { text: "Born in Uppsala" })).toBe(
      "Remembered, as a fact.",
    );
    expect(await call(`http://127.0.0.1:${port}`, "recall")).toContain("Born in Uppsala");
    const log = await terminal.until(/"event":"oauth.token_issued".*"cause":"refresh".*\n/);
    expect(log.match(/"event":"oauth.granted"/g)).toHaveLength(1);
    const [file = ""] = readdirSync(join(copy.folder, ".wrangler")).filter((name) =>
      name.startsWith("token-"),
    );
    expect(statSync(join(copy.folder, ".wrangler", file)).mode & 0o777).toBe(0o600);
  },
);

it(
  "a wrong passphrase is sent once, and what the page says is said",
  { timeout: LONG },
  async () => {
    await expect(login(server, { passphrase: "wrong" })).rejects.toThrow(
      "Refused (403): That is not the passphrase.",
    );
    await call(server, "recall");
    const log = await terminal.until(/"reason":"sign_in.rejected".*\n/);
    expect(log.match(/sign_in.rejected/g)).toHaveLength(1);
  },
);

it("a port in use is told at once, with what to do", { timeout: LONG }, async () => {
  const says = `Port ${port} is in use: end what listens there, or choose another with PORT=${port + 1}.\n`;
  const { code, printed } = await copy.dev(ports(port)).ended();
  expect(code).not.toBe(0);
  expect(printed.startsWith(says)).toBe(true);
});

const ADD = "src/app/tools/add-numbers.ts";
it.each<[what: string, file: string, from: string | RegExp, to: string, says: string]>([
  [
    "a tool's name",
    ADD,
    '"add_numbers"',
    '"add numbers"',
    `${ADD}:5: Tool "add numbers": its name must be 1 to 128 of`,
  ],
  [
    "an input that is no object",
    ADD,
    /input: (.*),$/m,
    'input: jsonSchema({ type: "array", items: {} }),',
    `${ADD}:5: Tool "add_numbers": its input schema must have type "object"`,
  ],
  // Made with the first request, not when the module is loaded.
  [
    "a tool made of settings",
    "src/app/tools/whoami.ts",
    '"whoami"',
    '""',
    'src/app/tools/whoami.ts:7: Tool "": its name must be',
  ],
  ["what cannot be parsed", ADD, "handler", "handler handler", `${ADD}:10:`],
  ["wrangler.toml", "wrangler.toml", "[vars]", "[[[vars]", "wrangler.toml:"],
  [
    "KEYS",
    ".dev.vars",
    /^KEYS=.*$/m,
    "KEYS=dev:short",
    '✘ Configuration: KEYS: Key "dev" is not 32 bytes of base64\n',
  ],
  [
    "a passphrase as it is",
    ".dev.vars",
    /^PASSPHRASE=.*$/m,
    "PASSPHRASE=open-sesame",
    "✘ Configuration: PASSPHRASE must be what",
  ],
])(
  "%s that is wrong ends nothing, is told in few lines, and the next save is served",
  { timeout: LONG },
  async (_, file, from, to, says) => {
    const mend = copy.plant(file, from, to);
    try {
      const printed = await terminal.until(/^Not served .*\n/);
      expect(printed).toContain(says);
      expect(printed).not.toContain("open-sesame");
      expect(printed.split("\n").length).toBeLessThan(15);
    } finally {
      mend();
      await terminal.until(served(port));
    }
    expect(await call(server, "add_numbers", { a: 2, b: 40 })).toBe('{"sum":42}');
  },
);

it(
  "settings that were saved while the entry could not be read are in force once it can",
  { timeout: LONG },
  async () => {
    const mendSettings = copy.plant(".dev.vars", /$/, "HANDLER_SECONDS=never\n");
    let mendEntry = (): void => undefined;
    try {
      expect(await terminal.until(/^Not served .*\n/)).toContain("HANDLER_SECONDS");
      mendEntry = copy.plant("src/index.ts", /$/, "}}}\n");
      await terminal.until(/^Not served .*\n/);
      mendSettings();
      expect(await terminal.until(/^Not served .*\n/)).toContain("index.ts");
    } finally {
      mendSettings();
      mendEntry();
      await terminal.until(served(port));
    }
  },
);

it(
  "a bundle whose folder was swept away by another wrangler is made in a new one",
  { timeout: LONG },
  async () => {
    const folder = join(copy.folder, ".wrangler/tmp");
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    const mend = copy.plant(ADD, /$/, "\n");
    await terminal.until(served(port));
    expect(readdirSync(folder)).not.toEqual([]);
    mend();
    await terminal.until(served(port));
  },
);

it(
  "a .dev.vars that was moved away ends nothing, and is in force once it is back",
  { timeout: LONG },
  async () => {
    const aside = join(copy.folder, "aside");
    renameSync(vars, aside);
    const mend = copy.plant("wrangler.toml", /$/, "# saved meanwhile\n");
    try {
      expect(await terminal.until(/^Not served .*\n/)).toContain("✘ Configuration: KEYS");
    } finally {
      renameSync(aside, vars);
      mend();
      await terminal.until(served(port));
    }
  },
);

/** Nothing but lines of the log, and make's own: it ends as quietly as it served. */
function expectQuiet(printed: string): void {
  for (const line of printed.split("\n")) expect(line).toMatch(/^(\{.*\}|make: .*)?$/);
}

it(
  "starts again without making tables; behind a tunnel it has the tunnel's address",
  { timeout: LONG },
  async () => {
    expectQuiet(await terminal.stop());
    terminal = copy.dev(ports(other), "URL=https://quiet-fox.example.net/");
    const printed = await terminal.until("^Served at https://quiet-fox.example.net/mcp\\n");
    expect(printed).not.toContain("Making the tables");
    expect(printed).toContain("$(make -s token URL=https://quiet-fox.example.net)");
    expect(
      await getJson(other, "/.well-known/oauth-authorization-server", "quiet-fox.example.net"),
    ).toMatchObject({
      issuer: "https://quiet-fox.example.net",
    });
    // Another port, another name: the same server.
    expect(await call(`http://127.0.0.1:${other}`, "recall")).toContain("Born in Uppsala");
    // The passphrase is for the server that was asked, and localhost says that it is another.
    const { code, errors } = await copy.make("token", ports(other));
    expect(code).toBe(2);
    expect(errors).toContain(
      `No token: http://localhost:${other} names another server, https://quiet-fox.example.net, as its resource`,
    );
    expectQuiet(await terminal.stopRuntimeFirst());
  },
);

it("knows which tables were made", async () => {
  const state = join(copy.folder, ".wrangler/state");
  const { isMigrated } = (await import(join(copy.folder, "src/cli/databases.ts"))) as {
    isMigrated: (folder: string) => boolean;
  };
  expect(isMigrated(state)).toBe(true);
  const added = join(copy.folder, "src/app/migrations/0002_more.sql");
  writeFileSync(added, "CREATE TABLE more (id TEXT PRIMARY KEY);\n");
  expect(isMigrated(state)).toBe(false);
  rmSync(added);
  expect(isMigrated(state)).toBe(true);
  const mend = copy.plant("src/app/migrations/0001_users.sql", /$/, "-- changed\n");
  expect(isMigrated(state)).toBe(false);
  mend();
  const files = readdirSync(join(state, "v3/d1"), { recursive: true }).map(String);
  for (const file of files.filter((name) => name.endsWith(".sqlite"))) {
    const path = join(state, "v3/d1", file);
    renameSync(path, `${path}.gone`);
    expect(isMigrated(state), file).toBe(false);
    renameSync(`${path}.gone`, path);
  }
  expect(isMigrated(state)).toBe(true);
  rmSync(state, { recursive: true });
  expect(isMigrated(state)).toBe(false);
});

it(
  "begins anew without its state, waits while it is broken from the start, and keeps the passphrase",
  { timeout: LONG },
  async () => {
    const before = readFileSync(vars, "utf8");
    const mendName = copy.plant(ADD, '"add_numbers"', '"add numbers"');
    const mendText = copy.plant(ADD, "handler", "handler handler");
    terminal = copy.dev(ports(port));
    const printed = await terminal.until(/^Not served .*\n/);
    expect(printed).toContain("Making the tables");
    expect(printed).toContain(`${ADD}:10:`);
    // From a bundle that cannot be made to a Worker that cannot start, and only then to one that serves.
    mendText();
    expect(await terminal.until(/^Not served .*\n/)).toContain(
      `✘ ${ADD}:5: Tool "add numbers": its name`,
    );
    mendName();
    await terminal.until(served(port));
    expect(readFileSync(vars, "utf8")).toBe(before);
    const { code, out } = await copy.make("token", ports(port));
    expect(code).toBe(0);
    token = out.trim();
    expect(await call(server, "recall")).toBe("Nothing is remembered yet.");
    terminal.crash();
    // The Worker's, and that of the port, which stands before it.
    await terminal.until(/(^.*The Workers runtime crashed .*\n){2}/);
    await terminal.stop();
  },
);

it.each([
  [["PORT=many"], 'PORT must be 1 to 65535, not "many".\n'],
  [["PORT=70000"], 'PORT must be 1 to 65535, not "70000".\n'],
  [
    ["URL=quiet-fox.example.net"],
    'URL must be an address such as https://name.example, not "quiet-fox.example.net"\n',
  ],
])("%j cannot be served, and that is said", async (args, says) => {
  const { code, printed } = await copy.dev(...args).ended();
  expect(code).not.toBe(0);
  expect(printed.startsWith(says)).toBe(true);
});

it("make token says when nobody answers", async () => {
  const { code, out, errors } = await copy.make("token", ports(other));
  expect([code, out]).toEqual([2, ""]);
  expect(errors).toContain(`No token: nobody answers at http://localhost:${other}`);
});
