/** Who signed in is who the app says, whatever it is written in, and as it was when the app said so. */

import { expect, it } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import { ok } from "../../../src/base/result.ts";
import { openAccessToken } from "../../../src/oauth/authorization-server/access-token.ts";
import { tokenEndpoint } from "../../../src/oauth/authorization-server/token.ts";
import type { LoginHooks } from "../../../src/oauth/authorization-server/types.ts";
import type { AuthenticatedPerson, SignInResult } from "../../../src/oauth/sign-in/types.ts";
import {
  createAuthorizationServer,
  formRequest,
  identifiers,
  REDIRECT,
  type TestAuthorizationServer,
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
  base: TestAuthorizationServer = createAuthorizationServer(),
): Promise<{ subject: string; properties: unknown }> {
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

it.each<[string, object, number]>([
  ["rejected", { kind: "rejected", subject: "", message: "No such name" }, 403],
  ["redirect", { kind: "redirect", url: "https://id.example/", upstreamState: {} }, 303],
])("a result may be an object of a class: %s", async (_, members, status) => {
  const getters = Object.fromEntries(
    Object.entries(members).map(([name, value]) => [name, { get: (): unknown => value }]),
  );
  const result = Object.create(Object.create(null, getters) as object) as SignInResult;
  const base = createAuthorizationServer();
  const signIn = { title: "", fields: [], submit: () => Promise.resolve(result) };
  const browser = createBrowser({ ...base, login: { ...base.login, signIn } });
  const begun = await browser.request(authorizeUrl());
  const shown = await browser.request("/authorize/sign-in", { ...begun.hidden });
  expect(shown.status).toBe(status);
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

it.each<[string, object]>([
  ["no subject", { properties: {} }],
  ["an empty subject", { subject: "", properties: {} }],
  ["properties that are none", { subject: "ada", properties: new Date(0) }],
])("nobody is let in with %s", async (_, person) => {
  const nobody = { kind: "authenticated", ...person } as unknown as SignInResult;
  await expect(signedIn(() => nobody, "ada")).rejects.toThrow("gave no subject");
});

it("whoever fails to sign in is nobody, and reads their own message, whoever else signs in by the same object", async () => {
  const base = createAuthorizationServer();
  const result = {};
  const signIn = {
    title: "Sign in",
    fields: [],
    submit: (_context: unknown, input: ReadonlyMap<string, string>) => {
      const subject = input.get("name") ?? "";
      const told =
        subject === "ada"
          ? { kind: "authenticated", subject, properties: {} }
          : { kind: "rejected", subject, message: `No account for ${subject}` };
      return Promise.resolve(Object.assign(result, told) as SignInResult);
    },
  };
  const own = { ...base, login: { ...base.login, signIn } };
  const names = ["mallory", "ada", "eve"];
  const pages = await Promise.all(
    names.map(async (name) => {
      const browser = createBrowser(own);
      const begun = await browser.request(authorizeUrl());
      return { browser, name, hidden: begun.hidden };
    }),
  );
  const shown = await Promise.all(
    pages.map(({ browser, name, hidden }) =>
      browser.request("/authorize/sign-in", { ...hidden, name }),
    ),
  );
  expect(shown.map(({ status }) => status)).toEqual([403, 200, 403]);
  expect(shown[0]?.html).toContain("No account for mallory");
  expect(shown[2]?.html).toContain("No account for eve");
});

it("a hook need not give a promise", async () => {
  const hooks = { onSignIn: () => true as never, onConsent: () => ok(undefined) as never };
  const own = createAuthorizationServer({}, { hooks });
  const personOf = (name: string): SignInResult => ({
    kind: "authenticated",
    subject: name,
    properties: {},
  });
  expect(await signedIn(personOf, "ada", own)).toEqual({ subject: "ada", properties: {} });
});

it("who is kept is who the app's hook saw, as it left them", async () => {
  const kept: JsonObject[] = [];
  const base = createAuthorizationServer(
    {},
    {
      hooks: {
        onSignIn: (_subject, properties) => {
          kept.push(properties);
          properties["role"] = "reader";
          return Promise.resolve(true);
        },
        onConsent: () => {
          for (const properties of kept) properties["role"] = "admin";
          return Promise.resolve({ ok: true, value: undefined });
        },
      },
    },
  );
  const own = await signedIn(
    (name) => ({ kind: "authenticated", subject: name, properties: {} }),
    "ada",
    base,
  );
  expect(own).toEqual({ subject: "ada", properties: { role: "reader" } });
});

it.each<[string, LoginHooks]>([
  ["onSignIn", { onSignIn: () => undefined as never }],
  ["onSignIn, later", { onSignIn: () => Promise.resolve(undefined as never) }],
  ["onConsent", { onConsent: () => undefined as never }],
  ["onConsent, later", { onConsent: () => Promise.resolve("yes" as never) }],
])("nobody is let in by a hook that says nothing: %s", async (_, hooks) => {
  const own = createAuthorizationServer({}, { hooks });
  const personOf = (name: string): SignInResult => ({
    kind: "authenticated",
    subject: name,
    properties: {},
  });
  await expect(signedIn(personOf, "ada", own)).rejects.toThrow();
});
