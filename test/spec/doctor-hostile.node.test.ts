/**
 * The doctor against servers that are hostile to it: each ends in a clear line, within bounds; no secret is printed; and
 * what a public server names in a private network is not asked.
 */

import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { serve, stopAll, type Got } from "./audited.node.ts";
import { ALL, ask, at, examineAt, examineFault } from "./examined.node.ts";
import { json, SECRET, serveFaulty, TOKEN } from "./faulty-server.node.ts";

afterEach(stopAll);

/** Writes for as long as somebody reads. */
const endless = (type: string, chunk: string) => (_: Got, response: ServerResponse) => {
  response.writeHead(200, { "Content-Type": type });
  const many = chunk.repeat(2_000);
  const write = (): void => {
    while (!response.destroyed && response.write(many));
  };
  response.on("drain", write);
  write();
};

test.each([
  ["application/json", "[[[[[[[[[["],
  ["text/html", "<title><h1><script>"],
  ["text/event-stream", 'data: {"jsonrpc":"2.0","method":"x"}\n\n'],
])("an endpoint that answers %s without end", async (type, chunk) => {
  const { stops, lines } = await examineFault({ instead: { "/mcp": endless(type, chunk) } });
  expect(lines).toContain("the answer is too long");
  expect(stops).toEqual(at("firstRequest", ALL));
});

test("documents without end are no documents", async () => {
  const write = endless("application/json", "[[[[[[[[[[");
  const { stops, lines } = await examineFault({
    instead: { "/.well-known/": write, "/oauth/": write },
  });
  expect(lines).toContain("the answer is too long");
  expect(stops["chatgpt"]).toBe("resource");
});

test("redirects without end", async () => {
  const origin = await serve((one, response) => {
    response.writeHead(307, { Location: one.path === "/mcp" ? "/again" : "/mcp" }).end();
  });
  const { stops, lines } = await examineAt(`${origin}/mcp`);
  expect(lines).toContain("The address redirects without end.");
  expect(Object.keys(stops)).toEqual(ALL);
  const { lines: more } = await examineFault({
    instead: {
      "/.well-known/": (one, response) => response.writeHead(302, { Location: one.path }).end(),
    },
  });
  expect(more).toContain("it redirects without end");
});

test("a header that is too long", async () => {
  const origin = await serve((_, response) => {
    response.writeHead(200, { "X-Long": "x".repeat(60_000) }).end();
  });
  const { stops, lines } = await examineAt(`${origin}/mcp`);
  expect(lines).toContain("its header is longer than clients read");
  expect(stops).toEqual(at("firstRequest", ALL));
});

test("a server without TLS at an https address", async () => {
  const origin = await serve((_, response) => response.end());
  const { stops, lines } = await examineAt(`${origin.replace("http:", "https:")}/mcp`);
  expect(lines).toContain("`initialize` gets TLS fails (");
  expect(stops).toEqual(at("firstRequest", ALL));
});

test("an answer that begins and does not end costs no more than the time there is", async () => {
  const { lines } = await examineAt(
    (
      await serveFaulty({
        instead: { "/.well-known/": (_, response) => response.writeHead(200).write("{") },
      })
    ).url,
    { seconds: 1 },
  );
  expect(lines).toContain("the time is up: give more SECONDS=");
});

test("silence is no finding", async () => {
  const origin = await serve(() => undefined);
  await expect(examineAt(`${origin}/mcp`, { seconds: 1 })).rejects.toThrow(/^Nobody answers at /u);
});

test("what is nested too deep, and values of the wrong type, end in a line", async () => {
  const deep = `{"issuer":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  const { stops } = await examineFault({
    instead: {
      "/.well-known/oauth-authorization-server": (_, response) =>
        response.writeHead(200, { "Content-Type": "application/json" }).end(deep),
    },
  });
  expect(stops["chatgpt"]).toBe("issuer");
  const nested = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const message = `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":${nested}}}`;
  const first = await examineFault({
    instead: {
      "/mcp": (_, response) =>
        response.writeHead(200, { "Content-Type": "application/json" }).end(message),
    },
  });
  expect(first.stops).toEqual(at("firstRequest", ALL));
  const lists = { scopes_supported: ["a", [["b"]], null] };
  expect((await examineFault({ resource: lists, issuer: lists })).stops).toEqual({});
  const odd = {
    registration_endpoint: 5,
    scopes_supported: { a: 1 },
    grant_types_supported: 7,
    token_endpoint_auth_methods_supported: "none",
    response_types_supported: null,
  };
  expect((await examineFault({ issuer: odd })).lines).toContain("The server registers nobody");
  const resource = { authorization_servers: [{ a: 1 }], scopes_supported: [null, 5] };
  expect((await examineFault({ resource })).lines).toContain("names no authorization server");
});

