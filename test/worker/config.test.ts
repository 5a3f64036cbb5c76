// Configuration: what is wrong is named, and no key is ever printed.
import { expect, test } from "vitest";
import { createSettings, type Settings } from "../../src/base/settings.ts";
import {
  authorizationServer,
  readAuthorizationSettings,
} from "../../src/oauth/authorization-server/feature.ts";
import { SESSION_VERSIONS, STATELESS_VERSIONS } from "../../src/protocol/versions.ts";
import { buildServer } from "../../src/server/registry.ts";
import { readCollector } from "../../src/telemetry/feature.ts";
import { readConfig } from "../../src/worker/config.ts";
import { createWorker } from "../../src/worker/router.ts";
import { createRuntime } from "../../src/worker/runtime.ts";
import { keyText } from "../crypto/keys.ts";
import type { Env } from "../world/env.ts";
import { loginOptions } from "../world/login-options.ts";
import { EVERYTHING, everyPart } from "../world/parts.ts";

const OBJECTS = {
  HUB: {},
  SESSION: {},
  GRANT: {},
  ACCOUNT: {},
  STORE: {},
  TASK: {},
  RUNNING_TASKS: {},
};
const good = { KEYS: keyText("k"), ...OBJECTS } as unknown as Env;
const settingsOf = (change: Record<string, unknown> = {}): Settings =>
  createSettings({ ...good, ...change });
const SCOPES = { read: { description: "Read" }, write: { description: "Write" } };
const start = (change: Record<string, unknown>): ReturnType<typeof createRuntime> =>
  createRuntime(
    buildServer({ info: { name: "s", version: "1" }, scopes: SCOPES }, EVERYTHING),
    everyPart(loginOptions) as never,
    {
      ...good,
      ...change,
    },
  );

const CLIENT_KEY = { kty: "EC", crv: "P-256", x: "AAAA", y: "AAAA" };
const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example:4318/in" };

/** The message that stops the server. Each is checked to hold nothing of the keys. */
function faultOf(change: Record<string, unknown>): string {
  try {
    start(change);
  } catch (error) {
    const { message } = error as Error;
    for (const key of String(change["KEYS"] ?? good.KEYS).split(/[:,]/))
      if (key.length > 8) expect(message).not.toContain(key);
    return message;
  }
  return "";
}

test("has defaults that are right for local use", () => {
  const { ring, originPolicy: origins, maxBodyBytes, handlerSeconds } = readConfig(settingsOf());
  expect({ id: ring?.currentId, origins, maxBodyBytes, handlerSeconds }).toEqual({
    handlerSeconds: 300,
    id: "k",
    origins: { allowedOrigins: [], allowedHosts: [] },
    maxBodyBytes: 4 * 1024 * 1024,
  });
  expect(
    readConfig(settingsOf({ PUBLIC_URL: "", ALLOWED_ORIGINS: "" })).originPolicy.allowedOrigins,
  ).toEqual([]);
});

test("takes origins of apps and extensions, and of everybody", () => {
  const ALLOWED_ORIGINS = "*,vscode-webview://1abc,chrome-extension://abcdef,tauri://localhost";
  expect(faultOf({ ALLOWED_ORIGINS })).toBe("");
});

test("takes its own address and its browser clients", () => {
  const ALLOWED_ORIGINS = " https://a.example , ,https://b.example:8443";
  expect(
    readConfig(settingsOf({ PUBLIC_URL: "https://mcp.example/x", ALLOWED_ORIGINS })).originPolicy,
  ).toEqual({
    allowedOrigins: ["https://mcp.example", "https://a.example", "https://b.example:8443"],
    allowedHosts: ["mcp.example"],
  });
});

