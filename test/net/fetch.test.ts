// The outgoing fetch: which URLs a stranger may have us fetch, and what of an answer reaches the caller.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  checkPublicUrl,
  fetchUntrusted,
  fetchConfigured,
  type FetchLimits,
} from "../../src/net/fetch.ts";

const LIMITS: FetchLimits = {
  accept: "application/json",
  maxBytes: 64,
  timeoutMs: 1_000,
};
const URL_OF_CLIENT = "https://client.example.com/metadata.json";

/** What the other side was asked, and what it answers. */
const asked: Request[] = [];
let answer: (request: Request) => Response | Promise<Response>;

beforeEach(() => {
  asked.length = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push(request);
    return answer(request);
  });
});
afterEach(() => vi.restoreAllMocks());

function says(
  text: BodyInit | null,
  headers: Record<string, string> = {},
  status: number = 200,
): void {
  answer = () =>
    new Response(text, { status, headers: { "content-type": "application/json", ...headers } });
}

const outcome = async (limits: FetchLimits = LIMITS): Promise<unknown> => {
  const fetched = await fetchUntrusted(URL_OF_CLIENT, limits);
  return fetched.ok ? fetched.value.json : fetched.error;
};

describe("a stranger's URL", () => {
  test.each([
    "https://client.example.com/metadata.json",
    "https://client.example.com:443/",
    "https://CLIENT.Example.com/a?b=c",
    "https://xn--bcher-kva.example.com/",
    "https://bücher.example.com/",
    "https://local.example.com/",
    "https://internal.dev/",
    "https://lan.corp.io/",
    "https://1.2.3.4.example.com/",
    "https://a_b.example.com/",
    "https://xn--d1acj3b.xn--p1ai/",
  ])("%s may be fetched", (url) => expect(checkPublicUrl(url)).toMatchObject({ ok: true }));

  test.each<[reason: string, urls: string[]]>([
    [
      "url.malformed",
      [
        "",
        "client.example.com",
        "//client.example.com/",
        "https://",
        "https://[::1",
        "https://a b.example/",
      ],
    ],
    ["url.malformed", ["https://1.2.3.4.5/", "https://256.1.1.1/", "https://1.2.3.0x1ff/"]],
    [
      "url.scheme",
      [
        "http://client.example.com/",
        "ftp://client.example.com/",
        "file:///etc/passwd",
        "data:application/json,{}",
      ],
    ],
    [
      "url.scheme",
      [
        "javascript:fetch('https://client.example.com/')",
        "ws://client.example.com/",
        "blob:https://a.example/b",
      ],
    ],
    [
      "url.userinfo",
      [
        "https://a@client.example.com/",
        "https://a:b@client.example.com/",
        "https://:b@client.example.com/",
      ],
    ],
    [
      "url.userinfo",
      ["https://client.example.com@127.0.0.1/", "https://client.example.com%40a@b.example/"],
    ],
    [
      "url.port",
      [
        "https://client.example.com:8443/",
        "https://client.example.com:80/",
        "https://127.0.0.1:6379/",
      ],
    ],
  ])("%s: %j", (reason, urls) => {
    for (const url of urls) expect(checkPublicUrl(url), url).toEqual({ ok: false, error: reason });
  });

  // Every notation of an address is one to the URL parser, and to whoever connects.
  test.each<[what: string, hosts: string[]]>([
    [
      "IPv4 loopback",
      [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
      ],
    ],
    [
      "IPv4 loopback in disguise",
      ["0x7f.1", "127.0.0.1.", "127。0。0。1", "１２７.0.0.1", "%31%32%37.0.0.1"],
    ],
    ["this host and this network", ["0.0.0.0", "0", "0.1.2.3"]],
    [
      "private IPv4",
      ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "3232235521", "100.64.0.1"],
    ],
    [
      "link-local and metadata IPv4",
      ["169.254.169.254", "0xa9fea9fe", "2852039166", "192.0.0.192", "168.63.129.16"],
    ],
    [
      "test, multicast and reserved IPv4",
      ["198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"],
    ],
    ["public IPv4: a client has a name", ["8.8.8.8", "1.1.1.1", "1.1"]],
    ["IPv6 loopback and unspecified", ["[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"]],
    [
      "IPv4 inside IPv6",
      ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]"],
    ],
    [
      "IPv4 behind a translator",
      ["[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]"],
    ],
    [
      "private and link-local IPv6",
      ["[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[febf::1]", "[fec0::1]", "[ff02::1]"],
    ],
    ["public IPv6: a client has a name", ["[2606:4700::1]"]],
    [
      "names of this machine",
      ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost", "ｌocalhost"],
    ],
    [
      "names of this network",
      ["printer.local", "metadata.google.internal", "a.internal", "nas.home.arpa", "home.arpa"],
    ],
    [
      "names of other networks",
      [
        "api.default.svc",
        "nas.lan",
        "wiki.corp",
        "fritz.home",
        "a.private",
        "a.intranet",
        "pc.localdomain",
        "x.onion",
      ],
    ],
    [
      "names of no network",
      ["client.example", "client.test", "a.invalid", "a.alt", "1.0.0.127.in-addr.arpa"],
    ],
    [
      "localhost with something behind it",
      ["localhost.com", "localhost.localdomain", "LOCALHOST.example.com"],
    ],
    [
      "names without a public suffix",
      ["a.b", "a.b1", "a.1b", "db.prod-1", "a.b_c", "a.-", "a.xn--"],
    ],
    [
      "characters of no name",
      ['a".com', "a'b.com", "a(b).com", "a;b.com", "a..com", ".com", "a!.com", "a`.com"],
    ],
    ["names without a dot", ["intranet", "router", "com", "metadata", "a1"]],
    ["names with a dot at the end", ["client.example.com.", "printer.local.", "a.internal."]],
  ])("%s: %j", (_, hosts) => {
    for (const host of hosts)
      expect(checkPublicUrl(`https://${host}/`), host).toEqual({ ok: false, error: "url.host" });
  });

  test("that is refused is not fetched", async () => {
    says("{}");
    expect(await fetchUntrusted("https://127.0.0.1/", LIMITS)).toEqual({
      ok: false,
      error: "url.host",
    });
    expect(await fetchUntrusted("http://client.example.com/", LIMITS)).toEqual({
      ok: false,
      error: "url.scheme",
    });
    expect(asked).toEqual([]);
  });
});

