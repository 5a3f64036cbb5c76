// `make dev` with its wire view, as a person has it: a real login and real calls in both eras, and what the view keeps of them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { callTool, connectClient } from "../../client/callers.node.ts";
import { linesWithSecrets, registerSecrets } from "../../client/secrets.node.ts";
import { copyRepository, type Terminal } from "../dev.node.ts";
import { login } from "../../../src/cli/login.ts";
import type { Changes } from "../../../src/cli/wire-view/entry-store.ts";
import type { ExchangeEntry, WireEntry } from "../../../src/cli/wire-view/entries.ts";
import { freePort } from "../../tools/worker.node.ts";

const copy = copyRepository();
let terminal: Terminal;
let server = "";
let port = 0;
let token = "";
let key = "";
let passphrase = "";

beforeAll(async () => {
  port = await freePort();
  server = `http://localhost:${port}`;
  terminal = copy.dev(`PORT=${port}`);
  const printed = await terminal.until(/^Served at .*\n/);
  key = /live: (.*)\/wire#([0-9a-f]{32})\n/.exec(printed)?.[2] ?? "";
  expect(printed).toContain(`live: ${server}/wire#${key}\n`);
  passphrase =
    /# passphrase: (\S+)/.exec(readFileSync(join(copy.folder, ".dev.vars"), "utf8"))?.[1] ?? "";
  const tokens = await login(server, { passphrase });
  token = tokens.access_token;
  registerSecrets(passphrase, token, tokens.refresh_token);
  for (const mode of ["auto", "legacy"] as const) {
    const client = await connectClient(new URL(`${server}/mcp`), mode, token);
    await callTool(client, "add_numbers", { a: 2, b: 40 });
    await client.close();
  }
}, 150_000);

afterAll(() => terminal?.stop());

/** Asks the view as its page does. */
function askView(path: string, value: object): Promise<Response> {
  const headers = { "content-type": "application/json", "wire-view-key": key };
  return fetch(`${server}/wire/${path}`, { method: "POST", headers, body: JSON.stringify(value) });
}

async function entries(): Promise<readonly WireEntry[]> {
  return ((await (await askView("records", {})).json()) as Changes).entries;
}

/** The newest exchange whose title holds `words`, once it has ended. */
async function exchangeOf(words: string): Promise<ExchangeEntry> {
  for (;;) {
    const found = (await entries()).findLast(
      (entry) => entry.kind === "exchange" && entry.title.includes(words),
    );
    if (found?.kind === "exchange" && found.state === "ended") return found;
    await new Promise((passed) => setTimeout(passed, 20));
  }
}

it("lists requests of both eras, events, and objects, each with what belongs to it", async () => {
  const stateless = await exchangeOf("tools/call add_numbers #0");
  expect(stateless).toMatchObject({ method: "POST", status: 200, era: "stateless", session: "" });
  expect(stateless.responseBody).toContain('"sum":42');
  for (const id of ["tools.input.validate", "tools.structured.text", "stateless.context"])
    expect(stateless.ids).toContain(id);
  // The branch was not taken: the tool asked nothing.
  expect(stateless.ids).not.toContain("mrtr.methods.supported");
  const all = await entries();
  const initialized = all.find((entry) => entry.title.includes("initialize #"));
  expect(initialized).toMatchObject({
    era: "session",
    session: expect.stringMatching(/^\w{8}$/) as string,
  });
  const session = { session: initialized?.session };
  const object = { kind: "object", object: "Session", objectId: session.session };
  expect(all).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ ...object, title: "woke up" }),
      expect.objectContaining({ ...object, method: "handlePost" }),
      expect.objectContaining({ kind: "object", object: "Grant", method: "redeem" }),
      expect.objectContaining({ kind: "event", ...session }),
    ]),
  );
});

it("what ran for a login is not what ran for a call", async () => {
  const redeemed = await exchangeOf("/token");
  const called = await exchangeOf("tools/call add_numbers #0");
  for (const id of ["code.valid", "code.verifier.method"]) {
    expect(redeemed.ids).toContain(id);
    expect(called.ids).not.toContain(id);
  }
  expect(redeemed.ids).not.toContain("tools.input.validate");
  expect(redeemed.ids).not.toContain("refresh.valid");
});

it("of a login and of calls it keeps no secret", async () => {
  // What a client may send by mistake, too: in the address, in a form, in JSON, and where nobody asked for it.
  const stray = "stray-Secret_0123456789abcdef";
  registerSecrets(stray);
  const headers = { authorization: `Bearer ${stray}`, cookie: `a=${stray}`, "x-api-key": stray };
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: stray,
    code_verifier: stray,
    client_secret: stray,
  });
  await fetch(`${server}/token?code=${stray}`, { method: "POST", headers, body: form });
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 99,
    method: "tools/call",
    params: { name: "stray", requestState: stray, arguments: { password: stray } },
  });
  const type = { "content-type": "application/json" };
  await fetch(`${server}/mcp`, { method: "POST", headers: { ...headers, ...type }, body });
  await exchangeOf("tools/call stray #99");
  const kept = await (await askView("records", {})).text();
  // The keys of this server, as they stand in its settings.
  const vars = readFileSync(join(copy.folder, ".dev.vars"), "utf8");
  registerSecrets(/^KEYS=\w+:(.*)$/m.exec(vars)?.[1], /^PASSPHRASE=(.*)$/m.exec(vars)?.[1]);
  const lines = JSON.stringify(JSON.parse(kept), undefined, 1);
  expect(linesWithSecrets(lines)).toEqual([]);
  expect(kept).toContain("[redacted:PASSPHRASE]");
});

