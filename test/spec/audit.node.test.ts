// The second runner, as a program, against a small HTTP server: green for right answers, red for each planted fault.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { audit, serve, stopAll } from "./audited.node.ts";
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
const { locationOf } = (await import(
  new URL("../../spec/runner/web.mjs", import.meta.url).href
)) as { locationOf: Reader };
const { formOf } = (await import(new URL("../../spec/runner/html.mjs", import.meta.url).href)) as {
  formOf: Reader;
};
const REVISION = "2026-07-28";
const NEW = "io.modelcontextprotocol/";
type Answer = { status: number; body: JsonObject };

afterEach(stopAll);

/** Answers everything as server/discover is answered, as JSON or as `write` writes it; `fault` spoils the answers. */
async function serveDiscover(
  fault: (answer: Answer) => void = () => undefined,
  write?: (message: string) => string,
): Promise<string> {
  const origin = await serve(({ body }, response) => {
    const { id = 0 } = JSON.parse(body || "{}") as { id?: Json };
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
    const type = write === undefined ? "application/json" : "text/event-stream";
    response.writeHead(answer.status, { "Content-Type": type }).end(write?.(message) ?? message);
  });
  return `${origin}/mcp`;
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
  expect([readForm(form, base), formOf(form, base)]).toEqual([read, read]);
  expect([readForm("<p>no form", base), formOf("<p>no form", base)]).toEqual([
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
    expect([readLocation(value, base), locationOf(value, base)], value).toEqual([parts, parts]);
});

test("a right server passes", async () => {
  const { code, out } = await audit([await serveDiscover(), "--only", "discover.an"]);
  expect(out).toMatch(/^Conversations: \d+ pass, 0 fail, 0 setup, 0 untested$/mu);
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
    const url = await serveDiscover(rename, stream);
    const { code, out } = await audit([url, "--only", "discover.an"]);
    expect(out, JSON.stringify(eol)).toMatch(
      /^Conversations: \d+ pass, 0 fail, 0 setup, 0 untested$/mu,
    );
    expect(code).toBe(0);
  }
});

const withoutVersions = (answer: Answer): void => {
  delete (answer.body["result"] as JsonObject | undefined)?.["supportedVersions"];
};

test.each<[string, (answer: Answer) => void]>([
  ["the wrong status", (answer) => (answer.status = 500)],
  ["an empty body", (answer) => (answer.body = {})],
  ["two kinds of answer at once", (answer) => (answer.body["method"] = "both")],
  ["no version list", withoutVersions],
])("a server with %s does not", async (_, fault) => {
  const url = await serveDiscover(fault);
  const { code, out } = await audit([url, "--only", "discover.an", "--mode", "plain"]);
  expect(out).toMatch(/^(?:fail|setup) |^Conversations that stopped/mu);
  expect(code).toBe(1);
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
  [
    "a revision that nobody wrote",
    ["https://mcp.example.com", "--revision", "1999-01-01"],
    '"1999-01-01" is no revision: 2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28 are\n',
  ],
  [
    "no number of seconds",
    ["https://mcp.example.com", "--seconds", "soon"],
    "SECONDS is soon: give a number over 0\n",
  ],
])("%s is told in a sentence, and is no verdict", async (_, args, says) => {
  expect(await audit(args)).toEqual({ code: 1, out: says });
});

test("a word that no exchange has is told", async () => {
  const { code, out } = await audit([await serveDiscover(), "--only", "nothing-like-it"]);
  expect(out).toContain(`Nothing to try: no exchange's id holds "nothing-like-it"`);
  expect(code).toBe(1);
});

