/**
 * The second runner against servers that are hostile to it: each must end in verdicts, within bounds, and nothing may go to
 * anybody but the server under test. All of these were found by attack.
 */

import type { ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { audit, serve, stopAll, type Got } from "./audited.node.ts";

const REVISION = "2026-07-28";
const LOGIN = ["--only", "authorize.granted", "--mode", "plain", "--revision", REVISION];

afterEach(stopAll);

/** What a hostile server answers; each falls back to an honest answer. */
interface Hostility {
  /** The sign-in page. */
  readonly page?: string;
  /** Where the authorization endpoint redirects to. */
  readonly location?: string;
  /** Laid over the metadata of the authorization server. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A server that asks for a token, with an authorization server that is hostile. */
async function serveHostile({ page = "", location, metadata = {} }: Hostility): Promise<string> {
  let origin = "";
  const json = (response: ServerResponse, status: number, value: unknown): void => {
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  };
  const answer = ({ path: whole }: Got, response: ServerResponse): void => {
    const [path = ""] = whole.split("?");
    if (path === "/mcp") return json(response, 401, {});
    if (path.includes("authorization-server"))
      return json(response, 200, {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        revocation_endpoint: `${origin}/revoke`,
        introspection_endpoint: `${origin}/introspect`,
        ...metadata,
      });
    if (path === "/register") return json(response, 201, { client_id: "c1" });
    if (path !== "/authorize") return json(response, 404, {});
    if (location !== undefined) {
      response.writeHead(303, { Location: location }).end();
      return undefined;
    }
    response
      .writeHead(200, { "Content-Type": "text/html", "Set-Cookie": "sid=secret; Path=/" })
      .end(page);
    return undefined;
  };
  origin = await serve(answer);
  return `${origin}/mcp`;
}

const form = (action: string, value = "b"): string =>
  `<form method="post" action="${action}"><input name="a" value="${value}"></form>`;

test.each<[string, Hostility]>([
  ["a form whose action is no address", { page: form("http://[") }],
  ["a character beyond Unicode", { page: form("/x", "&#x110000;&#99999999999;&#xd800;") }],
  ["a Location that is no address", { location: "http://[" }],
  ["a Location on this server that is none", { location: "//[" }],
  ["an endpoint that is no address", { metadata: { authorization_endpoint: "http://[" } }],
  ["an endpoint that is no text", { metadata: { registration_endpoint: { deep: [] } } }],
  ["a client that no header can hold", { metadata: { token_endpoint: "\r\nX: y" } }],
  ["a form that opens without end", { page: "<form ".repeat(60_000) }],
  ["a field that opens without end", { page: `<form>${"<input ".repeat(60_000)}</form>` }],
  ["a tag of many attributes", { page: `<form><input${" a".repeat(200_000)}` }],
])("%s ends in a verdict", async (_, hostility) => {
  const { code, out } = await audit([await serveHostile(hostility), ...LOGIN]);
  expect(out).toMatch(/^Conversations: 0 pass, 0 fail, /mu);
  expect(out, "a stack").not.toMatch(/^ +at /mu);
  expect(code).toBeDefined();
});

test("nothing is sent to another server, whatever a form or a metadata document says", async () => {
  const got: Got[] = [];
  const other = await serve((one, response) => {
    got.push(one);
    response.end();
  }, "127.0.0.2");
  for (const hostility of [
    { page: form(`${other}/internal`) },
    { metadata: { registration_endpoint: `${other}/internal` } },
    { metadata: { authorization_endpoint: `${other}/internal` } },
    { location: `${other}/internal` },
  ])
    expect((await audit([await serveHostile(hostility), ...LOGIN])).code).toBeDefined();
  expect(got).toEqual([]);
});

test.each(["text/event-stream", "application/json", "text/html"])(
  "an answer of %s that never ends is cut off",
  async (type) => {
    let sent = 0;
    const origin = await serve((_, response) => {
      response.writeHead(200, { "Content-Type": type });
      const chunk = 'data: {"jsonrpc":"2.0","method":"x"}\n\n'.repeat(2_000);
      const write = (): void => {
        sent = Math.max(sent, response.writableLength);
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on("drain", write);
      write();
    });
    const args = ["--only", "discover.anyone", "--mode", "plain", "--revision", REVISION];
    const { code, out } = await audit([`${origin}/mcp`, ...args]);
    expect(out).toContain("the answer is too long");
    expect(code).toBe(1);
  },
);

test("an answer of more values than any exchange has is not made into objects", async () => {
  const body = `[${"{},".repeat(1_000_000)}{}]`;
  const origin = await serve((_, response) => {
    response.writeHead(200, { "Content-Type": "application/json" }).end(body);
  });
  const { code, out } = await audit([`${origin}/mcp`, "--only", "discover", "--mode", "plain"]);
  expect(out).toMatch(/the answer is too long: \d+ bytes, \d+ values and 0 events have come/u);
  expect(code).toBe(1);
});

test("an answer that never begins costs no more than the time there is", async () => {
  const origin = await serve(({ method }, response) => {
    if (method === "OPTIONS") response.end();
  });
  const { out } = await audit([`${origin}/mcp`, "--seconds", "2"]);
  expect(out).toMatch(/^Conversations: 0 pass, 0 fail, 0 setup, \d+ untested$/mu);
});

test("lists that are none, and what is nested too deep, end in a verdict", async () => {
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  const origin = await serve(({ body }, response) => {
    const { id = 0 } = JSON.parse(body || "{}") as { id?: unknown };
    const result = `{"supportedVersions":["${REVISION}"],"capabilities":${deep},"tools":5,"prompts":[null],"resources":{}}`;
    response
      .writeHead(200, { "Content-Type": "application/json" })
      .end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
  });
  const { code, out } = await audit([`${origin}/mcp`, "--only", "discover", "--mode", "plain"]);
  expect(out).toMatch(/^Conversations: /mu);
  expect(out, "a stack").not.toMatch(/^ +at /mu);
  expect(code).toBe(1);
});

test.each<[string, string, RegExp]>([
  [
    "that is right but for its last line",
    `${"data: x\n".repeat(40)}\nunknown: field\n\n`,
    /retry: \?\[0-9\]\+.*\n *seen +body "data: x/u,
  ],
  [
    "that takes a check too long",
    `data: ${"forged".repeat(500_000)}\n\n`,
    /seen +events takes longer to match than a second/u,
  ],
])("an event stream %s ends in a verdict", async (_, stream, seen) => {
  const origin = await serve(({ body }, response) => {
    const request = JSON.parse(body || "{}") as {
      readonly id?: number;
      readonly method?: string;
      readonly params?: { readonly arguments?: { readonly text?: string } };
    };
    const { id, method = "", params } = request;
    const lists: Readonly<Record<string, object>> = {
      "server/discover": { supportedVersions: [REVISION], capabilities: { tools: {} } },
      "tools/list": { tools: [{ name: "spec_slow", inputSchema: { type: "object" } }] },
    };
    const list = lists[method];
    const result = list ?? { content: [{ type: "text", text: params?.arguments?.text }] };
    const answer = JSON.stringify({ jsonrpc: "2.0", id, result });
    const type = list === undefined ? "text/event-stream" : "application/json";
    response
      .writeHead(200, { "Content-Type": type })
      .end(list === undefined ? `${stream}data: ${answer}\n\n` : answer);
  });
  const { code, out } = await audit([
    `${origin}/mcp`,
    "--only",
    "sse.stream",
    "--mode",
    "plain",
    "--revision",
    REVISION,
  ]);
  expect(out).toMatch(seen);
  expect(code).toBe(1);
});

/** A stateless server with no tool, which says of itself what `says` lays over. */
function serveStateless(
  says: object,
  headers: Record<string, string> = {},
  isLimited: () => boolean = () => false,
): Promise<string> {
  return serve(({ body }, response) => {
    const { id, method = "" } = JSON.parse(body || "{}") as { id?: number; method?: string };
    if (isLimited()) {
      response.writeHead(429, { "Retry-After": "1" }).end();
      return;
    }
    const hello = { supportedVersions: [REVISION], capabilities: { tools: {} }, ...says };
    const result = {
      resultType: "complete",
      ttlMs: 0,
      cacheScope: "private",
      ...(method === "tools/list" ? { tools: [] } : hello),
    };
    response
      .writeHead(200, { "Content-Type": "application/json", ...headers })
      .end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  });
}

test("a stateless server that names a session, or revisions in odd forms, is judged as what it is", async () => {
  const origin = await serveStateless(
    { protocolVersion: { toString: null } },
    { "Mcp-Session-Id": "s1" },
  );
  const { out } = await audit([`${origin}/mcp`, "--only", "discover.anyone", "--mode", "plain"]);
  expect(out).toMatch(/^Conversations: 1 pass, 0 fail, 0 setup/mu);
});

test("a server that speaks no revision of the fixtures is told so, and nobody is sent in a circle", async () => {
  const origin = await serveStateless({ supportedVersions: ["2024-11-05"] });
  const { out } = await audit([`${origin}/mcp`, "--only", "discover", "--mode", "plain"]);
  expect(out).toContain("It speaks 2024-11-05: there are no fixtures for 2024-11-05");
});

test("a server that limits requests is asked again after the wait, and is untested where it goes on", async () => {
  let asked = 0;
  const isOnce = await serveStateless({}, {}, () => (asked += 1) === 4);
  const args = ["--only", "discover.anyone", "--mode", "plain", "--revision", REVISION];
  const { out } = await audit([`${isOnce}/mcp`, ...args]);
  expect(out).toMatch(/^Conversations: 1 pass, 0 fail, 0 setup/mu);
  const always = await serveStateless({}, {}, () => true);
  const { code, out: said } = await audit([`${always}/mcp`, ...args]);
  expect(said).toMatch(/^Conversations: 0 pass, 0 fail, 0 setup, 1 untested/mu);
  expect(said).toContain("It limits requests (429)");
  expect(code).toBe(1);
});
