/** Scopes: what a client asks for in any words, what it is given, and that no answer leaves this open. */

import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import {
  grantableScopes,
  parseScopes,
} from "../../../src/oauth/authorization-server/authorization-request.ts";
import { findClient } from "../../../src/oauth/clients/find.ts";
import type { Client } from "../../../src/oauth/clients/types.ts";
import { serverMetadataResponse } from "../../../src/oauth/authorization-server/metadata.ts";
import {
  resourceMetadataResponse,
  type ProtectedResource,
} from "../../../src/oauth/resource-server/metadata.ts";
import { defaultScopes } from "../../../src/server/scopes.ts";
import { tokenEndpoint } from "../../../src/oauth/authorization-server/token.ts";
import { recordingAuthorizationServer, registerClient } from "../clients/recording-server.ts";
import {
  CLIENTS,
  createAuthorizationServer,
  identifiers,
  formRequest,
  REDIRECT,
  CLIENT_SECRET,
  VERIFIER,
} from "../authorization-server.ts";
import { authorizeUrl, createBrowser } from "../browser.ts";

const SCOPES = {
  read: { description: "Read" },
  write: { description: "Write" },
  admin: { description: "Do everything", isDefault: false },
};
const operator = {
  client_id: "operator",
  client_name: "O",
  redirect_uris: [REDIRECT],
  scope: "read admin",
};
const machine = { ...CLIENTS[2], client_id: "robot", scope: "admin" } as (typeof CLIENTS)[number];
const desk = createAuthorizationServer({
  scopes: SCOPES,
  clients: [...CLIENTS, operator, machine],
});
const { settings } = desk;

/** What the person reads, and what the token response says, of a login of `client_id` that asks for `scope`. */
async function login(scope: string | undefined, client_id: string = "cli") {
  const at = createBrowser(desk);
  const begun = await at.request(authorizeUrl({ client_id, scope }));
  const consent = await at.request("/authorize/sign-in", {
    ...begun.hidden,
    name: "ada",
    word: "open",
  });
  const read = [...consent.html.matchAll(/<li>([^<]*)<\/li>/g)].map(([, text]) => text);
  const { to } = await at.request("/authorize/consent", { ...consent.hidden, decision: "allow" });
  const code = to?.searchParams.get("code") ?? "";
  const form = { grant_type: "authorization_code", client_id, code, code_verifier: VERIFIER };
  const said: JsonObject = await (
    await tokenEndpoint(desk, formRequest("/token", form), identifiers)
  ).json();
  return { read, scope: said["scope"], consent };
}

describe("a login", () => {
  it.each<[string | undefined, string[], string]>([
    [undefined, ["Read", "Write"], "read write"],
    ["", ["Read", "Write"], "read write"],
    ["openid", ["Read", "Write"], "read write"],
    ["openid email profile", ["Read", "Write"], "read write"],
    ["mcp:tools offline_access", ["Read", "Write"], "read write"],
    ["READ", ["Read", "Write"], "read write"],
    ["constructor __proto__", ["Read", "Write"], "read write"],
    ["openid  read", ["Read"], "read"],
    ["admin", ["Do everything"], "admin"],
    ["write admin read", ["Read", "Write", "Do everything"], "read write admin"],
  ])("that asks for %j is asked about %j, and given %j", async (asked, read, given) => {
    expect(await login(asked)).toMatchObject({ read, scope: given });
  });

  it.each([
    [undefined, "read admin"],
    ["read write", "read"],
    ["openid", "read admin"],
  ])("of a client that the operator limited: %j gives %j", async (asked, given) => {
    expect(await login(asked, "operator")).toMatchObject({ scope: given });
  });

  it("of a client that registered for less may ask for more, and the person decides", async () => {
    const { client_id } = await registerClient(desk, {
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: "none",
      scope: "read",
    });
    expect(await login(undefined, client_id)).toMatchObject({ read: ["Read"], scope: "read" });
    const more = await login("read write admin", client_id);
    expect(more).toMatchObject({
      read: ["Read", "Write", "Do everything"],
      scope: "read write admin",
    });
  });
});

describe("a client's own token", () => {
  const ask = async (scope: string, client_id: string): Promise<unknown[]> => {
    const form = { grant_type: "client_credentials", ...(scope === "" ? {} : { scope }) };
    const answer = await tokenEndpoint(
      desk,
      formRequest("/token", form, [client_id, CLIENT_SECRET]),
      identifiers,
    );
    const said: JsonObject = await answer.json();
    return [answer.status, said["scope"] ?? said["error"]];
  };

  it.each([
    ["robot", "", 200, "admin"],
    ["robot", "openid", 200, "admin"],
    ["robot", "admin write", 200, "admin"],
    ["robot", "write", 400, "invalid_scope"],
    ["machine", "admin", 400, "invalid_scope"],
    ["machine", "", 200, "read"],
  ])("of %s, asked with %j, is %i %j", async (client, scope, status, given) => {
    expect(await ask(scope, client)).toEqual([status, given]);
  });
});

describe("what clients are told to ask for", () => {
  const resourceOf = ({ scopes }: Pick<typeof settings, "scopes">): ProtectedResource => ({
    name: "x",
    scopes: defaultScopes(scopes),
  });
  const listed = async (answer: Response | undefined): Promise<unknown> => {
    const said: JsonObject | undefined = await answer?.json();
    return said?.["scopes_supported"];
  };

  it("leaves out what is not given by default, where the server's own list has it", async () => {
    expect(defaultScopes(settings.scopes)).toEqual(["read", "write"]);
    const path = "/.well-known/oauth-protected-resource/mcp";
    expect(
      await listed(
        resourceMetadataResponse(path, identifiers, identifiers.issuer, resourceOf(settings)),
      ),
    ).toEqual(["read", "write"]);
    expect(await listed(serverMetadataResponse(identifiers, settings))).toEqual([
      "read",
      "write",
      "admin",
      "offline_access",
    ]);
  });

  it("is nothing where nothing is given by default; such a login gives no scope", async () => {
    const only = { ...settings, scopes: { admin: SCOPES.admin } };
    const path = "/.well-known/oauth-protected-resource/mcp";
    expect(
      await listed(
        resourceMetadataResponse(path, identifiers, identifiers.issuer, resourceOf(only)),
      ),
    ).toBeUndefined();
    const client = await findClient(desk, "cli");
    expect(client.ok && grantableScopes(undefined, client.value, only)).toEqual({
      ok: true,
      value: [],
    });
  });
});

it("a scope that a client registered for and the server gave up is not given", async () => {
  const before = recordingAuthorizationServer();
  const { client_id } = await registerClient(before, {
    redirect_uris: [REDIRECT],
    scope: "read write",
  });
  const found = await findClient(before, client_id);
  const client = (found.ok ? found.value : undefined) as Client;
  const now = { ...settings, scopes: { write: SCOPES.write, admin: SCOPES.admin } };
  expect(grantableScopes(undefined, client, now)).toEqual({ ok: true, value: ["write"] });
  expect(parseScopes("read write", client, now)).toEqual(["write"]);
});