describe("the report", () => {
  const ENTRY = " discover.implemented  ";

  test("has a line for each requirement, with level, id, sentence, address", async () => {
    const { out } = await audit([await serveDiscover(), "--only", "discover.a"]);
    const lines = out.split("\n").filter((line) => line.includes(ENTRY));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^pass +MUST +discover\.implemented {2}\S.*\. {2}https:\/\/modelcontextprotocol\.io\/\S+$/u,
    );
    expect(out).toMatch(/^ +pass +fail +setup +untested\nMUST +[1-9]\d* +0 +0 +\d+\nMUST NOT /mu);
    expect(out).toContain("\nNothing failed.\n");
  });

  test("says of a failure what was expected and what was seen", async () => {
    const url = await serveDiscover((answer) => {
      const result = answer.body["result"] as JsonObject;
      result["supportedVersions"] = [REVISION, "\u009b31m\u202e"];
    });
    const { out } = await audit([url, "--only", "versioning.discover", "--mode", "plain"]);
    expect(out).toMatch(
      /^fail +MUST +version\.discover .*\n +versioning\.discover \(plain\), step 1\n +expected {2}reply\.result\.supportedVersions \{.*\n +seen {6}reply\.result\.supportedVersions \["2026-07-28",.*\n/mu,
    );
    expect(out, "what a terminal obeys").not.toMatch(/[\u009b\u202e]/u);
  });

  test("goes into files, for programs and for CI", async () => {
    const folder = mkdtempSync(join(tmpdir(), "barewire-audit-"));
    const url = await serveDiscover(withoutVersions);
    const [json, junit] = [join(folder, "a.json"), join(folder, "a.xml")];
    const { code } = await audit([url, "--only", "discover.", "--json", json, "--junit", junit]);
    const report = JSON.parse(readFileSync(json, "utf8")) as {
      readonly requirements: readonly { readonly id: string; readonly verdict: string }[];
    };
    const xml = readFileSync(junit, "utf8");
    rmSync(folder, { recursive: true });
    expect(code).toBe(1);
    const verdicts = new Map(report.requirements.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts.get("discover.implemented")).toBe("fail");
    expect(verdicts.get("discover.result.server-info")).toBe("pass");
    expect(xml).toContain(
      '<testcase classname="MUST" name="discover.implemented">\n      <failure ',
    );
    expect(xml).toMatch(/<testsuites tests="\d+" failures="1" errors="0" skipped="\d+">/u);
    expect(xml).toContain("supportedVersions is missing");
  });

  test("is XML whatever a server says: of its characters, what XML has no way to write is replaced", async () => {
    const folder = mkdtempSync(join(tmpdir(), "barewire-audit-"));
    const url = await serveDiscover((answer) => {
      const result = answer.body["result"] as JsonObject;
      result["supportedVersions"] = "a\uFFFE\uFFFF\uD800\u0000z";
    });
    const junit = join(folder, "a.xml");
    await audit([url, "--only", "discover.", "--mode", "plain", "--junit", junit]);
    const xml = readFileSync(junit, "utf8");
    rmSync(folder, { recursive: true });
    expect(xml).toContain("a\uFFFD\uFFFD");
    // XML 1.0 section 2.2, "Characters".
    expect(xml).toMatch(/^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]+$/u);
  });

  test("says which revision a server speaks that does not speak this one", async () => {
    const url = await serveDiscover();
    const { code, out } = await audit([url, "--revision", "2025-06-18"]);
    expect(out).toBe(
      `${url} does not speak 2025-06-18. It speaks ${REVISION}: REVISION=${REVISION}\n`,
    );
    expect(code).toBe(1);
  });

  test("leaves the rest untested when the time is up", async () => {
    const { code, out } = await audit([await serveDiscover(), "--seconds", "0.001"]);
    expect(out).toMatch(/^Conversations: 0 pass, 0 fail, 0 setup, \d+ untested$/mu);
    expect(out).toContain("were not tried before the time was up: give more SECONDS=");
    // What shows nothing is no success.
    expect(out).toContain("\nNothing was tested.\n");
    expect(out).not.toContain("Nothing failed.");
    expect(code).toBe(1);
  });
});

test("what a server does not declare is not demanded of it, and what it declares is", async () => {
  const declared = (capabilities: JsonObject) => (answer: Answer) => {
    (answer.body["result"] as JsonObject)["capabilities"] = capabilities;
  };
  const args = ["--only", "basic.codes.retired", "--mode", "plain"];
  const without = await audit([await serveDiscover(), ...args]);
  expect(without.out).toContain("(the server does not declare resources)");
  expect(without.code).toBe(0);
  const off = await audit([await serveDiscover(declared({ resources: false })), ...args]);
  expect(off.out).toContain("(the server does not declare resources)");
  const with_ = await audit([await serveDiscover(declared({ resources: {} })), ...args]);
  expect(with_.out).toMatch(/^fail +MUST NOT +error\.code\.retired/mu);
});

test("a choice of the world is not demanded of other servers, and the rest of the exchange is", async () => {
  const { out } = await audit([
    await serveDiscover(),
    "--only",
    "http.endpoint",
    "--mode",
    "plain",
  ]);
  expect(out).toMatch(/^pass +MUST +http\.endpoint /mu);
  expect(out).toContain("Conversations: 1 pass, 0 fail");
});
