// What `make dev` says of a fork: its name, its way of signing in, and nothing of barewire's.
import { expect, it } from "vitest";
import { describeConnection, type Connection } from "../../src/cli/connection-guide.ts";

const FORK: Connection = {
  name: "acme-notes",
  endpoint: "http://localhost:9000/mcp",
  settings: {},
  passphrase: undefined,
  tokenCommand: "make -s token PORT=9000",
  wireView: "http://localhost:9000/wire#0123abcd",
};

it("names the project that it is, wherever an app is told of it", () => {
  const text = describeConnection(FORK);
  expect(text).not.toContain("barewire");
  for (const line of [
    "acme-notes: http://localhost:9000/mcp\n",
    "claude mcp add --transport http acme-notes http://localhost:9000/mcp\n",
    '{"mcpServers":{"acme-notes":{"url":"http://localhost:9000/mcp"}}}\n',
    "codex mcp add acme-notes --url http://localhost:9000/mcp\n",
    "$(make -s token PORT=9000)",
    "live: http://localhost:9000/wire#0123abcd\n",
  ])
    expect(text).toContain(line);
});

it.each<[what: string, Partial<Connection>, says: string]>([
  ["an app without a passphrase", {}, "People sign in as src/app/auth.ts says."],
  ["a passphrase", { passphrase: { text: "open-sesame" } }, "Passphrase to sign in: open-sesame"],
  [
    "a passphrase of which only the hash is known",
    { passphrase: { text: undefined } },
    "Passphrase to sign in: the one whose hash is in .dev.vars",
  ],
  [
    "another sign-in of the example",
    { passphrase: { text: "open-sesame" }, settings: { SIGN_IN: "openid" } },
    "People sign in by openid, as SIGN_IN says.",
  ],
  [
    "an outside issuer",
    { settings: { AUTH_ISSUER: "https://issuer.test" } },
    "Callers bring tokens of https://issuer.test, as AUTH_ISSUER says.",
  ],
  ["nobody", { settings: { AUTH: "none" } }, "Anyone on this machine may call it: AUTH is none."],
])("says who is asked what: %s", (_, change, says) => {
  const text = describeConnection({ ...FORK, ...change });
  expect(text.split("\n")[1]).toBe(says);
  expect(text.includes("Bearer")).toBe(change.settings?.["AUTH"] !== "none");
});
