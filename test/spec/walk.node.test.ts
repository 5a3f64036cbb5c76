// The walker against a fake server: right answers give pass, each planted fault gives the verdict that README names.
import { expect, test } from "vitest";
import { sseParser } from "./answer.ts";
import { mutants, unnoticed, vacuous } from "./faults.ts";
import { templates } from "./files.ts";
import {
  type Check,
  type Exchange,
  type JsonObject,
  type Mode,
  type Step,
  MODES,
} from "./format.ts";
import { inventory } from "./inventory.ts";
import { build, overlay, patch } from "./request.ts";
import { walk, type Host, type Report } from "./walk.ts";

const REVISION = "2026-07-28";
const URL_ = new URL("https://fake.test/mcp");

/** Two exchanges whose good answers the fake server below knows. */
const discover: Exchange[] = [
  one({
    send: { use: "@discover" },
    expect: [
      { status: 200 },
      {
        proves: ["a.versions"],
        reply: { result: { supportedVersions: { $has: ["{{revision}}"] } } },
      },
      {
        proves: ["a.info"],
        reply: {
          result: {
            _meta: { "io.modelcontextprotocol/serverInfo": { name: { $type: "string", $min: 1 } } },
          },
        },
      },
    ],
  }),
  one(
    {
      send: { use: "@discover" },
      expect: [{ reply: { result: { supportedVersions: { $min: 1, $save: "versions" } } } }],
    },
    {
      send: {
        use: "@discover",
        headers: { "MCP-Protocol-Version": "1999-01-01" },
        body: { params: { _meta: { "io.modelcontextprotocol/protocolVersion": "1999-01-01" } } },
      },
      expect: [
        {
          proves: ["a.refused"],
          status: 400,
          headers: { "Content-Type": { $pattern: "json|event-stream" } },
          reply: {
            id: "{{step}}",
            error: { code: -32022, data: { supported: "{{versions}}", requested: "1999-01-01" } },
          },
        },
      ],
    },
  ),
];

type Fault = (answer: { status: number; body: JsonObject }) => unknown;

/** Answers server/discover as the text says, then lets `fault` spoil the answer. */
function fake(fault: Fault = () => undefined, type: "json" | "sse" = "json"): Host["fetch"] {
  return async (url, init) => {
    const request = new Request(url, init);
    const body = (await request.json()) as {
      id: number;
      params: { _meta: { [name: string]: string } };
    };
    const asked = body.params._meta["io.modelcontextprotocol/protocolVersion"];
    const serverInfo = { name: "fake", version: "1" };
    const result = {
      resultType: "complete",
      supportedVersions: [REVISION],
      capabilities: { tools: {} },
      ttlMs: 0,
      cacheScope: "public",
      _meta: { "io.modelcontextprotocol/serverInfo": serverInfo },
    };
    const error = {
      code: -32022,
      message: "Unsupported",
      data: { supported: [REVISION], requested: asked ?? "" },
    };
    const answer = {
      status: asked === REVISION ? 200 : 400,
      body: {
        jsonrpc: "2.0",
        id: body.id,
        ...(asked === REVISION ? { result } : { error }),
      } as JsonObject,
    };
    fault(answer);
    const text = JSON.stringify(answer.body);
    if (type === "json")
      return new Response(text, {
        status: answer.status,
        headers: { "Content-Type": "application/json" },
      });
    const sse = `: hello\r\n\r\nid: 7\r\ndata: ${text}\r\n\r\n`;
    return new Response(sse, {
      status: answer.status,
      headers: { "Content-Type": "text/event-stream; charset=utf-8" },
    });
  };
}

async function run(exchange: Exchange, host: Partial<Host>, mode: Mode = "plain"): Promise<Report> {
  const whole: Host = { url: URL_, fetch: fake(), evict: async () => undefined, ...host };
  return await walk(exchange, {
    host: whole,
    templates: templates[REVISION] ?? {},
    revision: REVISION,
    mode,
  });
}

function one(...steps: Step[]): Exchange {
  return { id: "test.one", about: "made by a test", since: REVISION, steps };
}

const say = (status: number, body: string, type = "application/json"): Host["fetch"] => {
  return async () =>
    await Promise.resolve(new Response(body, { status, headers: { "Content-Type": type } }));
};

