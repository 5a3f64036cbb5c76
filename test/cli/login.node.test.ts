// The login of `make token`, at a server that is honest and at ones that lead elsewhere: what is secret goes to nobody else.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { login, refresh } from "../../src/cli/login.ts";

const FIELDS = { passphrase: "open sesame" };
const KEPT = { client_id: "c1", refresh_token: "r1" };

/** Path to answer: JSON, or text that is a page. */
type Answers = Record<string, (response: ServerResponse, query: URLSearchParams) => void>;

/** What the honest server and the other one were sent, as "POST /token". */
let seen: string[] = [];
let taken: string[] = [];
let spoil: Answers = {};
let honest: Server;
let thief: Server;
let origin = "";
let elsewhere = "";

beforeAll(async () => {
  honest = createServer((request, response) => {
    const url = new URL(request.url ?? "/", origin);
    seen.push(`${request.method} ${url.pathname}`);
    const answer = { ...right(), ...spoil }[`${request.method} ${url.pathname}`];
    if (answer === undefined) response.writeHead(404).end();
    else answer(response, url.searchParams);
    request.resume();
  });
  thief = createServer((request: IncomingMessage, response) => {
    taken.push(`${request.method} ${request.url}`);
    response.end("{}");
  });
  [origin = "", elsewhere = ""] = await Promise.all([honest, thief].map(listen));
});

afterEach(() => {
  [seen, taken, spoil] = [[], [], {}];
});

afterAll(() => {
  honest.closeAllConnections();
  honest.close();
  thief.close();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json = (body: object) => (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
};
const page =
  (action: string, status = 200, alert = "") =>
  (response: ServerResponse) => {
    const text = `<title>Sign in</title><p role="alert">${alert}</p><form method="post" action="${action}"></form>`;
    response.writeHead(status, { "content-type": "text/html" }).end(text);
  };
const redirect =
  (location: string, status = 307) =>
  (response: ServerResponse) => {
    response.writeHead(status, { location }).end();
  };

const RESOURCE = "GET /.well-known/oauth-protected-resource/mcp";
const ISSUER = "GET /.well-known/oauth-authorization-server";
const resource = (): object => ({ resource: `${origin}/mcp`, authorization_servers: [origin] });
const issuer = (): Record<string, string> => ({
  issuer: origin,
  authorization_endpoint: `${origin}/authorize`,
  token_endpoint: `${origin}/token`,
  registration_endpoint: `${origin}/register`,
});

let state = "";
function right(): Answers {
  return {
    [RESOURCE]: json(resource()),
    [ISSUER]: json(issuer()),
    "POST /register": json({ client_id: "c1" }),
    "GET /authorize": (response, query) => {
      state = query.get("state") ?? "";
      page("/sign-in")(response);
    },
    "POST /sign-in": redirect("/consent", 303),
    "GET /consent": page("/consent"),
    "POST /consent": (response) =>
      redirect(
        `http://127.0.0.1:9/callback?${new URLSearchParams({ code: "c", state, iss: origin }).toString()}`,
        303,
      )(response),
    "POST /token": json({ access_token: "a1", refresh_token: "r2" }),
  };
}

it("logs in where all is right, and renews", async () => {
  expect(await login(`${origin}/mcp`, FIELDS)).toEqual({
    access_token: "a1",
    refresh_token: "r2",
    client_id: "c1",
  });
  expect(seen.filter((one) => one === "POST /sign-in")).toHaveLength(1);
  expect(await refresh(origin, KEPT)).toEqual({ access_token: "a1", refresh_token: "r2" });
});

const members = ["issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint"];
it.each<[what: string, spoiled: () => Answers]>([
  ["the resource", () => ({ [RESOURCE]: json({ ...resource(), resource: `${elsewhere}/mcp` }) })],
  [
    "the authorization server",
    () => ({ [RESOURCE]: json({ ...resource(), authorization_servers: [elsewhere] }) }),
  ],
  ...members.map((name): [string, () => Answers] => [
    name,
    () => ({ [ISSUER]: json({ ...issuer(), [name]: `${elsewhere}/x` }) }),
  ]),
  ["the form", () => ({ "GET /authorize": (response) => page(`${elsewhere}/sign-in`)(response) })],
])("sends nothing where %s is another server's, and says so", async (_, spoiled) => {
  spoil = spoiled();
  await expect(login(origin, FIELDS)).rejects.toThrow(
    `${origin} names another server, ${elsewhere}, as its`,
  );
  expect(taken).toEqual([]);
});

it.each([
  RESOURCE,
  ISSUER,
  "POST /register",
  "GET /authorize",
  "POST /sign-in",
  "POST /consent",
  "POST /token",
])("follows no redirect of %s to another server", async (which) => {
  spoil = { [which]: (response) => redirect(`${elsewhere}/x`)(response) };
  await expect(login(origin, FIELDS)).rejects.toThrow(elsewhere);
  expect(taken).toEqual([]);
});

// The test ends only if the login does.
it.each([
  RESOURCE,
  ISSUER,
  "POST /register",
  "GET /authorize",
  "POST /sign-in",
  "GET /consent",
  "POST /consent",
  "POST /token",
])("waits for %s no longer than it may take", async (which) => {
  spoil = { [which]: () => undefined };
  await expect(login(origin, FIELDS, 500)).rejects.toThrow(/timeout/);
});

it("stops at the first refusal, with what the page says", async () => {
  spoil = {
    "POST /sign-in": page("/sign-in", 403, "That is <b>not</b> the passphrase &amp; never was."),
  };
  await expect(login(origin, FIELDS)).rejects.toThrow(
    "Refused (403): That is not the passphrase & never was.",
  );
  expect(seen.filter((one) => one === "POST /sign-in")).toHaveLength(1);
});

it.each<[what: string, which: string, begin: string]>([
  ["a page that opens forms without end", "GET /authorize", "<form "],
  ["a refusal of the same kind", "POST /register", "<"],
  ["metadata without end", ISSUER, " "],
])("reads no more than a page of %s", async (_, which, begin) => {
  spoil = {
    [which]: (response) => {
      response.writeHead(which === "POST /register" ? 400 : 200, { "content-type": "text/html" });
      const write = (): void => {
        while (!response.destroyed && response.write(begin.repeat(10_000)));
      };
      response.on("drain", write);
      write();
    },
  };
  await expect(login(origin, FIELDS)).rejects.toThrow("answers with more than 65536 bytes");
});

it("says that a server asks nobody", async () => {
  spoil = { [RESOURCE]: (response) => response.writeHead(404).end() };
  await expect(login(origin, FIELDS)).rejects.toThrow("asks nobody to sign in");
});

it.each([400, 401])("knows a grant that is over by the answer %d", async (status) => {
  spoil = { "POST /token": (response) => response.writeHead(status).end("{}") };
  expect(await refresh(origin, KEPT)).toBeUndefined();
});

it("takes a server's own trouble for no answer about the grant", async () => {
  spoil = { "POST /token": (response) => response.writeHead(500).end("{}") };
  await expect(refresh(origin, KEPT)).rejects.toThrow("answered 500");
});