test.each<[string, Record<string, unknown>]>([
  ["KEYS", { KEYS: undefined }],
  ["KEYS", { KEYS: "" }],
  ["KEYS", { KEYS: 7 }],
  ["KEYS", { KEYS: keyText("short", 0, 16) }],
  ["KEYS", { KEYS: `weak:${btoa("aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb")}` }],
  ["KEYS", { KEYS: `${keyText("twice")},${keyText("twice", 5)}` }],
  ["KEYS", { KEYS: keyText("k").slice(2) }],
  ["PUBLIC_URL", { PUBLIC_URL: "mcp.example" }],
  ["PUBLIC_URL", { PUBLIC_URL: "ftp://mcp.example" }],
  ["PUBLIC_URL", { PUBLIC_URL: "javascript:alert(1)" }],
  ...[
    "https://client.example/",
    "https://client.example/page",
    "https://client.example:443",
    "client.example",
    "https://Client.example",
    "https://*.client.example",
    "chrome-extension://*",
  ].map((one): [string, Record<string, unknown>] => [
    "ALLOWED_ORIGINS",
    { ALLOWED_ORIGINS: `https://good.example, ${one}` },
  ]),
  ["IDENTITY", { IDENTITY: "mcp.example" }],
  ["IDENTITY", { IDENTITY: "ftp://mcp.example" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "0" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "-1" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "4 MiB" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "1.5" }],
  ["AUTH", { AUTH: "off" }],
  ["AUTH", { AUTH: "NONE" }],
  ["AUTH_ISSUER", { AUTH_ISSUER: "issuer.example" }],
  ...[
    "ftp://issuer.example",
    "mailto:a@issuer.example",
    "https://a:b@issuer.example",
    "https://issuer.example?a",
  ].map((AUTH_ISSUER): [string, Record<string, unknown>] => ["AUTH_ISSUER", { AUTH_ISSUER }]),
  ["AUTH_ISSUER", { AUTH_ISSUER: "https://issuer.example", AUTH: "none" }],
  ["AUTH_ISSUER", { AUTH_INTROSPECTION: "id:secret" }],
  ["AUTH_ISSUER", { ACCEPT_ANY_JWT_TYPE: "1" }],
  ...["secret", ":secret", "id:", "id: secret"].map(
    (AUTH_INTROSPECTION): [string, Record<string, unknown>] => [
      "AUTH_INTROSPECTION",
      { AUTH_ISSUER: "https://issuer.example", AUTH_INTROSPECTION },
    ],
  ),
  ["HANDLER_SECONDS", { HANDLER_SECONDS: "0" }],
  ["HANDLER_SECONDS", { HANDLER_SECONDS: "5 min" }],
  ["ACCESS_SECONDS", { ACCESS_SECONDS: "0" }],
  ["ACCESS_SECONDS", { ACCESS_SECONDS: "15m" }],
  ["REFRESH_SECONDS", { REFRESH_SECONDS: "59" }],
  ["GRACE_SECONDS", { GRACE_SECONDS: "-1" }],
  ["CLIENTS", { CLIENTS: "not JSON" }],
  ...[
    [{ redirect_uris: ["http://intranet.example/cb"] }],
    [{ redirect_uris: ["https://a.example/cb#x"] }],
    [{ redirect_uris: ["nonsense"] }],
    [{ grant_types: ["authorisation_code"] }],
    [{ grant_types: ["client_credentials"] }],
    [{}, { client_name: "B" }],
    [{ redirect_uris: [] }],
    [{ grant_types: [] }],
    [{ grant_types: ["refresh_token"] }],
    [{ client_secret_sha256: "!".repeat(43) }],
    // No 32 bytes end so.
    [{ client_secret_sha256: "A".repeat(42) + "B" }],
    [{ client_secret_sha256: "A".repeat(43), jwks: { keys: [CLIENT_KEY] } }],
    ...["x", {}, { keys: "x" }, { keys: [] }, { keys: [null] }].map((jwks) => [{ jwks }]),
    [{ jwks: { keys: [{ kty: "oct", k: "AAAA" }] } }],
    [{ jwks: { keys: [{ ...CLIENT_KEY, d: "AAAA" }] } }],
    [{ scope: "" }],
    [{ scope: " " }],
    [{ scope: "no-such-scope" }],
    [{ scope: "read no-such-scope" }],
  ].map((clients): [string, Record<string, unknown>] => [
    "CLIENTS",
    {
      CLIENTS: JSON.stringify(
        clients.map((client) => ({
          client_id: "a",
          client_name: "A",
          redirect_uris: ["https://a.example/cb"],
          ...client,
        })),
      ),
    },
  ]),
  ["CLIENTS", { CLIENTS: "{}" }],
  ["CLIENTS", { CLIENTS: '[{"client_id":"a"}]' }],
  ["CLIENTS", { CLIENTS: '[{"client_id":"","client_name":"A","redirect_uris":[]}]' }],
  [
    "CLIENTS",
    { CLIENTS: '[{"client_id":"a","client_name":"A","redirect_uris":[],"client_secret":"x"}]' },
  ],
  [
    "CLIENTS",
    {
      CLIENTS:
        '[{"client_id":"a","client_name":"A","redirect_uris":[],"client_secret_sha256":"short"}]',
    },
  ],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "otel.example" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://otel.example" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://me:word@otel.example" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example?key=1" }],
  ...["-0.1", "1.1", "all", "NaN", "50%", " "].map((share): [string, Record<string, unknown>] => [
    "OTEL_TRACES_SAMPLER_ARG",
    { ...COLLECTOR, OTEL_TRACES_SAMPLER_ARG: share },
  ]),
  ...[
    "word",
    "=word",
    "a b=word",
    "a=word word",
    "a=wörd",
    "a=%zz",
    "a=%2",
    "a=%0d%0ab",
    "a=%ff",
    "a=%7f",
  ].map((fields): [string, Record<string, unknown>] => [
    "OTEL_EXPORTER_OTLP_HEADERS",
    { ...COLLECTOR, OTEL_EXPORTER_OTLP_HEADERS: fields },
  ]),
])("names %s, and never a key: case %#", (name, change) => {
  expect(faultOf(change)).toMatch(new RegExp(`^Configuration: ${name}\\b`));
});