for (const mode of MODES) {
  for (const type of ["json", "sse"] as const) {
    test(`discover passes against a good server: mode ${mode}, answers as ${type}`, async () => {
      for (const exchange of discover)
        expect(await run(exchange, { fetch: fake(undefined, type) }, mode)).toMatchObject({
          verdict: "pass",
        });
    });
  }
}

const faults: [name: string, fault: Fault][] = [
  ["an empty body", (answer) => (answer.body = {})],
  ["status 500", (answer) => (answer.status = 500)],
  [
    "no result and no error",
    (answer) => {
      delete answer.body["result"];
      delete answer.body["error"];
    },
  ],
  [
    "no server info",
    (answer) => delete (answer.body["result"] as JsonObject | undefined)?.["_meta"],
  ],
  ["another id", (answer) => (answer.body["id"] = "another")],
  [
    "another code",
    (answer) => {
      if (answer.body["error"] !== undefined) (answer.body["error"] as JsonObject)["code"] = -32602;
    },
  ],
  [
    "a version list of its own",
    (answer) => {
      if (answer.body["error"] !== undefined)
        ((answer.body["error"] as JsonObject)["data"] as JsonObject)["supported"] = [];
    },
  ],
];
for (const [name, fault] of faults) {
  test(`discover turns red on ${name}`, async () => {
    const verdicts = await Promise.all(
      discover.map(async (exchange) => (await run(exchange, { fetch: fake(fault) })).verdict),
    );
    expect(verdicts.some((verdict) => verdict !== "pass")).toBe(true);
  });
}

const proving: Check = { proves: ["a.b"], reply: { result: { x: 1 } } };

test("a check that proves something gives fail, and the walk goes on", async () => {
  const exchange = one(
    { send: { use: "@discover" }, expect: [proving] },
    { send: { use: "@discover" }, expect: [{ ...proving, reply: { id: 2 } }] },
  );
  const report = await run(exchange, {});
  expect(report).toMatchObject({
    verdict: "fail",
    findings: [{ verdict: "fail" }, { verdict: "pass" }],
  });
  expect(report.why).toContain("step 1, a.b: reply.result.x is missing, not 1");
});

test("scaffolding gives setup, and what comes after is untested", async () => {
  const exchange = one(
    { send: { use: "@discover" }, expect: [{ status: 201 }] },
    { send: { use: "@discover" }, expect: [proving] },
  );
  expect(await run(exchange, {})).toMatchObject({
    verdict: "setup",
    findings: [{ verdict: "untested" }],
  });
});

test("a broken connection gives setup", async () => {
  const report = await run(one({ send: { use: "@discover" }, expect: [proving] }), {
    fetch: () => Promise.reject(new Error("refused")),
  });
  expect(report).toMatchObject({ verdict: "setup", why: "step 1: the connection broke: refused" });
});

test("a name that nobody kept gives setup", async () => {
  const request = one({
    send: { use: "@discover", headers: { "X-A": "{{nobody}}" } },
    expect: [proving],
  });
  expect(await run(request, {})).toMatchObject({ verdict: "setup" });
  const check = one({
    send: { use: "@discover" },
    expect: [{ ...proving, reply: { id: "{{nobody}}" } }],
  });
  expect(await run(check, {})).toMatchObject({ verdict: "setup" });
});

test("what the runner or the server lacks gives untested", async () => {
  const step: Step = { send: { use: "@discover" }, expect: [proving] };
  const bare: Host = { url: URL_, fetch: fake(), has: new Set(["tools/b"]) };
  const go = async (exchange: Exchange, mode: Mode = "plain"): Promise<string> =>
    (
      await walk(exchange, {
        host: bare,
        templates: templates[REVISION] ?? {},
        revision: REVISION,
        mode,
      })
    ).verdict;
  expect(await go({ ...one(step), needs: ["tools/a"] })).toBe("untested");
  expect(await go({ ...one(step), needs: ["tools/b"] })).toBe("fail");
  expect(await go(one(step), "evicted")).toBe("untested");
  expect(await go(one(step, { evict: true }))).toBe("untested");
  expect(await go(one(step, { advance: 5 }))).toBe("untested");
  expect(await go(one({ ...step, send: { use: "@discover", as: "alice" } }))).toBe("untested");
});

