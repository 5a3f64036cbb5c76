// Configuration: what is wrong is named, and no key is ever printed.
import { expect, test } from "vitest";
import { readConfig, type Env } from "../../src/worker/config.ts";
import { keyText } from "../crypto/keys.ts";

const good = { KEYS: keyText("k"), HUB: {} } as unknown as Env;

const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example:4318/in" };

/** The message that stops the server. Each is checked to hold nothing of the keys. */
function faultOf(change: Record<string, unknown>): string {
  try {
    readConfig({ ...good, ...change });
  } catch (error) {
    const { message } = error as Error;
    for (const key of String(change["KEYS"] ?? good.KEYS).split(/[:,]/))
      if (key.length > 8) expect(message).not.toContain(key);
    return message;
  }
  return "";
}

test("has defaults that are right for local use", () => {
  const { ring, originPolicy: origins, maxBodyBytes, handlerSeconds } = readConfig(good);
  expect({ id: ring.currentId, origins, maxBodyBytes, handlerSeconds }).toEqual({
    handlerSeconds: 300,
    id: "k",
    origins: { allowedOrigins: [], allowedHosts: [] },
    maxBodyBytes: 4 * 1024 * 1024,
  });
  expect(readConfig({ ...good, PUBLIC_URL: "", ALLOWED_ORIGINS: "" }).originPolicy.allowedOrigins).toEqual([]);
});