test("has an identity of its own only where it is told one", () => {
  expect(readConfig(settingsOf({ PUBLIC_URL: "https://mcp.example" })).identity).toBeUndefined();
  expect(readConfig(settingsOf({ IDENTITY: "https://old.example/x" })).identity).toBe(
    "https://old.example",
  );
});

test("takes clients that can get a token", () => {
  const base = { client_id: "a", client_name: "A", redirect_uris: ["https://a.example/cb"] };
  const sha256 = "A".repeat(43);
  for (const client of [
    {},
    { scope: "read" },
    { scope: " write read " },
    { jwks: { keys: [{ kty: "oct", k: "AAAA" }, CLIENT_KEY] } },
    { client_secret_sha256: sha256, grant_types: ["authorization_code"] },
    { client_secret_sha256: sha256, grant_types: ["client_credentials"], redirect_uris: [] },
  ])
    expect(faultOf({ CLIENTS: JSON.stringify([{ ...base, ...client }]) })).toBe("");
});

test("names all that is wrong, and which key", () => {
  const both = faultOf({ PUBLIC_URL: "x", MAX_BODY_BYTES: "x" });
  expect(both).toContain("PUBLIC_URL ");
  expect(both).toContain("MAX_BODY_BYTES ");
  expect(faultOf({ KEYS: `${keyText("fine")},${keyText("stub", 0, 8)}` })).toBe(
    'Configuration: KEYS: Key "stub" is not 32 bytes of base64',
  );
});

test("asks everybody who they are, unless it is told otherwise", () => {
  expect(start({}).authority?.mode).toBe("builtin");
  expect(start({ AUTH: "" }).authority?.mode).toBe("builtin");
  expect(start({ AUTH: "none" }).authority).toBeUndefined();
  expect(start({ AUTH_ISSUER: "https://issuer.example/tenant" }).authority?.mode).toBe("external");
});

