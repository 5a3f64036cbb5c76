// An exchange as a command: what a shell makes of it, with a stand-in for curl that prints its arguments.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { ExchangeEntry } from "../../../src/cli/wire-view/entries.ts";
import { curlCommand } from "../../../src/cli/wire-view/shell-command.ts";

const folder = mkdtempSync(join(tmpdir(), "barewire-curl-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "curl"), `#!/bin/sh\nprintf '%s\\0' "$@"\n`);
chmodSync(join(folder, "curl"), 0o755);

const ENTRY: ExchangeEntry = {
  kind: "exchange",
  n: 1,
  version: 1,
  id: "x",
  at: 0,
  method: "POST",
  url: "http://localhost:8787/mcp?a=$HOME&b=[1]",
  title: "",
  headers: [],
  era: "",
  session: "",
  ids: [],
  state: "ended",
  events: 0,
};

/** The arguments that curl is given. */
function argumentsOf(entry: ExchangeEntry, variables: Record<string, string> = {}): string[] {
  const command = curlCommand(entry, "printf the-token");
  const env = { PATH: `${folder}:${process.env["PATH"]}`, ...variables };
  const output = execFileSync("sh", ["-c", command], { env, stdio: ["ignore", "pipe", "pipe"] });
  return output.toString().split("\0").slice(0, -1);
}

it("every character reaches curl as it was sent", () => {
  const body = `{"a":"it's \`$(exit 1)\` $HOME \\\\ \\n","b":"ü"}\n@x`;
  const headers = [
    ["host", "localhost:8787"],
    ["content-type", "application/json"],
    ["content-length", "5"],
    ["x-empty", ""],
    ["x-quote", "'\"!"],
  ] as const;
  expect(argumentsOf({ ...ENTRY, headers, body })).toEqual([
    "-sSiN",
    "--globoff",
    "http://localhost:8787/mcp?a=$HOME&b=[1]",
    "-X",
    "POST",
    "-H",
    "content-type: application/json",
    "-H",
    "x-empty;",
    "-H",
    "x-quote: '\"!",
    "--data-raw",
    body,
  ]);
});

it("the token comes from the command that prints one, other secrets from variables", () => {
  const entry: ExchangeEntry = {
    ...ENTRY,
    method: "HEAD",
    url: "http://localhost:8787/",
    headers: [
      ["authorization", "Bearer [redacted:TOKEN]"],
      ["mcp-session-id", "[redacted:ID_0123abcd]"],
    ],
  };
  expect(argumentsOf(entry, { ID_0123abcd: "the id" })).toEqual([
    "-sSiN",
    "--globoff",
    "http://localhost:8787/",
    "--head",
    "-H",
    "authorization: Bearer the-token",
    "-H",
    "mcp-session-id: the id",
  ]);
  expect(() => argumentsOf(entry)).toThrow(/ID_0123abcd: set it/);
});

it("says where the body must come from that was not kept", () => {
  const command = curlCommand({ ...ENTRY, bodyNote: "too long" }, "");
  expect(command).toMatch(/^# The body is too long: put it into a file named body\.\n/);
  expect(command).toContain("--data-binary @body");
});