test("two answers are no reply", async () => {
  const answer = `{"jsonrpc":"2.0","id":1,"result":{"x":1}}`;
  const exchange = one({ send: { use: "@discover" }, expect: [proving] });
  expect(
    (await run(exchange, { fetch: say(200, `data: ${answer}\n\n`, "text/event-stream") })).verdict,
  ).toBe("pass");
  expect(
    (
      await run(exchange, {
        fetch: say(200, `data: ${answer}\n\ndata: ${answer}\n\n`, "text/event-stream"),
      })
    ).verdict,
  ).toBe("fail");
});

test("modes: Accept, pieces of the body, eviction between steps", async () => {
  const seen: string[] = [];
  const host: Partial<Host> = {
    evict: async () => {
      await Promise.resolve(seen.push("evict"));
    },
    fetch: async (_, init) => {
      const sizes: number[] = [];
      if (init.body instanceof ReadableStream)
        for await (const piece of init.body) sizes.push((piece as Uint8Array).length);
      const body = sizes.length === 0 ? "whole" : `in pieces of ${Math.max(...sizes)}`;
      const accepted = new Headers(init.headers).get("accept")?.includes("q=0.5") ? "sse" : "json";
      seen.push(`${accepted} ${body}`);
      return new Response("{}");
    },
  };
  const exchange = one(
    { send: { use: "@discover", raw: "x".repeat(64) } },
    { send: { use: "@discover", raw: "x".repeat(6_400) } },
  );
  for (const mode of MODES) await run(exchange, host, mode);
  expect(seen).toEqual([
    "json whole",
    "json whole",
    "sse whole",
    "sse whole",
    "json in pieces of 1",
    "json in pieces of 100",
    "json whole",
    "evict",
    "json whole",
    "sse in pieces of 7",
    "evict",
    "sse in pieces of 100",
  ]);
});

test("streams: open, read a message at a time, silence, close", async () => {
  let push: (text: string) => void = () => undefined;
  let aborted = false;
  const encoder = new TextEncoder();
  const fetch: Host["fetch"] = async (_, init) => {
    init.signal?.addEventListener("abort", () => (aborted = true));
    const body = new ReadableStream({
      start(controller) {
        push = (text) => controller.enqueue(encoder.encode(text));
        push(`data: {"method":"a"}\n\n:\n\nevent: x\nid: 2\ndata: {"method":\ndata: "b"}\n\n`);
      },
    });
    return await Promise.resolve(
      new Response(body, { headers: { "Content-Type": "text/event-stream" } }),
    );
  };
  const exchange = one(
    { open: { use: "@discover", stream: "s" }, expect: [{ status: 200, ended: false }] },
    {
      read: { stream: "s" },
      expect: [
        { proves: ["a.a"], messages: [{ method: "a" }], events: [{ data: { $pattern: "a" } }] },
      ],
    },
    {
      read: { stream: "s" },
      expect: [{ proves: ["a.b"], messages: [{ method: "b" }], events: [{ event: "x", id: "2" }] }],
    },
    {
      read: { stream: "s", wait: 30 },
      expect: [{ proves: ["a.c"], messages: [], ended: false, took: { $min: 25 } }],
    },
    { close: "s" },
  );
  expect(await run(exchange, { fetch })).toMatchObject({ verdict: "pass" });
  expect(aborted).toBe(true);
  const never = one(...exchange.steps.slice(0, 1), {
    read: { stream: "s", count: 3, within: 30 },
    expect: [{ proves: ["a.a"], messages: { $min: 3 } }],
  });
  expect(await run(never, { fetch })).toMatchObject({ verdict: "fail" });
});

/** Says how often it was asked, and that it is done at the third time. */
function slowly(): { fetch: Host["fetch"]; asked: () => number } {
  let asked = 0;
  const fetch: Host["fetch"] = async () => {
    asked += 1;
    return await Promise.resolve(Response.json({ asked, isDone: asked >= 3 }));
  };
  return { fetch, asked: () => asked };
}

test("a request is sent again until its answer is as wanted, and the last answer is judged", async () => {
  const server = slowly();
  const exchange = one(
    {
      send: { path: "/slow" },
      until: { json: { isDone: true, asked: { $save: "early" } } },
      expect: [{ proves: ["a.b"], json: { asked: 3 } }],
    },
    { send: { path: "/slow" }, expect: [{ proves: ["a.c"], json: { asked: 4 } }] },
  );
  const { verdict, kept } = await run(exchange, server, "evicted");
  expect({ verdict, asked: server.asked() }).toEqual({ verdict: "pass", asked: 4 });
  expect(kept.has("early")).toBe(false);
});