test("nothing that a server says commands the terminal", async () => {
  const evil = "\u001b[2J\u009b31m\u202e\r\n";
  const { lines } = await examineFault({
    challenge: `Bearer resource_metadata="x", scope="a"`,
    resource: { resource: evil },
    issuer: { issuer: evil },
    tools: [{ name: evil, inputSchema: { type: "object" } }],
    instead: {
      "/oauth/register": (_, response) => json(response, 400, { error_description: evil }),
    },
  });
  for (const sign of ["\u001b", "\u009b", "\u202e", "\r"]) expect(lines).not.toContain(sign);
});

describe("secrets", () => {
  test("neither the token nor a client's secret is printed, whoever repeats it", async () => {
    const repeat = `${TOKEN} ${SECRET} ${encodeURIComponent(`${TOKEN}/+`)}`;
    const said = { error: "invalid_client", error_description: repeat };
    const { lines } = await examineFault({
      methods: { initialize: { protocolVersion: repeat } },
      instead: { "/oauth/token": (_, response) => json(response, 401, said) },
    });
    expect(lines).toContain("(secret)");
    expect(lines).not.toContain(TOKEN);
    expect(lines).not.toContain(SECRET);
  });

  test("nor is the beginning of one, where it is repeated to wherever a text is cut", async () => {
    // Each length has another beginning of the last one before it.
    const texts = [9_990, 9_995, 10_000, 10_005].map((length) =>
      TOKEN.repeat(1_000).slice(0, length).padEnd(20_000, TOKEN),
    );
    for (const error_description of texts) {
      const said = { error: "invalid_client", error_description };
      const { lines } = await examineFault({
        instead: { "/oauth/token": (_, response) => json(response, 401, said) },
      });
      expect(lines.replaceAll("(secret)", "")).not.toContain(TOKEN.slice(0, 8));
    }
  });

  test("a code that a server gives without a sign-in is not printed", async () => {
    const { lines } = await examineFault({
      instead: {
        "/oauth/authorize": (one, response) => {
          const asked = new URL(one.path, "http://fake.test").searchParams;
          const said = "code=the-code-itself&error=x&error_description=the-code-itself";
          const back = `${asked.get("redirect_uri")}?${said}`;
          return response.writeHead(302, { Location: back }).end();
        },
      },
    });
    expect(lines).toContain('The server sends the person back with "x": "(secret)".');
    expect(lines).not.toContain("the-code-itself");
  });

  test("the token goes to the server at URL alone", async () => {
    const other = await serveFaulty();
    const { origin } = new URL(other.url);
    const { got, url } = await serveFaulty({ resource: { authorization_servers: [origin] } });
    await examineAt(url, { token: TOKEN });
    expect(other.got.length).toBeGreaterThan(0);
    expect(JSON.stringify(other.got)).not.toContain(TOKEN);
    const elsewhere = got.filter(({ path }) => path !== "/mcp");
    expect(JSON.stringify(elsewhere)).not.toContain(TOKEN);
  });

  test("a request with the token has it at that server alone, whatever its address", async () => {
    const [own, other] = [await serveFaulty(), await serveFaulty()];
    const run = { url: new URL(own.url), token: TOKEN, deadline: Infinity };
    for (const { url } of [own, other]) await ask(run, url, { withToken: true });
    expect(own.got[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(other.got[0]?.headers.authorization).toBeUndefined();
  });

  test("the query of an address is not printed", async () => {
    const { url } = await serveFaulty();
    const { lines } = await examineAt(`${url}?token=hidden-in-the-address`);
    expect(lines).not.toContain("hidden-in-the-address");
    expect(lines).toContain("STOP  claude.ai: The address holds a credential, ?token=…");
  });
});

test("what a public server names in a private network is not asked", async () => {
  const got: Got[] = [];
  const origin = await serve((one, response) => {
    got.push(one);
    response.end();
  });
  const { port } = new URL(origin);
  const run = { url: new URL("https://mcp.example.com/mcp"), deadline: Infinity };
  for (const host of ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "192.168.1.1", "172.20.0.1"])
    expect((await ask(run, `http://${host}:${port}/`)).failure, host).toContain("private network");
  expect((await ask(run, "http://169.254.169.254/latest")).failure).toContain("is not asked");
  expect((await ask(run, "http://2130706433/")).failure, "127.0.0.1 as a number").toContain(
    "private network",
  );
  expect((await ask(run, "file:///etc/hostname")).failure).toContain("neither http nor https");
  expect(got).toEqual([]);
});
