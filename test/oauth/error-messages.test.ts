/** What answers say only where it is so: who vouches for a client, which scope is needed, that HTTP Basic was tried. */

import { describe, expect, it } from "vitest";
import { err } from "../../src/base/result.ts";
import { parseAuthorizationRequest } from "../../src/oauth/authorization-server/authorization-request.ts";
import { authenticate } from "../../src/oauth/resource-server/bearer.ts";
import type { Client } from "../../src/oauth/clients/types.ts";
import { describeClient } from "../../src/oauth/authorization-server/describe-client.ts";
import { tokenEndpoint } from "../../src/oauth/authorization-server/token.ts";
import {
  CHALLENGE,
  createAuthorizationServer,
  identifiers,
  formRequest,
  REDIRECT,
} from "./authorization-server.ts";

describe("who vouches for a client", () => {
  const client: Client = {
    id: "id",
    key: "cli",
    name: "App",
    metadataHost: undefined,
    redirectUris: [REDIRECT],
    grantTypes: ["authorization_code"],
    scopes: undefined,
    defaultScopes: undefined,
    auth: { method: "none" },
  };
  it.each<[string, Partial<Client>, boolean, string | undefined]>([
    ["the operator, for a configured one", {}, true, undefined],
    [
      "the host of its metadata document",
      { key: "https://app.example/c", metadataHost: "app.example" },
      false,
      "app.example",
    ],
    ["nobody, for one that registered itself", { key: "dcr:abc" }, false, undefined],
  ])("%s", (_, changes, isConfigured, metadataHost) => {
    const pkce = `code_challenge=${CHALLENGE}&code_challenge_method=S256`;
    const ask = parseAuthorizationRequest(
      `response_type=code&${pkce}`,
      { ...client, ...changes },
      REDIRECT,
      identifiers,
      createAuthorizationServer().settings,
    );
    const shown = { name: "App", redirectHost: "client.test", isLocal: false };
    expect(ask.ok && describeClient(ask.value)).toEqual({ ...shown, isConfigured, metadataHost });
  });
});

it.each([
  [["read", "write"], ', scope="read write"'],
  [[], ""],
])("the challenge to whoever has no valid token names the scopes %j", async (scopes, said) => {
  const http = new Request(identifiers.resource, { headers: { authorization: "Bearer abc" } });
  const caller = await authenticate(
    http,
    identifiers,
    () => Promise.resolve(err("token.forged")),
    scopes,
  );
  const parts = /error_description="[^"]*"(.*), resource_metadata="/.exec(
    caller.ok ? "" : (caller.error.headers.get("www-authenticate") ?? ""),
  );
  expect(parts?.[1]).toBe(said);
});

it.each([
  ["by HTTP Basic", {}, ["web", "wrong"] as const, 'Basic realm="barewire"'],
  ["in the form", { client_id: "web", client_secret: "wrong" }, undefined, null],
])(
  "a client that failed %s is challenged only where it used the scheme",
  async (_, shown, basic, challenge) => {
    const form = { grant_type: "authorization_code", code: "x", code_verifier: "x", ...shown };
    const answer = await tokenEndpoint(
      createAuthorizationServer(),
      formRequest("/token", form, basic),
      identifiers,
    );
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, challenge]);
  },
);
