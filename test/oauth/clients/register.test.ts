/** Dynamic registration: what is answered, what is refused and with which code, and what an id is. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { findClient } from "../../../src/oauth/clients/find.ts";
import { serverMetadataResponse } from "../../../src/oauth/authorization-server/metadata.ts";
import { registrationEndpoint } from "../../../src/oauth/clients/register.ts";
import { registerSecret } from "../../secrets.ts";
import {
  recordingAuthorizationServer,
  IDENTIFIERS,
  registerClient,
  registrationRequest,
} from "./recording-server.ts";

const desk = recordingAuthorizationServer();
const PUBLIC: JsonObject = {
  redirect_uris: ["http://127.0.0.1:33418/", "https://client.example/cb"],
  token_endpoint_auth_method: "none",
};

const WEB = ["https://client.example.com/cb"];
/** What a client gets that wants to prove itself in a way that is not there. */
const SECRETIVE: JsonObject = {
  token_endpoint_auth_method: "client_secret_basic",
  client_secret_expires_at: 0,
};

let lines: string[] = [];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line) => {
    lines.push(String(line));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a registration", () => {
  it("of a public client answers 201 with all that was registered, and is not cached", async () => {
    const extra = {
      client_name: "Client",
      logo_uri: "https://client.example/logo.png",
      software_id: 7,
      jwks: "ignored",
    };
    const asked = {
      ...PUBLIC,
      ...extra,
      grant_types: ["authorization_code", "refresh_token"],
      scope: "write other read",
    };
    const answer = await registrationEndpoint(
      desk,
      registrationRequest({ ...asked, application_type: "native", response_types: ["code"] }),
    );
    expect(answer.status).toBe(201);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    const { client_id, client_id_issued_at, ...rest }: Record<string, unknown> =
      await answer.json();
    expect(client_id).toMatch(/^k\.[\w-]{60,600}$/);
    expect(client_id_issued_at).toBeCloseTo(Date.now() / 1000, -1);
    expect(rest).toEqual({
      client_name: "Client",
      application_type: "native",
      scope: "read write",
      redirect_uris: PUBLIC["redirect_uris"],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    });
  });

  it("leaves one audit line that names the client by its key alone", async () => {
    const { client_id } = await registerClient(desk, {
      ...PUBLIC,
      client_name: "Name of a stranger",
    });
    const client = await findClient(desk, client_id);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { event: "oauth.registered", client: client.ok && client.value.key, method: "none" },
    ]);
  });

  it.each([undefined, "client_secret_basic", "client_secret_post"])(
    "with the method %s gets a secret",
    async (method) => {
      const asked = {
        redirect_uris: ["https://client.example/cb"],
        ...(method && { token_endpoint_auth_method: method }),
      };
      const one = await registerClient(desk, asked);
      const { client_id, client_secret = "", ...rest } = one;
      expect(rest).toMatchObject({
        client_secret_expires_at: 0,
        token_endpoint_auth_method: method ?? "client_secret_basic",
      });
      registerSecret(client_secret);
      expect(client_secret).toMatch(/^[\w-]{43}$/);
      expect((await registerClient(desk, asked))["client_secret"]).not.toBe(client_secret);
      expect(await findClient(desk, client_id)).toMatchObject({
        ok: true,
        value: { auth: { method: "secret" } },
      });
      expect(lines.join()).not.toContain(client_secret);
    },
  );

  const both = ["authorization_code", "refresh_token"];
  it.each<[JsonValue | undefined, string[]]>([
    [undefined, both],
    [[], both],
    [["authorization_code"], ["authorization_code"]],
    [both, both],
    [[...both, "client_credentials"], both],
    [["client_credentials", "authorization_code"], ["authorization_code"]],
    [[...both, "urn:ietf:params:oauth:grant-type:device_code", "implicit", "implicit"], both],
  ])("with the grant types %j gets %j", async (grant_types, given) => {
    const answer = await registerClient(desk, {
      ...PUBLIC,
      ...(grant_types !== undefined && { grant_types }),
    });
    expect(answer["grant_types"]).toEqual(given);
    expect(await findClient(desk, answer["client_id"])).toMatchObject({
      value: { grantTypes: given },
    });
  });

  it("with all that the metadata offer is answered with what it gets of it", async () => {
    const machine = {
      client_id: "m",
      client_name: "M",
      redirect_uris: [],
      grant_types: ["client_credentials"],
    };
    const offered: JsonObject = await serverMetadataResponse(IDENTIFIERS, {
      ...desk.settings,
      clients: [machine],
    }).json();
    const { grant_types_supported: grant_types, token_endpoint_auth_methods_supported: methods } =
      offered;
    expect(grant_types).toEqual([...both, "client_credentials"]);
    const asked = {
      ...PUBLIC,
      grant_types: grant_types ?? null,
      scope: "read write offline_access",
    };
    for (const token_endpoint_auth_method of methods as string[]) {
      const answer = await registrationEndpoint(
        desk,
        registrationRequest({ ...asked, token_endpoint_auth_method }),
      );
      expect([token_endpoint_auth_method, answer.status]).toEqual([
        token_endpoint_auth_method,
        201,
      ]);
    }
  });

  it.each<[string, JsonObject, JsonObject]>([
    [
      "a hybrid response as well",
      { response_types: ["code id_token", "code", "token"] },
      { response_types: ["code"] },
    ],
    ["no response", { response_types: [] }, { response_types: ["code"] }],
    ["a kind of its own", { application_type: "Native" }, { application_type: "native" }],
    ["an empty kind", { application_type: "" }, { application_type: "native" }],
    ["a web client", { application_type: "web", redirect_uris: WEB }, { application_type: "web" }],
    ...[
      "http://localhost/cb",
      "http://127.0.0.1:3000/",
      "com.example.app:/cb",
      "cursor://a.b/cb",
    ].map((uri): [string, JsonObject, JsonObject] => [
      `a web client that comes back to ${uri}`,
      { application_type: "web", redirect_uris: [...WEB, uri] },
      { application_type: "native", redirect_uris: [...WEB, uri] },
    ]),
    [
      "signatures",
      { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [] } },
      SECRETIVE,
    ],
    ["a secret in a JWT", { token_endpoint_auth_method: "client_secret_jwt" }, SECRETIVE],
    ["certificates", { token_endpoint_auth_method: "tls_client_auth" }, SECRETIVE],
    ["an inherited method", { token_endpoint_auth_method: "constructor" }, SECRETIVE],
  ])("that asks for %s is answered with what it gets", async (_, asked, given) => {
    const answer = await registrationEndpoint(desk, registrationRequest({ ...PUBLIC, ...asked }));
    const said: JsonObject = await answer.json();
    expect([answer.status, said]).toMatchObject([201, given]);
    expect(typeof said["client_secret"]).toBe(given === SECRETIVE ? "string" : "undefined");
  });

  it("says which scopes a request without any means, and sets no limit by it", async () => {
    for (const [scope, defaultScopes] of [
      ["", undefined],
      ["openid email", undefined],
      ["openid read", ["read"]],
    ] as const) {
      const answer = await registerClient(desk, { ...PUBLIC, scope });
      expect(answer["scope"]).toBe(defaultScopes?.join(" "));
      expect(await findClient(desk, answer["client_id"])).toMatchObject({
        value: { scopes: undefined, defaultScopes },
      });
    }
  });

  it("takes null for an absent member, each and all of them", async () => {
    const rest = { redirect_uris: WEB };
    const without = await registerClient(desk, rest);
    const names = [
      "client_name",
      "scope",
      "grant_types",
      "response_types",
      "application_type",
      "jwks",
      "logo_uri",
    ];
    const nulls = Object.fromEntries(
      [...names, "token_endpoint_auth_method"].map((name) => [name, null]),
    );
    for (const more of [nulls, ...Object.keys(nulls).map((name) => ({ [name]: null }))]) {
      const answer = await registerClient(desk, { ...rest, ...more });
      expect(Object.keys(answer)).toEqual(Object.keys(without));
      expect(answer).toMatchObject({
        token_endpoint_auth_method: "client_secret_basic",
        grant_types: both,
      });
    }
    const keys = { jwks: null, jwks_uri: "https://client.example.com/keys" };
    expect(
      (await registrationEndpoint(desk, registrationRequest({ ...rest, ...keys }))).status,
    ).toBe(201);
  });

  it.each([
    ["Cli\u202Eent\u200B \u0000name\uFEFF", "Client name"],
    ["  two\r\n\tlines\u2028 ", "two lines"],
    ["\u2066\u2067\u2069x\u061C", "x"],
    ["\u3164Bank\u115F\uE000\uD800", "Bank"],
    ["x".repeat(80), "x".repeat(80)],
    ["x".repeat(81), `${"x".repeat(79)}…`],
    [`${"x".repeat(78)} ${"y".repeat(500)}`, `${"x".repeat(78)}…`],
    ["\u{1F600}".repeat(100), `${"\u{1F600}".repeat(79)}…`],
    [`B${"\u0316\u0301".repeat(20)}ank`, "B\u0316\u0316ank"],
    ["\u2800\u2800 Bank\u2800", "Bank"],
    ["<b>&\"'", "<b>&\"'"],
  ])("makes the name %j fit to be shown", async (client_name, shown) => {
    expect((await registerClient(desk, { ...PUBLIC, client_name }))["client_name"]).toBe(shown);
  });

  it("keeps and repeats nothing of pages, pictures, terms and policies", async () => {
    const addresses = Object.fromEntries(
      ["client_uri", "logo_uri", "tos_uri", "policy_uri"].map((name) => [
        name,
        `https://elsewhere.example/${name}`,
      ]),
    );
    const answer = await registerClient(desk, { ...PUBLIC, ...addresses });
    expect(JSON.stringify(answer)).not.toContain("elsewhere");
    const client = await findClient(desk, answer["client_id"]);
    expect(client).toMatchObject({ ok: true });
    expect(JSON.stringify(client)).not.toContain("elsewhere");
  });

  it("has no name when nothing of it can be shown", async () => {
    expect(
      await registerClient(desk, { ...PUBLIC, client_name: "\u202E\u200B \n\u2800" }),
    ).not.toHaveProperty("client_name");
  });

  it("holds an id that carries the redirect URIs it was given", async () => {
    const { client_id } = await registerClient(desk, { ...PUBLIC, client_name: "Client" });
    expect(await findClient(desk, client_id)).toMatchObject({
      ok: true,
      value: {
        id: client_id,
        name: "Client",
        metadataHost: undefined,
        redirectUris: PUBLIC["redirect_uris"],
        auth: { method: "none" },
      },
    });
  });
});

