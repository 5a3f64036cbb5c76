// The doctor's table of clients, what it holds against an address, and the program with its settings.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { doctor, stopAll } from "./audited.node.ts";
import { addressFault, ALL, CLIENTS } from "./examined.node.ts";
import { serveFaulty, TOKEN } from "./faulty-server.node.ts";

afterEach(stopAll);

describe("the table of clients", () => {
  const ABOUT = ["id", "name", "basis", "place", "shows", "from"];

  test("says of each habit where it is known from", () => {
    expect(CLIENTS.map(({ id }) => id)).toEqual(ALL);
    for (const client of CLIENTS) {
      const habits = Object.entries(client)
        .filter(([name, value]) => !ABOUT.includes(name) && value !== undefined)
        .map(([name]) => name);
      const known = Object.keys(client.from);
      expect(
        habits.filter((name) => !known.includes(name)),
        client.id,
      ).toEqual([]);
    }
  });

  test("says of closed clients that they are", () => {
    const closed = CLIENTS.filter(({ basis }) => String(basis).startsWith("closed; from its doc"));
    expect(closed.map(({ id }) => id)).toEqual(["claude-ai", "chatgpt"]);
  });
});

test.each<[string, Readonly<Record<string, string>>]>([
  ["https://mcp.example.com/mcp", {}],
  ["http://localhost:8787/mcp", {}],
  ["http://mcp.example.com/mcp", { "claude-ai": "https", chatgpt: "https", "mcp-remote": "https" }],
  ["https://mcp.example.com:8443/mcp", { "claude-ai": "port" }],
  ["https://mcp.example.com/mcp?apiKey=1", { "claude-ai": "badQuery" }],
  ["https://10.1.2.3/mcp", { "claude-ai": "https", chatgpt: "https" }],
  ["http://192.168.0.2/mcp", { "claude-ai": "https", chatgpt: "https", "mcp-remote": "https" }],
])("what clients hold against %s", (address, habits) => {
  const found = CLIENTS.flatMap((client) => {
    const fault = addressFault(client, new URL(address));
    return fault === undefined ? [] : [[client.id, fault.habit] as const];
  });
  expect(Object.fromEntries(found)).toEqual(habits);
});

describe("the program", () => {
  test("ends with 0 where every client gets through, and says so in a table and as JSON", async () => {
    const { url } = await serveFaulty();
    const folder = mkdtempSync(join(tmpdir(), "barewire-doctor-"));
    const path = join(folder, "doctor.json");
    const { code, out } = await doctor([url, "--json", path], { TOKEN });
    const report = JSON.parse(readFileSync(path, "utf8")) as {
      readonly clients: readonly { readonly id: string; readonly verdict: string }[];
    };
    rmSync(folder, { recursive: true });
    expect(out).toMatch(/^claude\.ai +ok, once it is deployed +closed; from its documentation/mu);
    expect(out).toMatch(/^VS Code +ok +read in its source$/mu);
    expect(out).toContain("\nEvery client gets through, as far as could be seen.\n");
    expect(report.clients.map(({ id, verdict }) => [id, verdict])).toEqual(
      ALL.map((id) => [id, "ok"]),
    );
    expect(code).toBe(0);
  });

  test("ends with 1 where one does not, and says what it shows, what to change and why", async () => {
    const { url } = await serveFaulty({ issuer: { code_challenge_methods_supported: ["plain"] } });
    const { code, out } = await doctor([url, "--only", "chatgpt,vs-code"]);
    expect(out).toMatch(
      /^ {3}STOP {2}ChatGPT: .*S256\.\n +ChatGPT shows: Error creating connector\n +Change: add .*\n +Known from: https:\/\/\S+$/mu,
    );
    expect(out).toMatch(/^ChatGPT +stops at 4 +closed/mu);
    expect(out).toMatch(/^VS Code +ok up to the token +read/mu);
    expect(out).toContain("\n1 of 2 clients stops. ");
    expect(code).toBe(1);
  });

  test.each<[string, readonly string[], string]>([
    ["no server", [""], "Which server? Name it: make doctor URL="],
    ["no address", ["mcp.example"], '"mcp.example" is no address: make doctor URL='],
    ["another scheme", ["ftp://mcp.example/"], '"ftp://mcp.example/" is no address'],
    ["a password", ["https://a:b@mcp.example/"], "The address holds a name or a password"],
    ["an unknown client", ["https://mcp.example/", "--only", "x"], "ONLY is x: there is no x."],
    ["no time", ["https://mcp.example/", "--seconds", "soon"], "SECONDS is soon: give a number"],
    ["nobody there", ["http://127.0.0.1:9/mcp"], "Nobody answers at http://127.0.0.1:9/mcp: "],
  ])("ends with 2 and a sentence at %s", async (_, args, says) => {
    const { code, out } = await doctor(args);
    expect(out).toContain(says);
    expect(out, "a stack").not.toMatch(/^ +at /mu);
    expect(code).toBe(2);
  });

  test("does not repeat a token that no header can hold", async () => {
    const { code, out } = await doctor(["https://mcp.example/"], { TOKEN: "two words" });
    expect(out).toBe("TOKEN is no bearer token: it has signs that no header may have\n");
    expect(code).toBe(2);
  });
});
