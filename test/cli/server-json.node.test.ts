// `make server-json` as it is run: of a real server, and of one that says anything.
import { execFile } from "node:child_process";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { serveBareApp } from "../client/servers.node.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serveCard = (card: unknown): Promise<string> =>
  serve((request, response) => {
    response.statusCode = request.url === "/mcp/server-card" ? 200 : 404;
    response.end(JSON.stringify(card));
  });

function make(address: string): Promise<{ code: number; out: string; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ["src/cli/server-json.ts", address], (error, out, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, errors }),
    );
  });
}

const CARD = {
  $schema: "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
  name: "com.example/weather",
  version: "1.0.0",
  description: "Weather",
  remotes: [
    {
      type: "streamable-http",
      url: "https://example.com/mcp",
      supportedProtocolVersions: ["2026-07-28"],
    },
  ],
};

it("prints what the example is published with, and says that a local address is not", async () => {
  const app = await serveBareApp({ AUTH: "none" });
  try {
    const { code, out, errors } = await make(app.url.href);
    expect([code, errors]).toEqual([0, expect.stringContaining("public addresses only")]);
    const { name, ...content } = JSON.parse(out) as { name: string };
    expect(name).toMatch(/^[a-zA-Z0-9.-]+\/barewire$/);
    expect(content).toEqual({
      $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
      title: "barewire",
      version: "0.1.0",
      description:
        "An example: it looks things up, plays tic-tac-toe, and remembers what you tell it.",
      remotes: [{ type: "streamable-http", url: app.url.href }],
    });
  } finally {
    await app.stop();
  }
});

it("keeps what the registry knows, and leaves out the rest", async () => {
  const known = {
    title: "Weather",
    websiteUrl: "https://example.com",
    repository: { url: "https://github.com/a/b", source: "github" },
    icons: [{ src: "https://example.com/i.png" }],
  };
  const { code, out, errors } = await make(await serveCard({ ...CARD, ...known, _meta: { a: 1 } }));
  expect([code, errors]).toEqual([0, ""]);
  expect(JSON.parse(out)).toEqual({
    ...known,
    $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    name: "com.example/weather",
    version: "1.0.0",
    description: "Weather",
    remotes: [{ type: "streamable-http", url: "https://example.com/mcp" }],
  });
});

it.each([
  ["name", { name: "weather" }],
  ["name", { name: "com.example/weather/a" }],
  ["description", { description: "d".repeat(101) }],
  ["description", { description: undefined }],
  ["version", { version: "latest" }],
  ["version", { version: "^1.2.3" }],
  ["version", { version: "1.x" }],
  ["version", { version: "" }],
])("refuses a %s that the registry would refuse", async (member, changes) => {
  const { code, out, errors } = await make(await serveCard({ ...CARD, ...changes }));
  expect([code, out]).toEqual([1, ""]);
  expect(errors).toContain(`No server.json: the registry takes no ${member} such as`);
});

it("says what is wrong with a server, and nothing that commands the terminal", async () => {
  const noCard = await make(await serve((_, response) => response.end("\u001b[2Jhello")));
  expect(noCard).toMatchObject({ code: 1, out: "" });
  expect(noCard.errors).toMatch(/^No server\.json: http:.* answered 200, and no server card\.\n$/);
  const loud = await make(await serveCard({ ...CARD, description: "\u001b[2J\u0007" }));
  expect(loud.out + loud.errors).not.toMatch(/\p{Cc}(?<!\n)/u);
  expect((await make("nowhere")).errors).toContain("URL must be an address");
  expect((await make("http://127.0.0.1:1")).errors).toContain(
    "nobody answers at http://127.0.0.1:1",
  );
});