/** The status of a request that names itself as `headers` say, which `fetch` would not let it do. */
function statusOf(method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once("error", reject).end();
  });
}

it.each(["/wire", "/wire/", "/wire/records", "/wire/curl", "/wire/report", "/wire/nothing"])(
  "%s is for this machine, and for no page of another origin",
  async (path) => {
    const own = `localhost:${port}`;
    expect(await statusOf("GET", path, { host: "evil.example" })).toBe(403);
    expect(await statusOf("GET", path, { host: own, origin: "http://evil.example" })).toBe(403);
    expect(await statusOf("GET", path, { host: own, "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await statusOf("GET", path, { host: own, "x-forwarded-for": "192.0.2.1" })).toBe(403);
    const response = await fetch(server + path);
    expect(response.status).not.toBe(403);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect(response.headers.get("content-security-policy") ?? "").not.toContain("unsafe-eval");
  },
);

// As nginx sends what a stranger asks of it, with `proxy_pass http://localhost:8787;` and nothing else.
it.each(["records", "replay", "curl", "nothing"])(
  "%s: a stranger's POST is refused",
  async (path) => {
    const headers = { host: `localhost:${port}`, "content-type": "application/json" };
    const wrong = { ...headers, "wire-view-key": "0".repeat(32) };
    for (const sent of [headers, wrong])
      expect(await statusOf("POST", `/wire/${path}`, sent)).toBe(403);
    const right = await statusOf("POST", `/wire/${path}`, { ...headers, "wire-view-key": key });
    expect(right).not.toBe(403);
    const refused = await fetch(`${server}/wire/${path}`, { method: "POST", headers: wrong });
    expect(await refused.text()).toContain(`in its terminal, ${server}/wire#KEY`);
  },
);

// wrangler's proxy takes the address of a request from this header: the Worker sees localhost.
it.each([
  ["GET", {}, 404],
  ["POST", { origin: "http://evil.example" }, 403],
  ["POST", { origin: "null" }, 403],
  ["POST", {}, 403],
])("a rebound name that names another reads nothing: %s %o", async (method, origin, status) => {
  const headers = {
    host: "evil.example",
    "mf-original-url": `${server}/wire/records`,
    "sec-fetch-site": "same-origin",
    "content-type": "application/json",
    "wire-view-key": key,
    ...origin,
  };
  expect(await statusOf(method, "/wire/records", headers)).toBe(status);
});

it("sends again what held no secret, says what is missing of what did, and takes it", async () => {
  const replay = async (n: number, secrets = {}): Promise<unknown> =>
    (await askView("replay", { n, secrets })).json();
  const discovered = await exchangeOf("/.well-known/oauth-authorization-server");
  expect(await replay(discovered.n)).toEqual({ status: 200 });
  const called = await exchangeOf("tools/call add_numbers #0");
  expect(await replay(called.n)).toMatchObject({ missing: ["TOKEN"] });
  expect(await replay(called.n, { TOKEN: token })).toEqual({ status: 200 });
  const again = await exchangeOf("tools/call add_numbers #0");
  expect(again.n).toBeGreaterThan(called.n);
  expect(again.responseBody).toBe(called.responseBody);
  const command = await (await askView("curl", { n: called.n })).text();
  expect(command).toContain(`TOKEN="$(make -s token PORT=${port})"\ncurl `);
  expect(await (await askView("curl", { n: 99_999 })).text()).toContain("no longer kept");
});

it("an entry leads to its source, or to the report where there is one", async () => {
  const requirement = (id: string): Promise<Response> =>
    fetch(`${server}/wire/requirement?id=${id}`, { redirect: "manual" });
  // The copy has no spec/ yet.
  expect((await requirement("sse.one")).status).toBe(404);
  for (const [path, text] of [
    [
      "spec/revisions.json",
      '{"revisions":["2026-07-28"],"sources":{"rfc":{"pattern":"^rfc:(?<page>\\\\d+)$","url":"https://rfc.example/{page}"}}}',
    ],
    ["spec/requirements/a.json", '[{"id":"sse.one","source":"rfc:7636"}]'],
  ] as const)
    place(path, text);
  expect((await requirement("sse.one")).headers.get("location")).toBe("https://rfc.example/7636");
  place("dist/spec/index.html", "<p id=sse.one>The report");
  expect((await requirement("sse.one")).headers.get("location")).toBe("/wire/report#sse.one");
  expect(await (await fetch(`${server}/wire/report`)).text()).toBe("<p id=sse.one>The report");
});

function place(path: string, text: string): void {
  mkdirSync(join(copy.folder, path, ".."), { recursive: true });
  writeFileSync(join(copy.folder, path), text);
}

it("a save is served and watched anew, and what was kept stays", async () => {
  const before = await exchangeOf("/.well-known/oauth-authorization-server");
  const mend = copy.plant("src/app/tools/add-numbers.ts", "Adds two numbers", "Adds two");
  await terminal.until(/^Served at .*\n/);
  await fetch(`${server}/after-the-save`);
  const after = await exchangeOf("/after-the-save");
  expect(after.ids.length).toBeGreaterThan(0);
  expect((await entries()).some(({ n }) => n === before.n)).toBe(true);
  mend();
  await terminal.until(/^Served at .*\n/);
});