describe("an answer", () => {
  test("comes with status, headers, text and JSON", async () => {
    says('{"a":1}', { "cache-control": "max-age=60" }, 404);
    const fetched = await fetchUntrusted(URL_OF_CLIENT, LIMITS);
    expect(fetched).toMatchObject({
      ok: true,
      value: { status: 404, text: '{"a":1}', json: { a: 1 } },
    });
    expect(fetched.ok && fetched.value.headers.get("cache-control")).toBe("max-age=60");
  });

  test.each(["[1]", "null", '"a"', "{", ""])("%j is no JSON object", async (text) => {
    says(text);
    expect(await fetchUntrusted(URL_OF_CLIENT, LIMITS)).toMatchObject({
      ok: true,
      value: { text, json: undefined },
    });
  });

  test.each([300, 301, 302, 303, 304, 307, 308])(
    "that redirects is refused: %i",
    async (status) => {
      says(null, { location: "https://127.0.0.1/" }, status);
      expect(await outcome()).toBe("fetch.redirect");
      expect(asked.map(({ redirect }) => redirect)).toEqual(["manual"]);
    },
  );

  test("may have as many bytes as the limit says, and not one more", async () => {
    const object = (size: number): string => JSON.stringify({ a: "x".repeat(size - 8) });
    says(object(64));
    expect(await outcome()).toHaveProperty("a");
    says(object(65));
    expect(await outcome()).toBe("fetch.large");
  });

  test("that never ends is cut off, and its source told", async () => {
    let cancelled = false;
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) =>
        controller.enqueue(new TextEncoder().encode(`${(pulled += 1)}`.padEnd(16))),
      cancel: () => {
        cancelled = true;
      },
    });
    says(endless, { "content-length": "2" });
    expect(await outcome()).toBe("fetch.large");
    expect(cancelled).toBe(true);
    expect(pulled).toBeLessThan(12);
  });

  test("that is late is given up, before its head and in its body", async () => {
    const hurried = { ...LIMITS, timeoutMs: 20 };
    answer = ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("aborted"))),
      );
    expect(await outcome(hurried)).toBe("fetch.timeout");
    answer = ({ signal }) => {
      const start = (controller: ReadableStreamDefaultController): void =>
        signal.addEventListener("abort", () => controller.error(new Error("aborted")));
      return new Response(new ReadableStream({ start }), {
        headers: { "content-type": "application/json" },
      });
    };
    expect(await outcome(hurried)).toBe("fetch.timeout");
  });

  test("that does not come is a reason, not an exception", async () => {
    answer = () => Promise.reject(new Error("Network connection lost"));
    expect(await outcome()).toBe("fetch.failed");
  });

  test("must be of an accepted type, when it is a good one", async () => {
    for (const type of [
      "application/json",
      "APPLICATION/JSON; charset=utf-8",
      "application/x+json",
      "application/vnd.api+json; charset=utf-8",
    ]) {
      says("{}", { "content-type": type });
      expect(await outcome(), type).toEqual({});
    }
    for (const type of [
      "text/html",
      "text/json",
      "application/json2",
      "application/+json",
      "application/problem+json",
      "text/x+json",
      "application/x+json, text/html",
      "application/",
      "",
      "text/html, application/json",
    ]) {
      says("{}", { "content-type": type });
      expect(await outcome(), type).toBe("fetch.type");
      expect(await outcome({ ...LIMITS, accept: "*/*" }), type).toEqual({});
    }
    says("{}", { "content-type": "text/html" }, 401);
    expect(await outcome()).toEqual({});
  });

  test("may be of any type of JSON, where one is asked for", async () => {
    for (const accept of [
      "application/vnd.github+json",
      "Application/JSON; q=0.9",
      "text/plain, */*;q=0.1",
    ]) {
      says("{}", { "content-type": "application/json; charset=utf-8" });
      expect(await outcome({ ...LIMITS, accept }), accept).toEqual({});
    }
  });

  test("of no type is one, where it is empty", async () => {
    const empty = { ok: true, value: { text: "", json: undefined } };
    for (const [status, fields] of [
      [204, {}],
      [205, { "content-type": "text/html" }],
      [202, {}],
      [201, { "content-type": "text/html; charset=utf-8", "content-length": "0" }],
    ] as const) {
      const body = status === 201 ? "" : null;
      answer = () => Promise.resolve(new Response(body, { status, headers: fields }));
      const fetched = await fetchUntrusted(URL_OF_CLIENT, LIMITS);
      expect(fetched, String(status)).toMatchObject({
        ...empty,
        value: { ...empty.value, status },
      });
    }
    answer = () => Promise.resolve(new Response(new TextEncoder().encode("{}")));
    expect(await outcome()).toBe("fetch.type");
    says("x".repeat(65), { "content-type": "text/html" });
    expect(await outcome()).toBe("fetch.type");
    // One that stays open is not waited for.
    const { readable } = new TransformStream<Uint8Array, Uint8Array>();
    says(readable, { "content-type": "text/event-stream" });
    expect(await outcome()).toBe("fetch.type");
  });

  test.each([401, 404, 429, 503])(
    "that says %i does so however large its page is, and in any encoding",
    async (status) => {
      for (const page of ["x".repeat(65), new Uint8Array([0x22, 0xff, 0x22])]) {
        says(page, {}, status);
        expect(await fetchUntrusted(URL_OF_CLIENT, LIMITS)).toMatchObject({
          ok: true,
          value: { status, text: "", json: undefined },
        });
      }
    },
  );

  test("must be UTF-8", async () => {
    says(new Uint8Array([0x22, 0xff, 0x22]));
    expect(await outcome()).toBe("fetch.utf8");
  });
});

