/** Who signed in is who the app says, whatever it is written in, and as it was when the app said so. */

import { expect, it } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import { openAccessToken } from "../../../src/oauth/authorization-server/access-token.ts";
import { tokenEndpoint } from "../../../src/oauth/authorization-server/token.ts";
import type { AuthenticatedPerson, SignInResult } from "../../../src/oauth/sign-in/types.ts";
import {
  createAuthorizationServer,
  formRequest,
  identifiers,
  REDIRECT,
  VERIFIER,
} from "../authorization-server.ts";
import { authorizeUrl, createBrowser } from "../browser.ts";

/** As a row of a table is an object of a class. */
class Member implements AuthenticatedPerson {
  readonly kind = "authenticated" as const;
  readonly #mail: string;
  constructor(mail: string) {
    this.#mail = mail;
  }
  get subject(): string {
    return `member ${this.#mail}`;
  }
  get name(): string {
    return this.#mail;
  }
  get properties(): JsonObject {
    return { mail: this.#mail };
  }
}

/** Signs `name` in to a server that asks `personOf`, and gives whose token it is. */
async function signedIn(
  personOf: (name: string) => SignInResult,
  name: string,
): Promise<{ subject: string; properties: unknown }> {
  const base = createAuthorizationServer();
  const signIn = {
    title: "Sign in",
    fields: [],
    submit: (_context: unknown, input: ReadonlyMap<string, string>) =>
      Promise.resolve(personOf(input.get("name") ?? "")),
  };
  const own = { ...base, login: { ...base.login, signIn } };
  const browser = createBrowser(own);
  const begun = await browser.request(authorizeUrl());
  const page = await browser.request("/authorize/sign-in", { ...begun.hidden, name });
  const done = await browser.request("/authorize/consent", { ...page.hidden, decision: "allow" });
  const form = {
    client_id: "cli",
    grant_type: "authorization_code",
    code: new URL(String(done.to)).searchParams.get("code") ?? "",
    code_verifier: VERIFIER,
    redirect_uri: REDIRECT,
  };
  const response = await tokenEndpoint(own, formRequest("/token", form), identifiers);
  const body: { access_token: string } = await response.json();
  const { resource } = identifiers;
  const opened = await openAccessToken(own.ring, body.access_token, resource, Date.now());
  if (!opened.ok) throw new Error(opened.error);
  const { subject, properties } = opened.value.caller;
  return { subject, properties };
}

it("a person may be an object of a class", async () => {
  for (const name of ["ada", "bob"])
    expect(await signedIn((mail) => new Member(mail), name)).toEqual({
      subject: `member ${name}`,
      properties: { mail: name },
    });
});

it("two who sign in at once by one object of the app's are two", async () => {
  const tenant: JsonObject = {};
  const personOf = (name: string): SignInResult => ({
    kind: "authenticated",
    subject: name,
    properties: Object.assign(tenant, { role: `role of ${name}` }),
  });
  const both = await Promise.all(["ada", "bob"].map((name) => signedIn(personOf, name)));
  expect(both).toEqual(
    ["ada", "bob"].map((name) => ({ subject: name, properties: { role: `role of ${name}` } })),
  );
});

it("nobody is let in without a subject", async () => {
  const nobody = { kind: "authenticated", properties: {} } as unknown as SignInResult;
  await expect(signedIn(() => nobody, "ada")).rejects.toThrow("gave no subject");
});