test("a switch that is not understood is refused, not taken for off", () => {
  for (const name of ["STRICT_REVOCATION", "DISABLE_CLIENT_METADATA_DOCUMENTS", "DEV"]) {
    expect(faultOf({ [name]: "true" })).toBe(`Configuration: ${name} must be "1", "0" or empty`);
    expect(faultOf({ [name]: "0" })).toBe("");
  }
});

test("what is no string is read as its text, or refused", () => {
  expect(faultOf({ ACCESS_SECONDS: 0 })).toMatch(
    /^Configuration: ACCESS_SECONDS must be a whole number/,
  );
  expect(readAuthorizationSettings(settingsOf({ ACCESS_SECONDS: 60 })).accessSeconds).toBe(60);
  expect(readAuthorizationSettings(settingsOf({ STRICT_REVOCATION: 1 })).hasStrictRevocation).toBe(
    true,
  );
  expect(faultOf({ STRICT_REVOCATION: true })).toMatch(/^Configuration: STRICT_REVOCATION must be/);
  expect(faultOf({ CLIENTS: [] })).toMatch(/^Configuration: CLIENTS must be a text/);
  expect(faultOf({ PUBLIC_URL: {} })).toBe("Configuration: PUBLIC_URL must be a text");
});

test("without a part that vouches for callers, only AUTH none serves anybody", () => {
  const server = buildServer({ info: { name: "s", version: "1" } });
  const bare = (change: object): unknown =>
    createRuntime(server, { server: undefined as never }, { ...good, ...change });
  expect(() => bare({})).toThrow("Configuration: Nobody vouches for callers");
  expect(() => bare({ AUTH_ISSUER: "https://issuer.example" })).toThrow(
    "Configuration: Nobody vouches",
  );
  expect(() => bare({ AUTH: "none" })).not.toThrow();
});

test("an outside issuer is used in whichever order the parts are named", () => {
  const auth = everyPart(loginOptions).auth.toReversed();
  const server = buildServer({ info: { name: "s", version: "1" } });
  const env = { ...good, AUTH_ISSUER: "https://issuer.example" };
  expect(createRuntime(server, { server: undefined as never, auth }, env).authority?.mode).toBe(
    "external",
  );
});

test("a revision to pin is one with sessions, and the fault lists them", () => {
  const listed = SESSION_VERSIONS.join(", ");
  for (const SESSION_PROTOCOL_VERSION of [...STATELESS_VERSIONS, "2031-01-01", "newest"])
    expect(faultOf({ SESSION_PROTOCOL_VERSION })).toBe(
      `Configuration: SESSION_PROTOCOL_VERSION must be one of ${listed}`,
    );
  for (const SESSION_PROTOCOL_VERSION of ["", ...SESSION_VERSIONS])
    expect(faultOf({ SESSION_PROTOCOL_VERSION })).toBe("");
});

test("an app is passed no empty setting, in its server and in its sign-in", () => {
  const passed: object[] = [];
  const note = (env: object): void => {
    passed.push(env);
  };
  const env = {
    ...good,
    WIKIPEDIA_URL: "",
    UPSTREAM_ACCOUNT: "",
    FEED_URL: "wss://feed.example",
    A: 0,
  };
  createWorker<typeof env>({
    server: (settings) => {
      note(settings);
      return { info: { name: "s", version: "1" } };
    },
    auth: [
      authorizationServer<typeof env>((settings) => {
        note(settings);
        return loginOptions;
      }),
    ],
  }).runtime(env);
  const { WIKIPEDIA_URL: _, UPSTREAM_ACCOUNT: __, ...rest } = env;
  expect(passed).toEqual([rest, rest]);
});

test("names every object that is not bound", () => {
  for (const name of Object.keys(OBJECTS))
    expect(faultOf({ [name]: undefined })).toContain(`${name} is not bound`);
});

test("a Worker whose authority the settings do not choose starts for nobody", () => {
  const [external] = everyPart(loginOptions).auth;
  const server = buildServer({ info: { name: "s", version: "1" } });
  expect(() =>
    createRuntime(server, { server: undefined as never, auth: external ? [external] : [] }, good),
  ).toThrow("Configuration: Nobody vouches for callers");
});