test("an answer that is never as wanted is judged when the time is up", async () => {
  const never: Step = {
    send: { path: "/slow" },
    until: { json: { isDone: "never" } },
    within: 150,
    expect: [{ proves: ["a.b"], json: { isDone: "never" } }],
  };
  const server = slowly();
  expect(await run(one(never), server)).toMatchObject({ verdict: "fail" });
  expect(server.asked()).toBeLessThan(4);
  const unknown = one({ ...never, until: { json: { isDone: "{{nobody}}" } } });
  expect(await run(unknown, slowly())).toMatchObject({
    verdict: "setup",
    why: "step 1: nobody kept {{nobody}}",
  });
});

test("steps of a template are played and counted", async () => {
  const own = {
    ...templates[REVISION],
    "@twice": [{ send: { use: "@discover" } }, { send: { use: "@discover" } }],
  };
  const host: Host = { url: URL_, fetch: fake() };
  const exchange = one(
    { play: "@twice" },
    { send: { use: "@discover" }, expect: [{ proves: ["a.b"], reply: { id: 3 } }] },
  );
  expect(
    await walk(exchange, { host, templates: own, revision: REVISION, mode: "plain" }),
  ).toMatchObject({
    verdict: "pass",
  });
});

test("requests: templates, merge patch, pointers, raw bodies", () => {
  const own = templates[REVISION] ?? {};
  const names: { [name: string]: string } = {
    endpoint: "/mcp",
    accept: "a/b",
    revision: REVISION,
    step: "9",
  };
  const make = (
    request: Parameters<typeof overlay>[0],
  ): { headers: { [name: string]: string }; body: string } => {
    const ready = build(overlay(request, own), (name) => names[name]);
    return {
      headers: Object.fromEntries(ready.headers),
      body: new TextDecoder().decode(ready.body),
    };
  };
  const call = make({
    use: "@call",
    headers: { "mcp-METHOD": "x", "Content-Type": null },
    body: { params: { name: "n", _meta: null } },
  });
  expect(call.headers).toEqual({
    Accept: "a/b",
    "MCP-Protocol-Version": REVISION,
    "mcp-METHOD": "x",
    "Mcp-Name": "n",
  });
  expect(JSON.parse(call.body)).toEqual({
    jsonrpc: "2.0",
    id: "9",
    method: "tools/call",
    params: { name: "n", arguments: {} },
  });
  expect(make({ use: "@call" }).headers).not.toHaveProperty("Mcp-Name");
  expect(make({ use: "@call", raw: ["{", { text: "[", times: 3 }, "{{step}}"] }).body).toBe(
    "{[[[9",
  );
  expect(make({ use: "@call", bytes: "AGE=" }).body).toBe("\u0000a");
  expect(build(overlay({ headers: { A: ["1", "2"] } }, own), () => undefined).headers).toEqual([
    ["A", "1"],
    ["A", "2"],
  ]);
  expect(patch({ a: { b: 1, c: 2 }, d: 1 }, { a: { b: null }, d: [1], e: {} })).toEqual({
    a: { c: 2 },
    d: [1],
    e: {},
  });
});

/** A site with a form, a cookie and a redirect; says back what it was sent. */
const site: Host["fetch"] = async (url, init) => {
  const headers = new Headers(init.headers);
  const body = await new Request(url, init).text();
  if (url.pathname === "/form") {
    const html = `<p><FORM method=post action='/next?a=1&amp;b=2'><input type="hidden" name=h value="&quot;x&quot; &#60;&#x3e; y">
      <input name="who"><input type=checkbox name="off"><input type="checkbox" name="on" value="1" checked>
      <input type=submit name="s" value="x"><button name="b">x</button></form><form action="/second"></form>`;
    return new Response(html, {
      headers: [
        ["Content-Type", "text/html; charset=utf-8"],
        ["Set-Cookie", "a=1; Path=/"],
        ["Set-Cookie", "b=2; HttpOnly"],
      ],
    });
  }
  if (url.pathname === "/forget")
    return new Response("", { headers: { "Set-Cookie": "a=; Max-Age=0" } });
  if (url.pathname === "/away")
    return new Response(null, {
      status: 303,
      headers: { Location: "com.example:/cb?x=1&y=a%26b&x=2#part" },
    });
  const said = {
    method: init.method ?? "",
    url: url.href,
    body,
    cookie: headers.get("cookie"),
    auth: headers.get("authorization"),
    type: headers.get("content-type"),
  };
  return Response.json(said);
};

