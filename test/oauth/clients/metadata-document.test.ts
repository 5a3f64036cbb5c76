/** Clients that publish a document: which ids are fetched, which documents believed, and how long they are kept. */

import { afterEach, describe, expect, it, vi } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import { findClient } from "../../../src/oauth/clients/find.ts";
import {
  cacheLifetimeSeconds,
  isClientUrl,
  parseClientMetadataDocument,
} from "../../../src/oauth/clients/metadata-document.ts";
import { serverMetadataResponse } from "../../../src/oauth/authorization-server/metadata.ts";
import {
  recordingAuthorizationServer,
  IDENTIFIERS,
  serveResponses,
  type RecordingAuthorizationServer,
} from "./recording-server.ts";
import { authorizeUrl, createBrowser } from "../browser.ts";

const OWN = "mcp.test.example.com";
const plain = recordingAuthorizationServer();
const desk: RecordingAuthorizationServer = {
  ...plain,
  settings: { ...plain.settings, publicHost: OWN },
};
const ID = "https://client.example.com/oauth/client.json";

/** Each test has a URL of its own, because documents are kept as long as the isolate. */
let count = 0;
const freshId = () => `https://client.example.com/${++count}/client.json`;

function documentOf(client_id: string, more: JsonObject = {}): JsonObject {
  return { client_id, client_name: "Client", redirect_uris: ["http://127.0.0.1:3000/cb"], ...more };
}