describe("a request", () => {
  test("of a stranger's URL is a bare GET, past every cache", async () => {
    says("{}");
    await outcome();
    const [request] = asked;
    expect(request).toMatchObject({ url: URL_OF_CLIENT, method: "GET", cache: "no-store" });
    expect([...(request?.headers.keys() ?? [])].toSorted()).toEqual(["accept", "user-agent"]);
    expect(request?.headers.get("accept")).toBe(LIMITS.accept);
  });

  test("has the caller's headers in place of its own, however they are written", async () => {
    says("{}");
    const headers = { "User-Agent": "myapp (me@example.com)", Accept: "text/plain" };
    await fetchConfigured("http://127.0.0.1/", { ...LIMITS, headers });
    const [request] = asked;
    expect(request?.headers.get("user-agent")).toBe("myapp (me@example.com)");
    expect(request?.headers.get("accept")).toBe(LIMITS.accept);
    const wrong = { "a header": "x" };
    expect(await fetchConfigured("http://127.0.0.1/", { ...LIMITS, headers: wrong })).toEqual({
      ok: false,
      error: "fetch.failed",
    });
  });

  test("of the operator's URL may be a POST with headers, to http and to loopback", async () => {
    says("{}");
    const body = "token=a";
    const headers = {
      authorization: "Basic eA==",
      "content-type": "application/x-www-form-urlencoded",
    };
    const fetched = await fetchConfigured("http://127.0.0.1:9/introspect", {
      ...LIMITS,
      method: "POST",
      headers,
      body,
    });
    expect(fetched).toMatchObject({ ok: true, value: { status: 200 } });
    const [request] = asked;
    expect(request).toMatchObject({
      url: "http://127.0.0.1:9/introspect",
      method: "POST",
      redirect: "manual",
    });
    expect(request?.headers.get("authorization")).toBe("Basic eA==");
    expect(await request?.text()).toBe(body);
  });

  test.each(["ftp://a.example/", "data:application/json,{}", "", "a"])(
    "of %j is refused even so",
    async (url) => {
      expect(await fetchConfigured(url, LIMITS)).toEqual({ ok: false, error: "url.scheme" });
      expect(asked).toEqual([]);
    },
  );
});
