/** What answers say only where it is so: who vouches for a client, which scope is needed, that HTTP Basic was tried. */

import { describe, expect, it } from "vitest";
import { err } from "../../src/base/result.ts";
import { readAsk } from "../../src/oauth/ask.ts";
import { readCaller } from "../../src/oauth/bearer.ts";
import type { Client } from "../../src/oauth/client-types.ts";
import { viewClient } from "../../src/oauth/consent.ts";
import { token } from "../../src/oauth/token.ts";
import { CHALLENGE, deskOf, place, post, REDIRECT } from "./desk.ts";

describe("who vouches for a client", () => {
  const client: Client = {
    id: "id",
    key: "cli",
    name: "App",
    host: undefined,
    redirectUris: [REDIRECT],
    grantTypes: ["authorization_code"],
    scopes: undefined,
    defaultScopes: undefined,
    auth: { method: "none" },
  };
  it.each<[string, Partial<Client>, boolean, string | undefined]>([
    ["the operator, for a configured one", {}, true, undefined],
    ["the host of its metadata document", { key: "https://app.example/c", host: "app.example" }, false, "app.example"],
    ["nobody, for one that registered itself", { key: "dcr:abc" }, false, undefined],
  ])("%s", (_, changes, configured, host) => {
    const pkce = `code_challenge=${CHALLENGE}&code_challenge_method=S256`;
    const ask = readAsk(`response_type=code&${pkce}`, { ...client, ...changes }, REDIRECT, place, deskOf().settings);
    const shown = { name: "App", redirectHost: "client.test", local: false };
    expect(ask.ok && viewClient(ask.value)).toEqual({ ...shown, configured, host });
  });
});

it.each([
  [["read", "write"], ', scope="read write"'],
  [[], ""],
])("the challenge to whoever has no valid token names the scopes %j", async (scopes, said) => {
  const http = new Request(place.resource, { headers: { authorization: "Bearer abc" } });
  const caller = await readCaller(http, place, () => Promise.resolve(err("token.forged")), scopes);
  const parts = /error_description="[^"]*"(.*), resource_metadata="/.exec(
    caller.ok ? "" : (caller.error.headers.get("www-authenticate") ?? ""),
  );
  expect(parts?.[1]).toBe(said);
});

it.each([
  ["by HTTP Basic", {}, ["web", "wrong"] as const, 'Basic realm="barewire"'],
  ["in the form", { client_id: "web", client_secret: "wrong" }, undefined, null],
])("a client that failed %s is challenged only where it used the scheme", async (_, shown, basic, challenge) => {
  const form = { grant_type: "authorization_code", code: "x", code_verifier: "x", ...shown };
  const answer = await token(deskOf(), post("/token", form, basic), place);
  expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, challenge]);
});