function answer(
  body: JsonObject | string,
  headers: Record<string, string> = {},
  status: number = 200,
): () => Response {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return () =>
    new Response(text, { status, headers: { "content-type": "application/json", ...headers } });
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Every way to spell an address or a name that only this machine or its network knows. */
const PRIVATE_HOSTS = [
  "localhost",
  "LOCALHOST",
  "localhost.",
  "a.localhost",
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "127.0.0.1.",
  "2130706433",
  "0x7f000001",
  "0x7f.0.0.1",
  "0177.0.0.1",
  "017700000001",
  "0",
  "0.0.0.0",
  "127.255.255.254",
  "%31%32%37.0.0.1",
  "\u0031\u0032\u0037.0.0.1",
  "\uFF11\uFF12\uFF17.0.0.1",
  "127\u30020.0.1",
  "\u24DBocalhost",
  "[::1]",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[fd00::1]",
  "[fc00::1]",
  "[fe80::1]",
  "[::ffff:a9fe:a9fe]",
  "169.254.169.254",
  "0xa9fea9fe",
  "2852039166",
  "169.254.43518",
  "10.0.0.1",
  "10.1",
  "012.0.0.1",
  "172.16.0.1",
  "192.168.0.1",
  "192.168.1",
  "0xc0a80001",
  "100.64.0.1",
  "255.255.255.255",
  "224.0.0.1",
  "1.1.1.1",
  "[2606:4700::1111]",
  "metadata",
  "intranet",
  "metadata.google.internal",
  "printer.local",
  "x.home.arpa",
  "client.example.com.",
  "svc.cluster.local",
  "api.default.svc",
  "nas.lan",
  "wiki.corp",
  "x.internal",
  "x.onion",
  "client.test",
  "localhost.example.com",
  // Our own, which would wait for itself.
  "mcp.test.example.com",
  "client.example.com:80",
  "client.example.com:8443",
  "client.example.com:22",
];

const MALFORMED = [
  "https://",
  "https:///c.json",
  "https://client.example.com",
  "https://client.example.com/",
  "https://client.example.com?x=/c.json",
  "https://client.example.com#/c.json",
  "https://client.example.com/c.json#",
  "https://client.example.com/c.json#x",
  "https://user@client.example.com/c.json",
  "https://user:secret@client.example.com/c.json",
  "https://@client.example.com/c.json",
  "https://:@client.example.com/c.json",
  "https://client.example.com@evil.example/c.json",
  "https://client.example.com\\@evil.example/c.json",
  "https://client.example.com\\c.json",
  "https://client.example.com/./c.json",
  "https://client.example.com/a/../c.json",
  "https://client.example.com/a/%2e%2e/c.json",
  "https://client.example.com/a/.%2E/c.json",
  "https://client.example.com/..",
  "https://client.example.com/a/.",
  "https://CLIENT.example.com/c.json",
  "https://client.example.com:443/c.json",
  "https://client.example.com:0443/c.json",
  "https://client.example.com/c d.json",
  "https://client.example.com/c.json\n",
  "https://client.example.com/\tc.json",
  "https://cli\nent.example.com/c.json",
  "https://client.example.com/\u00E4.json",
  "https://cli\u00ADent.example.com/c.json",
  "https://%63lient.example.com/c.json",
  `https://client.example.com/${"a".repeat(1_000)}`,
];

describe("a client id that is a URL", () => {
  it.each([
    ID,
    "https://client.example.com/c",
    "https://client.example.com/c?v=1",
    "https://client.example.com//c",
    "https://xn--bcher-kva.example.com/c",
  ])("may be %s", (id) => {
    expect(isClientUrl(id)).toBe(true);
  });

  it.each(PRIVATE_HOSTS.map((host) => `https://${host}/c.json`))(
    "is never fetched from %s",
    async (id) => {
      const asked = serveResponses({});
      expect(await findClient(desk, id)).toMatchObject({
        ok: false,
        error: { error: "invalid_client", reason: "document.url" },
      });
      expect(asked).toEqual([]);
    },
  );

  it.each(MALFORMED)("is never fetched when it is %j", async (id) => {
    const asked = serveResponses({});
    expect(await findClient(desk, id)).toMatchObject({
      ok: false,
      error: { error: "invalid_client", reason: "document.url" },
    });
    expect(asked).toEqual([]);
  });
});

describe("a document", () => {
  it("makes a client that its host vouches for", async () => {
    const id = freshId();
    const more = {
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      scope: "read",
      logo_uri: "x",
    };
    serveResponses({
      [id]: answer(documentOf(id, more), { "content-type": "application/json; charset=utf-8" }),
    });
    expect(await findClient(desk, id)).toEqual({
      ok: true,
      value: {
        id,
        key: id,
        name: "Client",
        metadataHost: "client.example.com",
        redirectUris: ["http://127.0.0.1:3000/cb"],
        grantTypes: ["authorization_code", "refresh_token"],
        scopes: undefined,
        defaultScopes: ["read"],
        auth: { method: "none" },
      },
    });
  });

  it("may publish keys, or where they are", () => {
    const jwks = { keys: [{ kty: "EC", crv: "P-256" }] };
    const method = { token_endpoint_auth_method: "private_key_jwt" };
    const jwks_uri = "https://client.example.com/jwks.json";
    expect(parseClientMetadataDocument(ID, documentOf(ID, { ...method, jwks }), [])).toMatchObject({
      value: { auth: { method: "private_key_jwt", jwks } },
    });
    expect(
      parseClientMetadataDocument(ID, documentOf(ID, { ...method, jwks_uri }), []),
    ).toMatchObject({
      value: { auth: { jwks: jwks_uri } },
    });
  });

  it("is taken with those of its redirect URIs that can be", () => {
    const good = ["https://client.example.com/cb", "http://localhost:3000/cb"];
    const others = ["JAVASCRIPT:alert(1)", "neweditor://auth", "http://client.example.com/cb"];
    const client = parseClientMetadataDocument(
      ID,
      documentOf(ID, { redirect_uris: [...others, ...good, ...others] }),
      [],
    );
    expect(client).toMatchObject({ ok: true, value: { redirectUris: good } });
  });

  it("may say null where it says nothing", () => {
    const without = parseClientMetadataDocument(ID, documentOf(ID), ["read"]);
    const optional = [
      "client_secret",
      "client_secret_expires_at",
      "grant_types",
      "response_types",
      "scope",
      "jwks",
    ];
    for (const name of [
      ...optional,
      "jwks_uri",
      "token_endpoint_auth_method",
      "application_type",
      "logo_uri",
    ])
      expect([
        name,
        parseClientMetadataDocument(ID, documentOf(ID, { [name]: null }), ["read"]),
      ]).toEqual([name, without]);
    const method = { token_endpoint_auth_method: "private_key_jwt" };
    const keys = { jwks: null, jwks_uri: "https://client.example.com/jwks.json" };
    expect(parseClientMetadataDocument(ID, documentOf(ID, { ...method, ...keys }), []).ok).toBe(
      true,
    );
    expect(without).toMatchObject({
      value: { grantTypes: ["authorization_code", "refresh_token"] },
    });
  });

  it.each<[string, JsonObject]>([
    ["another id", { client_id: "https://client.example.com/oauth/other.json" }],
    ["its id with another case", { client_id: "https://client.example.com/oauth/Client.json" }],
    ["its id with a port", { client_id: "https://client.example.com:443/oauth/client.json" }],
    ["its id with a slash", { client_id: `${ID}/` }],
    ["its id with a query", { client_id: `${ID}?` }],
    ["the id of somebody's bank", { client_id: "https://bank.example/client.json" }],
    ["ids in a list", { client_id: [ID] }],
    ["no id", { client_id: null }],
    ["a secret", { client_secret: "x" }],
    ["an empty secret", { client_secret: "" }],
    ["the end of a secret", { client_secret_expires_at: 0 }],
    ["no name", { client_name: null }],
    ["an empty name", { client_name: " \u202E" }],
    ["a number for a name", { client_name: 1 }],
    ["no redirect URIs", { redirect_uris: [] }],
    ["redirect URIs that are none", { redirect_uris: "http://127.0.0.1:3000/cb" }],
    ["a script alone", { redirect_uris: ["JAVASCRIPT:alert(1)"] }],
    ["data", { redirect_uris: ["data:text/html,x"] }],
    ["plain http", { redirect_uris: ["http://client.example.com/cb"] }],
    ["a look-alike of loopback", { redirect_uris: ["http://localhost.evil.example/cb"] }],
    ["no code", { grant_types: ["client_credentials"] }],
    ["the implicit response", { response_types: ["token"] }],
    ["a shared secret as Basic", { token_endpoint_auth_method: "client_secret_basic" }],
    ["a shared secret in the form", { token_endpoint_auth_method: "client_secret_post" }],
    ["a shared secret in a JWT", { token_endpoint_auth_method: "client_secret_jwt" }],
    [
      "a shared secret beside keys",
      { token_endpoint_auth_method: "client_secret_basic", jwks: { keys: [] } },
    ],
    ["an unknown method", { token_endpoint_auth_method: "tls_client_auth" }],
    ["a method that is no string", { token_endpoint_auth_method: ["none"] }],
    [
      "keys in two places, though it uses none",
      { jwks: {}, jwks_uri: "https://client.example.com/j" },
    ],
    ["keys nowhere", { token_endpoint_auth_method: "private_key_jwt" }],
    [
      "keys in two places",
      {
        token_endpoint_auth_method: "private_key_jwt",
        jwks: {},
        jwks_uri: "https://client.example.com/j",
      },
    ],
    ["keys in a list", { token_endpoint_auth_method: "private_key_jwt", jwks: [] }],
    [
      "keys in a string",
      { token_endpoint_auth_method: "private_key_jwt", jwks: "https://client.example.com/j" },
    ],
    [
      "keys over plain http",
      { token_endpoint_auth_method: "private_key_jwt", jwks_uri: "http://client.example.com/j" },
    ],
    ...PRIVATE_HOSTS.map((host): [string, JsonObject] => [
      `keys at ${host}`,
      { token_endpoint_auth_method: "private_key_jwt", jwks_uri: `https://${host}/jwks.json` },
    ]),
  ])("is refused when it holds %s", (_, more) => {
    expect(parseClientMetadataDocument(ID, documentOf(ID, more), ["read"], OWN).ok).toBe(false);
    expect(parseClientMetadataDocument(ID, documentOf(ID), ["read"], OWN).ok).toBe(true);
  });

  it.each(["client_id", "client_name", "redirect_uris"])("is refused without %s", (member) => {
    const { [member]: _, ...rest } = documentOf(ID);
    expect(parseClientMetadataDocument(ID, rest, []).ok).toBe(false);
  });

  it.each<[string, (id: string) => () => Response, string]>([
    [
      "a redirect",
      (id) => () => new Response(null, { status: 302, headers: { location: `${id}?2` } }),
      "invalid_client",
    ],
    ["not found", (id) => answer(documentOf(id), {}, 404), "invalid_client"],
    ["created", (id) => answer(documentOf(id), {}, 201), "invalid_client"],
    ["broken", (id) => answer(documentOf(id), {}, 500), "temporarily_unavailable"],
    [
      "broken, with a large page",
      () => answer("x".repeat(5_200), {}, 522),
      "temporarily_unavailable",
    ],
    ["too busy", (id) => answer(documentOf(id), {}, 429), "temporarily_unavailable"],
    ["too slow", (id) => answer(documentOf(id), {}, 408), "temporarily_unavailable"],
    ["HTML", (id) => answer(documentOf(id), { "content-type": "text/html" }), "invalid_client"],
    ["of no type", (id) => answer(documentOf(id), { "content-type": "" }), "invalid_client"],
    ["not JSON", () => answer("<html>"), "invalid_client"],
    ["a list", (id) => answer(JSON.stringify([documentOf(id)])), "invalid_client"],
    ["null", () => answer("null"), "invalid_client"],
    ["empty", () => answer(""), "invalid_client"],
    ["cut", (id) => answer(JSON.stringify(documentOf(id)).slice(0, -1)), "invalid_client"],
    ["too large", (id) => answer(documentOf(id, { padding: "x".repeat(5_120) })), "invalid_client"],
    ["forged", () => answer(documentOf(ID)), "invalid_client"],
    [
      "unreachable",
      () => () => {
        throw new TypeError("unreachable");
      },
      "temporarily_unavailable",
    ],
  ])("that is %s is refused, and its failure forgotten at once", async (_, failing, error) => {
    const id = freshId();
    let answering = failing(id);
    const asked = serveResponses({ [id]: () => answering(), [`${id}?2`]: answer(documentOf(id)) });
    expect(await findClient(desk, id)).toMatchObject({ ok: false, error: { error } });
    expect(asked).toEqual([id]);
    answering = answer(documentOf(id));
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
  });

  it("that cannot be had leads to a page that names the host, and nothing else of the address", async () => {
    const id = `https://metadata.client.example.com/secret-path/${++count}?token=x`;
    for (const [answers, error] of [
      [{}, "temporarily_unavailable"],
      [{ [id]: answer("", {}, 503) }, "temporarily_unavailable"],
      [{ [id]: answer("", {}, 404) }, "invalid_client"],
      [{ [id]: answer("<p>", { "content-type": "text/html" }) }, "invalid_client"],
    ] as const) {
      serveResponses(answers);
      const found = await findClient(desk, id);
      const said = found.ok ? "" : found.error.description;
      expect(found).toMatchObject({ error: { error } });
      expect(said).toMatch(/ metadata\.client\.example\.com$/);
      expect(said).not.toMatch(/secret-path|token/);
      const { html, status } = await createBrowser(desk).request(authorizeUrl({ client_id: id }));
      expect([status, html.includes("from metadata.client.example.com")]).toEqual([400, true]);
    }
  });

  it("is not asked for where the operator wants none, and the metadata say so", async () => {
    const off: RecordingAuthorizationServer = {
      ...desk,
      settings: { ...desk.settings, acceptsMetadataDocuments: false },
    };
    const id = freshId();
    const asked = serveResponses({ [id]: answer(documentOf(id)) });
    expect(await findClient(off, id)).toMatchObject({
      error: { error: "invalid_client", reason: "client.unknown" },
    });
    expect(asked).toEqual([]);
    const offered = async ({ settings }: RecordingAuthorizationServer): Promise<unknown> =>
      (await serverMetadataResponse(IDENTIFIERS, settings).json<JsonObject>())[
        "client_id_metadata_document_supported"
      ];
    expect([await offered(off), await offered(desk)]).toEqual([false, true]);
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    // Not even one that was kept before.
    expect(await findClient(off, id)).toMatchObject({ ok: false });
  });

  it("never repeats in its refusal what a stranger wrote", async () => {
    const id = freshId();
    serveResponses({ [id]: answer(documentOf(id, { token_endpoint_auth_method: 'evil"\u202E' })) });
    const found = await findClient(desk, id);
    expect(found.ok ? "" : found.error.description).toMatch(/^(?!.*evil)[ !#-[\]-~]+$/);
  });
});

describe("freshSeconds", () => {
  const NOW = Date.parse("2026-11-21T00:00:00Z");
  it.each<[number, Record<string, string>]>([
    [300, {}],
    [300, { "cache-control": "public" }],
    [60, { "cache-control": "max-age=60" }],
    [60, { "cache-control": 'PUBLIC, Max-Age="60"' }],
    [45, { "cache-control": "max-age=60", age: "15" }],
    [0, { "cache-control": "max-age=60", age: "90" }],
    [0, { "cache-control": "max-age=0" }],
    [86_400, { "cache-control": "max-age=99999999999999999999" }],
    [0, { "cache-control": "no-store" }],
    [0, { "cache-control": "max-age=60, NO-STORE" }],
    [0, { "cache-control": "no-cache, max-age=60" }],
    [0, { "cache-control": "private, max-age=60" }],
    [120, { expires: "Sat, 21 Nov 2026 00:02:00 GMT" }],
    [86_400, { expires: "Mon, 21 Nov 2050 00:00:00 GMT" }],
    [0, { expires: "Fri, 20 Nov 2026 00:00:00 GMT" }],
    [0, { expires: "0" }],
    [60, { "cache-control": "max-age=60", expires: "0" }],
    [0, { "cache-control": "max-age=60", age: "x" }],
  ])("is %i for %j", (seconds, headers) => {
    expect(cacheLifetimeSeconds(new Headers(headers), NOW)).toBe(seconds);
  });
});

describe("a document's cache", () => {
  it("spares the second fetch until the document is stale", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const id = freshId();
    const asked = serveResponses({
      [id]: answer(documentOf(id), { "cache-control": "max-age=60" }),
    });
    for (const [seconds, fetches] of [
      [0, 1],
      [59, 1],
      [2, 2],
      [59, 2],
      [2, 3],
    ] as const) {
      vi.setSystemTime(Date.now() + seconds * 1000);
      expect(await findClient(desk, id)).toMatchObject({ ok: true });
      expect(asked).toHaveLength(fetches);
    }
  });

  it.each<[string, () => Response]>([
    ["a challenge", answer("<p>", { "content-type": "text/html" }, 403)],
    ["a page", answer("<p>", { "content-type": "text/html" })],
    ["a redirect", answer("", { location: "/elsewhere" }, 302)],
    ["trouble", answer("", {}, 503)],
    [
      "silence",
      () => {
        throw new TypeError("down");
      },
    ],
  ])("is used for a day where its host answers with %s", async (_, bad) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const id = freshId();
    let answering = answer(documentOf(id));
    const asked = serveResponses({ [id]: () => answering() });
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    answering = bad;
    vi.setSystemTime(Date.now() + 301_000);
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(2);
    vi.setSystemTime(Date.now() + 86_400_000);
    expect(await findClient(desk, id)).toMatchObject({ ok: false });
  });

  it.each([
    ["is not there any more", answer("", {}, 404)],
    ["is gone", answer("", {}, 410)],
    ["is another's", answer(documentOf(ID))],
  ])("is used no more where it %s", async (_, gone) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const id = freshId();
    let answering = answer(documentOf(id));
    serveResponses({ [id]: () => answering() });
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    answering = gone;
    vi.setSystemTime(Date.now() + 301_000);
    expect(await findClient(desk, id)).toMatchObject({ ok: false });
    // Nor does it come back with the next trouble of its host.
    answering = answer("", {}, 503);
    expect(await findClient(desk, id)).toMatchObject({ ok: false });
  });

  it("is used no more where a newer one came that must not be stored", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const id = freshId();
    let answering = answer(documentOf(id));
    serveResponses({ [id]: () => answering() });
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    vi.setSystemTime(Date.now() + 301_000);
    answering = answer(documentOf(id, { client_name: "New" }), { "cache-control": "no-store" });
    expect(await findClient(desk, id)).toMatchObject({ value: { name: "New" } });
    answering = answer("", {}, 503);
    expect(await findClient(desk, id)).toMatchObject({ ok: false });
  });

  it("keeps nothing that must not be stored", async () => {
    const id = freshId();
    const asked = serveResponses({ [id]: answer(documentOf(id), { "cache-control": "no-store" }) });
    for (const fetches of [1, 2]) {
      expect(await findClient(desk, id)).toMatchObject({ ok: true });
      expect(asked).toHaveLength(fetches);
    }
  });

  it("does not outlive its time when the document becomes bad", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const id = freshId();
    let answering = answer(documentOf(id));
    serveResponses({ [id]: () => answering() });
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    answering = answer(documentOf(ID));
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    vi.setSystemTime(Date.now() + 301_000);
    expect(await findClient(desk, id)).toMatchObject({ ok: false });
  });

  it("keeps 200 documents at most, the newest ones", async () => {
    const ids = Array.from({ length: 201 }, freshId);
    const asked = serveResponses(Object.fromEntries(ids.map((id) => [id, answer(documentOf(id))])));
    for (const id of ids) expect(await findClient(desk, id)).toMatchObject({ ok: true });
    await findClient(desk, ids[200]);
    expect(asked).toHaveLength(201);
    await findClient(desk, ids[0]);
    expect(asked).toHaveLength(202);
    // What is not kept pushes nothing out.
    const id = freshId();
    serveResponses({ [id]: answer(documentOf(id), { "cache-control": "no-store" }) });
    expect(await findClient(desk, id)).toMatchObject({ ok: true });
    expect(await findClient(desk, ids[2])).toMatchObject({ ok: true });
  });
});