test("takes client metadata documents from all hosts but its own, unless it is told otherwise", () => {
  const read = (change: Record<string, unknown>): unknown =>
    readAuthorizationSettings(settingsOf(change));
  expect(read({})).toMatchObject({ acceptsMetadataDocuments: true, publicHost: undefined });
  expect(read({ PUBLIC_URL: "https://MCP.example.com/x" })).toMatchObject({
    publicHost: "mcp.example.com",
  });
  expect(read({ DISABLE_CLIENT_METADATA_DOCUMENTS: "1" })).toMatchObject({
    acceptsMetadataDocuments: false,
  });
});

test("knows clients beforehand, and how long things live", () => {
  const client = {
    client_id: "a",
    client_name: "A",
    redirect_uris: ["https://a.example/cb"],
    scope: "read",
  };
  const change = { CLIENTS: JSON.stringify([client]), GRACE_SECONDS: "0", STRICT_REVOCATION: "1" };
  expect(readAuthorizationSettings(settingsOf(change), SCOPES)).toEqual({
    clients: [client],
    accessSeconds: 900,
    refreshSeconds: 2_592_000,
    graceSeconds: 0,
    hasStrictRevocation: true,
    acceptsMetadataDocuments: true,
    publicHost: undefined,
  });
  // Whoever shares a login comes within the life of an access token.
  const graceOf = (more: Record<string, unknown>): number =>
    readAuthorizationSettings(settingsOf(more)).graceSeconds;
  expect(graceOf({})).toBe(900);
  expect(graceOf({ ACCESS_SECONDS: "300" })).toBe(300);
  expect(graceOf({ ACCESS_SECONDS: "300", GRACE_SECONDS: "10" })).toBe(10);
});

test("knows a collector by OpenTelemetry's names, and none when it is not told of one", () => {
  const fields = " Authorization = Basic%20YTpi=%2C/ ,x-team=a,";
  const told = { ...COLLECTOR, OTEL_EXPORTER_OTLP_HEADERS: fields };
  expect(readCollector(settingsOf({ ...told, OTEL_TRACES_SAMPLER_ARG: "0.25" }))).toEqual({
    endpoint: COLLECTOR.OTEL_EXPORTER_OTLP_ENDPOINT,
    sampleRatio: 0.25,
    headers: { authorization: "Basic YTpi=,/", "x-team": "a" },
  });
  expect(readCollector(settingsOf(COLLECTOR))).toMatchObject({ sampleRatio: 1, headers: {} });
  expect(readCollector(settingsOf({ ...told, OTEL_EXPORTER_OTLP_ENDPOINT: "" }))).toBeUndefined();
  expect(faultOf({ ...COLLECTOR, OTEL_EXPORTER_OTLP_HEADERS: "x=hidden word" })).not.toContain(
    "hidden",
  );
});

test("takes no more scopes than a login can ask for", () => {
  const faultsOf = (count: number): (() => void) => {
    const settings = settingsOf({});
    const names = Array.from({ length: count }, (_, at) => `channel.${at + 100}:history`);
    readAuthorizationSettings(
      settings,
      Object.fromEntries(names.map((name) => [name, { description: "Read" }])),
    );
    return () => settings.check();
  };
  // Each is 19 characters, two quotes and a comma.
  expect(faultsOf(68)).not.toThrow();
  expect(faultsOf(69)).toThrow("the names of all scopes are more than 1500 bytes of JSON");
});

test("says what is wrong with a client, and nothing that it holds", () => {
  const CLIENTS =
    '[{"client_id":"a","client_name":"A","redirect_uris":[],"client_secret_sha256":"a-digest-cut-short"}]';
  expect(faultOf({ CLIENTS })).toContain("client_secret_sha256");
  expect(faultOf({ CLIENTS })).not.toContain("a-digest");
});