/** Expects a refusal of `request` that repeats nothing of it, and one audit line. */
async function expectRefused(request: Request, error: string): Promise<string> {
  const answer = await registrationEndpoint(desk, request);
  const said: { error: string; error_description: string } = await answer.json();
  expect([answer.status, answer.headers.get("cache-control"), said.error]).toEqual([
    400,
    "no-store",
    error,
  ]);
  expect(said.error_description).toMatch(/^[ !#-[\]-~]+$/);
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    event: "oauth.refused",
    endpoint: "register",
    error,
  });
  return said.error_description;
}

describe("a registration is refused", () => {
  const many = Array.from({ length: 17 }, (_, index) => `https://client.example/${index}`);
  it.each<[string, JsonObject[string] | undefined]>([
    ["absent", undefined],
    ["empty", []],
    ["a string", "https://client.example/cb"],
    ["an object", { 0: "https://client.example/cb" }],
    ["null", null],
    ["holding a number", ["https://client.example/cb", 1]],
    ["holding null", [null]],
    ["nested", [["https://client.example/cb"]]],
    ["too many", many],
    ["too long", [`https://client.example/${"a".repeat(2_000)}`]],
    ["a script", ["javascript:alert(1)"]],
    ["a script behind a good one", ["https://client.example/cb", "JaVaScRiPt:alert(1)"]],
    ["a script with a tab", ["java\tscript:alert(1)"]],
    ["a script behind a control character", ["\u0001javascript:alert(1)"]],
    ["data", ["data:text/html,x"]],
    ["plain http", ["http://client.example/cb"]],
    ["a look-alike of loopback", ["http://127.0.0.1.evil.example/"]],
    ["with user info", ["https://good.example@evil.example"]],
    ["with a fragment", ["https://client.example/cb#x"]],
    ["out of band", ["urn:ietf:wg:oauth:2.0:oob"]],
  ])("when redirect_uris is %s", async (_, redirect_uris) => {
    const rest = { token_endpoint_auth_method: "none" };
    const request = registrationRequest(
      redirect_uris === undefined ? rest : { ...rest, redirect_uris },
    );
    await expectRefused(request, "invalid_redirect_uri");
  });

  it.each<[string, JsonObject]>([
    ["a method that is no string", { token_endpoint_auth_method: ["none"] }],
    ["keys in two places", { jwks: { keys: [] }, jwks_uri: "https://client.example.com/keys" }],
    ["an application type that is no string", { application_type: true }],
    ["the implicit response", { response_types: ["token"] }],
    ["the hybrid response", { response_types: ["code id_token"] }],
    ["responses that are not strings", { response_types: ["code", 1] }],
    ["a response that is no list", { response_types: "code" }],
    ["grant types without the code", { grant_types: ["refresh_token"] }],
    ["passwords", { grant_types: ["password"] }],
    ["grant types that are no list", { grant_types: "authorization_code" }],
    ["grant types that are not strings", { grant_types: ["authorization_code", 1] }],
    ["scopes in a list", { scope: ["read"] }],
    ["a name that is no string", { client_name: { toString: "x" } }],
  ])("for %s", async (_, member) => {
    await expectRefused(registrationRequest({ ...PUBLIC, ...member }), "invalid_client_metadata");
  });

  it("for client_credentials alone, and says who may", async () => {
    const grant_types = ["client_credentials"];
    const said = await expectRefused(
      registrationRequest({ ...PUBLIC, grant_types }),
      "invalid_client_metadata",
    );
    expect(said).toMatch(/client_credentials.*operator/);
  });

  it.each([
    ["not JSON", "{"],
    ["empty", ""],
    ["a list", "[]"],
    ["null", "null"],
    ["a string", '"x"'],
    ["a form", "redirect_uris=https%3A%2F%2Fclient.example"],
    ["too large", JSON.stringify({ ...PUBLIC, padding: "x".repeat(8_192) })],
    ["deep", `{"x":${"[".repeat(5_000)}`],
  ])("when the body is %s", async (_, body) => {
    await expectRefused(registrationRequest(body), "invalid_client_metadata");
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/json-patch+json", ""])(
    "as %j",
    async (type) => {
      await expectRefused(
        registrationRequest(PUBLIC, { "content-type": type }),
        "invalid_client_metadata",
      );
    },
  );

  it("when chunks without a stated length pass the limit", async () => {
    const chunk = new TextEncoder().encode(" ".repeat(1_000));
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        if (pulled > 1_000) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const headers = { "content-type": "application/json" };
    await expectRefused(
      new Request("https://mcp.example.com/register", { method: "POST", body, headers }),
      "invalid_client_metadata",
    );
    expect(pulled).toBeLessThan(20);
  });

  it("when it would make an id too long to travel", async () => {
    const long = (count: number) =>
      Array.from({ length: count }, (_, i) => `https://client.example/${i}/${"a".repeat(1_000)}`);
    await expectRefused(
      registrationRequest({ ...PUBLIC, redirect_uris: long(5) }),
      "invalid_client_metadata",
    );
    const { client_id } = await registerClient(desk, { ...PUBLIC, redirect_uris: long(4) });
    expect(client_id?.length).toBeLessThanOrEqual(6_000);
    expect(await findClient(desk, client_id)).toMatchObject({ ok: true });
  });
});