test("takes its own address and its browser clients", () => {
  const ALLOWED_ORIGINS = " https://a.example , ,https://b.example:8443";
  expect(readConfig({ ...good, PUBLIC_URL: "https://mcp.example/x", ALLOWED_ORIGINS }).originPolicy).toEqual({
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
  ["IDENTITY", { IDENTITY: "mcp.example" }],
  ["IDENTITY", { IDENTITY: "ftp://mcp.example" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "0" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "-1" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "4 MiB" }],
  ["MAX_BODY_BYTES", { MAX_BODY_BYTES: "1.5" }],
  ["AUTH", { AUTH: "off" }],
  ["AUTH", { AUTH: "NONE" }],
  ["AUTH_ISSUER", { AUTH_ISSUER: "issuer.example" }],
  ["AUTH_ISSUER", { AUTH_ISSUER: "https://issuer.example", AUTH: "none" }],
  ["HANDLER_SECONDS", { HANDLER_SECONDS: "0" }],
  ["HANDLER_SECONDS", { HANDLER_SECONDS: "5 min" }],
  ["ACCESS_SECONDS", { ACCESS_SECONDS: "0" }],
  ["ACCESS_SECONDS", { ACCESS_SECONDS: "15m" }],
  ["REFRESH_SECONDS", { REFRESH_SECONDS: "59" }],
  ["GRACE_SECONDS", { GRACE_SECONDS: "-1" }],
  ["CLIENTS", { CLIENTS: "not JSON" }],
  ["CLIENTS", { CLIENTS: "{}" }],
  ["CLIENTS", { CLIENTS: '[{"client_id":"a"}]' }],
  ["CLIENTS", { CLIENTS: '[{"client_id":"","client_name":"A","redirect_uris":[]}]' }],
  ["CLIENTS", { CLIENTS: '[{"client_id":"a","client_name":"A","redirect_uris":[],"client_secret":"x"}]' }],
  ["CLIENTS", { CLIENTS: '[{"client_id":"a","client_name":"A","redirect_uris":[],"client_secret_sha256":"short"}]' }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "otel.example" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://otel.example" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://me:word@otel.example" }],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", { OTEL_EXPORTER_OTLP_ENDPOINT: "https://otel.example?key=1" }],
  ...["-0.1", "1.1", "all", "NaN", "50%"].map((share): [string, Record<string, unknown>] => [
    "OTEL_TRACES_SAMPLER_ARG",
    { ...COLLECTOR, OTEL_TRACES_SAMPLER_ARG: share },
  ]),
  ...["word", "=word", "a b=word", "a=word word", "a=wörd", "a=%zz", "a=%2", "a=%0d%0ab", "a=%ff", "a=%7f"].map(
    (fields): [string, Record<string, unknown>] => [
      "OTEL_EXPORTER_OTLP_HEADERS",
      { ...COLLECTOR, OTEL_EXPORTER_OTLP_HEADERS: fields },
    ],
  ),
])("names %s, and never a key: case %#", (name, change) => {
  expect(faultOf(change)).toMatch(new RegExp(`^Configuration: ${name}\\b`));
});

test("has an identity of its own only where it is told one", () => {
  expect(readConfig({ ...good, PUBLIC_URL: "https://mcp.example" }).identity).toBeUndefined();
  expect(readConfig({ ...good, IDENTITY: "https://old.example/x" }).identity).toBe("https://old.example");
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
  expect(readConfig(good).auth).toBe("builtin");
  expect(readConfig({ ...good, AUTH: "" }).auth).toBe("builtin");
  expect(readConfig({ ...good, AUTH: "none" }).auth).toBe("none");
  const issuer = "https://issuer.example/tenant";
  expect(readConfig({ ...good, AUTH_ISSUER: issuer, AUTH_INTROSPECTION: "id:secret" }).auth).toEqual({
    ...{ issuer, introspection: "id:secret", acceptsAnyJwtType: false },
  });
});

test("takes client metadata documents from all hosts but its own, unless it is told otherwise", () => {
  expect(readConfig(good).oauth).toMatchObject({ acceptsMetadataDocuments: true, publicHost: undefined });
  expect(readConfig({ ...good, PUBLIC_URL: "https://MCP.example.com/x" }).oauth.publicHost).toBe("mcp.example.com");
  expect(readConfig({ ...good, DISABLE_CLIENT_METADATA_DOCUMENTS: "1" }).oauth.acceptsMetadataDocuments).toBe(false);
});

test("knows clients beforehand, and how long things live", () => {
  const client = { client_id: "a", client_name: "A", redirect_uris: ["https://a.example/cb"], scope: "read" };
  const { oauth } = readConfig({
    ...good,
    CLIENTS: JSON.stringify([client]),
    GRACE_SECONDS: "0",
    STRICT_REVOCATION: "1",
  });
  expect(oauth).toEqual({
    ...{ clients: [client], codeSeconds: 60, accessSeconds: 900, refreshSeconds: 2_592_000 },
    ...{ graceSeconds: 0, hasStrictRevocation: true, acceptsMetadataDocuments: true, publicHost: undefined },
  });
  // Whoever shares a login comes within the life of an access token.
  expect(readConfig(good).oauth.graceSeconds).toBe(900);
  expect(readConfig({ ...good, ACCESS_SECONDS: "300" }).oauth.graceSeconds).toBe(300);
  expect(readConfig({ ...good, ACCESS_SECONDS: "300", GRACE_SECONDS: "10" }).oauth.graceSeconds).toBe(10);
});

test("knows a collector by OpenTelemetry's names, and none when it is not told of one", () => {
  const fields = " Authorization = Basic%20YTpi=%2C/ ,x-team=a,";
  const told = { ...COLLECTOR, OTEL_EXPORTER_OTLP_HEADERS: fields, OTEL_SERVICE_NAME: "desk" };
  expect(readConfig({ ...good, ...told, OTEL_TRACES_SAMPLER_ARG: "0.25" }).collector).toEqual({
    ...{ endpoint: COLLECTOR.OTEL_EXPORTER_OTLP_ENDPOINT, sampleRatio: 0.25, service: "desk" },
    headers: { authorization: "Basic YTpi=,/", "x-team": "a" },
  });
  expect(readConfig({ ...good, ...COLLECTOR }).collector).toMatchObject({ sampleRatio: 1, headers: {} });
  expect(readConfig({ ...good, ...told, OTEL_EXPORTER_OTLP_ENDPOINT: "" }).collector).toBeUndefined();
  expect(faultOf({ ...COLLECTOR, OTEL_EXPORTER_OTLP_HEADERS: "x=hidden word" })).not.toContain("hidden");
});

test("says what is wrong with a client, and nothing that it holds", () => {
  const CLIENTS =
    '[{"client_id":"a","client_name":"A","redirect_uris":[],"client_secret_sha256":"a-digest-cut-short"}]';
  expect(faultOf({ CLIENTS })).toContain("client_secret_sha256");
  expect(faultOf({ CLIENTS })).not.toContain("a-digest");
});