test("forms, cookies, queries, credentials and redirects, as a browser and an OAuth client have them", async () => {
  const form = {
    action: "https://fake.test/next?a=1&b=2",
    method: "POST",
    fields: { $equals: { h: '"x" <> y', who: "", on: "1" } },
  };
  const type = "application/x-www-form-urlencoded";
  const exchange = one(
    {
      send: { path: "/form", jar: "j" },
      expect: [
        { form },
        { form: { $save: "page" }, headers: { "Set-Cookie": "a=1; Path=/, b=2; HttpOnly" } },
      ],
    },
    {
      send: {
        submit: "page",
        jar: "j",
        form: { who: "{{person}} & co", on: null, more: ["1", "2"] },
      },
      expect: [
        {
          json: {
            method: "POST",
            url: form.action,
            cookie: "a=1; b=2",
            type,
            body: {
              $pattern: "^h=%22x%22\\+%3C%3E\\+y&who=person-[^&]*\\+%26\\+co&more=1&more=2$",
            },
          },
        },
      ],
    },
    { send: { path: "/echo", jar: "other" }, expect: [{ json: { cookie: null, method: "GET" } }] },
    { send: { path: "/forget", jar: "j" }, expect: [{ status: 200 }] },
    {
      send: { path: "/echo?a=1", jar: "j", query: { b: ["2", "&"], c: null } },
      expect: [{ json: { cookie: "b=2", url: "https://fake.test/echo?a=1&b=2&b=%26" } }],
    },
    {
      send: { path: "/echo", method: "POST", basic: ["a:b c", "{{person}}%"], form: { x: "" } },
      expect: [{ json: { auth: { $pattern: "^Basic (?<credentials>.*)$" }, body: "x=" } }],
    },
    {
      send: { path: "/away" },
      expect: [
        {
          location: {
            $equals: {
              url: "com.example:/cb",
              query: { x: ["1", "2"], y: "a&b" },
              fragment: "part",
            },
          },
        },
      ],
    },
    { send: { path: "/echo", submit: "gone" } },
  );
  const { verdict, why, kept } = await run(exchange, { fetch: site });
  expect({ verdict, why }).toEqual({ verdict: "setup", why: "step 8: nobody kept {{gone}}" });
  expect(atob(String(kept.get("credentials")))).toMatch(/^a%3Ab\+c:person-\w+%25$/u);
});

test("callers come with their credentials, and a second name of the server may be missing", async () => {
  const step: Step = {
    send: { path: "/echo", as: "alice" },
    expect: [{ json: { auth: "Bearer alice" } }],
  };
  const callers = async (name: string): Promise<[string, string][]> =>
    await Promise.resolve([["Authorization", `Bearer ${name}`]]);
  expect((await run(one(step), { fetch: site, callers })).verdict).toBe("pass");
  const away = one({
    send: { path: "{{elsewhere}}/echo" },
    expect: [{ json: { url: "https://other.test/echo" } }],
  });
  expect((await run(away, { fetch: site })).verdict).toBe("untested");
  expect((await run(away, { fetch: site, elsewhere: "https://other.test" })).verdict).toBe("pass");
});

test("what stands in a form or a redirect is looked at closely", async () => {
  const whole: Check = {
    proves: ["a.b"],
    form: { action: { $type: "string" }, fields: { h: { $type: "string" } } },
  };
  const to: Check = {
    proves: ["a.b"],
    status: 303,
    location: { url: "com.example:/cb", query: { y: "a&b" } },
  };
  const { seen } = await run(
    one({ send: { path: "/form" }, expect: [whole] }, { send: { path: "/away" }, expect: [to] }),
    { fetch: site },
  );
  const names = seen.map(({ check, view }) => mutants(check, view).map(([name]) => name));
  expect(names[0]).toEqual([
    "without form",
    "without form.action",
    "without form.fields",
    "without form.fields.h",
  ]);
  expect(names[1]).toContain("without location.query.y");
  expect(seen.flatMap(({ check, view, kept }) => unnoticed(check, view, kept))).toEqual([]);
});

