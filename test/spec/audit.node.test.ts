// The second runner, as a program, against a small HTTP server: green for right answers, red for each planted fault.
import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import type { Json, JsonObject } from "./format.ts";
import { mismatch } from "./match.ts";
import { rows } from "./matchers.ts";
import { readForm, readLocation } from "./page.ts";

type Matches = (expected: Json, actual: Json | undefined, kept: JsonObject) => boolean;
// Plain JavaScript without types: named by an address, so that nothing infers them.
const { matches } = (await import(
  new URL("../../spec/runner/match.mjs", import.meta.url).href
)) as {
  matches: Matches;
};
type Reader = (text: string, base: URL) => Json | undefined;
const web = (await import(new URL("../../spec/runner/web.mjs", import.meta.url).href)) as {
  formOf: Reader;
  locationOf: Reader;
};
const AUDIT = fileURLToPath(new URL("../../spec/runner/audit.mjs", import.meta.url));
const REVISION = "2026-07-28";
const NEW = "io.modelcontextprotocol/";
type Answer = { status: number; body: JsonObject };

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** Answers everything as server/discover is answered, as JSON or as `write` writes it; `fault` spoils the answers. */
async function serve(
  fault: (answer: Answer) => void,
  write?: (message: string) => string,
): Promise<string> {
  const started = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString() || "{}";
      const { id = 0 } = JSON.parse(text) as { id?: Json };
      const result = {
        resultType: "complete",
        supportedVersions: [REVISION],
        capabilities: {},
        ttlMs: 0,
        cacheScope: "public",
        _meta: { [`${NEW}serverInfo`]: { name: "fake", version: "1" } },
      };
      const answer: Answer = { status: 200, body: { jsonrpc: "2.0", id, result } };
      fault(answer);
      const message = JSON.stringify(answer.body);
      response
        .writeHead(answer.status, {
          "Content-Type": write === undefined ? "application/json" : "text/event-stream",
        })
        .end(write?.(message) ?? message);
    });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/mcp`;
}

async function audit(...flags: string[]): Promise<{ code: number; out: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [AUDIT, ...flags], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out: out + err });
    });
  });
}

test("the two runners match alike", () => {
  const kept = { kept: { deep: [1] }, word: "a.b" };
  for (const [expected, actual] of rows()) {
    const first = mismatch(expected, actual, new Map(Object.entries(kept))) === undefined;
    expect(matches(expected, actual, { ...kept }), JSON.stringify([expected, actual])).toBe(first);
  }
});

test("the two runners read pages and redirects alike", () => {
  const base = new URL("https://fake.test/a/b");
  const form = `<form action=c METHOD='Post'><input name="x" value='&lt;&#38;&#x27;'><input type=radio name=r value=1><input type=hidden name=h></form>`;
  const read = { action: "https://fake.test/a/c", method: "POST", fields: { x: "<&'", h: "" } };
  expect([readForm(form, base), web.formOf(form, base)]).toEqual([read, read]);
  expect([readForm("<p>no form", base), web.formOf("<p>no form", base)]).toEqual([
    undefined,
    undefined,
  ]);
  for (const [value, parts] of [
    [
      "https://x.test/cb?a=1&a=2&b=%26#f",
      { url: "https://x.test/cb", query: { a: ["1", "2"], b: "&" }, fragment: "f" },
    ],
    ["/here?x=?y", { url: "https://fake.test/here", query: { x: "?y" } }],
    ["com.example:/cb", { url: "com.example:/cb", query: {} }],
    ["https://x.test/#", { url: "https://x.test/", query: {} }],
  ] as const)
    expect([readLocation(value, base), web.locationOf(value, base)], value).toEqual([parts, parts]);
});

test("a right server passes", async () => {
  const url = await serve(() => undefined);
  const { code, out } = await audit(url, "--only", "discover.an");
  expect(out).toMatch(/^\d+ pass, 0 fail, 0 setup, 0 untested/mu);
  expect(code).toBe(0);
});

test("lines of an event stream end where the HTML Standard says, and nowhere else", async () => {
  const separators = "fa\u2028ke\u2029\u0085";
  const rename = ({ body }: Answer): void => {
    const { _meta } = body["result"] as { _meta: JsonObject };
    _meta[`${NEW}serverInfo`] = { name: separators, version: "1" };
  };
  for (const [eol, space] of [
    ["\n", " "],
    ["\r\n", ""],
    ["\r", " "],
  ] as const) {
    const stream = (message: string): string =>
      [`: open${eol}`, `event:${space}message`, `data:${space}${message}`, eol].join(eol);
    const { code, out } = await audit(await serve(rename, stream), "--only", "discover.an");
    expect(out, JSON.stringify(eol)).toMatch(/^\d+ pass, 0 fail, 0 setup, 0 untested/mu);
    expect(code).toBe(0);
  }
});

test.each<[string, (answer: Answer) => void]>([
  ["the wrong status", (answer) => (answer.status = 500)],
  ["an empty body", (answer) => (answer.body = {})],
  ["two kinds of answer at once", (answer) => (answer.body["method"] = "both")],
  [
    "no version list",
    (answer) => delete (answer.body["result"] as JsonObject | undefined)?.["supportedVersions"],
  ],
])("a server with %s does not", async (_, fault) => {
  const { code, out } = await audit(await serve(fault), "--only", "discover.an", "--mode", "plain");
  expect(out).toMatch(/^(fail|setup) /mu);
  expect(code).toBe(1);
});

test("what a server says cannot command the terminal", async () => {
  const url = await serve((answer) => (answer.body["result"] = "both\u009B2J"));
  const { code, out } = await audit(url, "--only", "discover.an", "--mode", "plain");
  expect([code, out]).toEqual([1, expect.stringContaining("both 2J")]);
  expect(out.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});

test.each([
  [
    "a server that is not there",
    ["http://127.0.0.1:9/mcp"],
    "Nobody answers at http://127.0.0.1:9/mcp (bad port).\n",
  ],
  ["no server at all", [""], "Which server? Name it: make audit URL=https://mcp.example.com/mcp\n"],
  [
    "what is no address",
    ["mcp.example"],
    '"mcp.example" is no address: make audit URL=https://mcp.example.com/mcp\n',
  ],
])("%s is told in a sentence, and is no verdict", async (_, args, says) => {
  expect(await audit(...args)).toEqual({ code: 1, out: says });
});