test("SSE is parsed alike however it is cut", () => {
  const text =
    "\r\n: c\r\ndata: a\r\n\r\nevent:e\rdata:b\r\r\ndata\nretry: 5\nid: 1\ndata:  x\n\nretry: x\n\n";
  const parsed = (size: number): unknown[] => {
    const found: unknown[] = [];
    const feed = sseParser(
      (event) => found.push(event),
      () => found.push("comment"),
    );
    for (let at = 0; at < text.length; at += size) feed(text.slice(at, at + size));
    return found;
  };
  expect(parsed(text.length)).toEqual([
    "comment",
    { data: "a" },
    { event: "e", data: "b" },
    { data: "\n x", retry: 5, id: "1" },
  ]);
  for (const size of [1, 2, 3, 5]) expect(parsed(size)).toEqual(parsed(text.length));
});

test("vacuous checks are found", () => {
  const found = (check: Check): number => vacuous({ proves: ["a.b"], ...check }, "send").length;
  for (const check of [
    { status: 200 },
    { body: "" },
    { messages: [] },
    { reply: { $absent: true } },
    { headers: { a: { $absent: true } } },
  ] as Check[]) {
    expect(found(check), JSON.stringify(check)).toBeGreaterThan(0);
  }
  for (const check of [
    { headers: { "content-type": { $type: "string" } } },
    { reply: { $type: "object" } },
  ] as Check[]) {
    expect(found(check), JSON.stringify(check)).toBeGreaterThan(0);
  }
  for (const check of [
    { status: 202, body: "" },
    { status: 400 },
    { reply: { result: { x: 1 } } },
    { reply: { id: "{{step}}" } },
  ] as Check[]) {
    expect(found(check), JSON.stringify(check)).toBe(0);
  }
  expect(vacuous({ messages: [], ended: false }, "read")).toEqual([]);
  expect(vacuous({ messages: [] }, "read")).not.toEqual([]);
});

test("every single fault in a good answer is noticed", async () => {
  for (const exchange of discover) {
    const { seen } = await run(exchange, {});
    for (const { check, view, kept } of seen) {
      expect(mutants(check, view).length).toBeGreaterThan(1);
      expect(unnoticed(check, view, kept)).toEqual([]);
    }
  }
});

test("a check that overlooks a fault is found", async () => {
  const lax: Check = {
    proves: ["a.b"],
    reply: {
      result: { supportedVersions: { $any: [{ $type: "array" }, { $not: { $type: "array" } }] } },
    },
  };
  const blind: Check = { proves: ["a.b"], status: { $any: [200, 299] }, reply: { id: 1 } };
  const { seen } = await run(one({ send: { use: "@discover" }, expect: [lax, blind] }), {});
  expect(seen.map(({ check, view, kept }) => unnoticed(check, view, kept))).toEqual([
    [],
    ["with status 299"],
  ]);
});

test("a check whose needs the server lacks is untested, and the walk goes on", async () => {
  const exchange = one({
    send: { use: "@discover" },
    expect: [
      { needs: ["capabilities/logging"], status: 500 },
      { needs: ["capabilities/logging"], proves: ["a.choice"], status: 500 },
      { proves: ["a.duty"], status: 200 },
    ],
  });
  const without = await run(exchange, { has: new Set(["capabilities/tools"]) });
  expect(without.verdict).toBe("pass");
  expect(without.findings.map(({ proves, verdict }) => [...proves, verdict])).toEqual([
    ["a.choice", "untested"],
    ["a.duty", "pass"],
  ]);
  const with_ = await run(exchange, { has: new Set(["capabilities/logging"]) });
  expect(with_.verdict).toBe("fail");
});

test("a server has the capabilities that it declares: what is false is not declared", async () => {
  const fetch = fake((answer) => {
    const result = answer.body["result"] as JsonObject | undefined;
    if (result !== undefined)
      result["capabilities"] = { resources: { subscribe: true, listChanged: false } };
  });
  const host: Host = { url: URL_, fetch };
  const found = await inventory(host, templates[REVISION] ?? {}, REVISION);
  expect([...found]).toEqual(["capabilities/resources", "capabilities/resources.subscribe"]);
});
