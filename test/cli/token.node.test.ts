// `make token` as it is run, in a folder of its own: what a server says cannot command the terminal, and is waited for
// no longer than any server may take.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "barewire-token-"));
cpSync("src/cli", join(folder, "src/cli"), { recursive: true });
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

function makeToken(address: string, fields: string): Promise<Ran> {
  const options = { cwd: folder, env: { ...process.env, FIELDS: fields } };
  return new Promise((resolve) => {
    execFile(process.execPath, ["src/cli/token.ts", address], options, (error, out, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, errors }),
    );
  });
}

/** A server that signs anybody in. `sent` are the forms that it got; `spoiled` are answers to paths. */
async function serveLogin(
  sent: string[],
  spoiled: Readonly<Record<string, string>> = {},
): Promise<string> {
  let state = "";
  const origin = await serve((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", origin);
    state = searchParams.get("state") ?? state;
    const answers: Readonly<Record<string, string>> = {
      "/.well-known/oauth-protected-resource/mcp": JSON.stringify({
        resource: `${origin}/mcp`,
        authorization_servers: [origin],
      }),
      "/.well-known/oauth-authorization-server": JSON.stringify({
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
      }),
      "/register": '{"client_id":"c1"}',
      "/authorize": '<form method="post" action="/sign-in"></form>',
      "/token": '{"access_token":"a1","refresh_token":"r1"}',
      ...spoiled,
    };
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      if (pathname === "/sign-in" && !("/sign-in" in spoiled)) {
        sent.push(body);
        const query = new URLSearchParams({ code: "c", state, iss: origin });
        response
          .writeHead(303, { location: `http://127.0.0.1:9/callback?${query.toString()}` })
          .end();
      } else response.writeHead(pathname === "/sign-in" ? 403 : 200).end(answers[pathname] ?? "");
    });
  });
  return origin;
}

it("fills in the fields that it is given, and keeps the grant for its owner", async () => {
  const sent: string[] = [];
  const origin = await serveLogin(sent);
  const ran = await makeToken(`${origin}/mcp`, "name=ada&password=a%26b+c");
  expect(ran).toEqual({ code: 0, out: "a1\n", errors: "" });
  const [form = ""] = sent;
  expect(Object.fromEntries(new URLSearchParams(form))).toEqual({
    name: "ada",
    password: "a&b c",
    decision: "allow",
  });
  expect(readdirSync(join(folder, ".wrangler"))).toEqual([expect.stringMatching(/^token-.*json$/)]);
  // Another person is signed in anew.
  expect((await makeToken(origin, "name=bob")).code).toBe(0);
  expect(new URLSearchParams(sent[1]).get("name")).toBe("bob");
});

const TITLE = "\u001B]0;owned\u0007";
const CLEAR = "\u001B[2J\u009B2J";
it.each<[what: string, Readonly<Record<string, string>>, says: string]>([
  [
    "a page",
    { "/sign-in": `<p role="alert">Not${TITLE} you${CLEAR}</p>` },
    "Refused (403): Not]0;owned you[2J2J.",
  ],
  ["a page without a form", { "/authorize": `<p>${CLEAR}Busy</p>` }, "[2J2JBusy"],
  [
    "an address",
    { "/.well-known/oauth-authorization-server": JSON.stringify({ issuer: `x${TITLE}` }) },
    "names another server, x]0;owned, as its issuer",
  ],
  ["a token", { "/token": JSON.stringify({ access_token: `a1${CLEAR}` }) }, "no bearer token"],
])("nothing of a server commands the terminal: %s", async (_, spoiled, says) => {
  const { code, out, errors } = await makeToken(await serveLogin([], spoiled), "name=ada");
  expect([code, out]).toEqual([1, ""]);
  expect(errors).toContain(says);
  expect(errors.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});

it.each(["garbage", "mailto:a@b.test", "ftp://a.test"])("%s is no address", async (address) => {
  const { code, errors } = await makeToken(address, "");
  expect([code, errors]).toEqual([
    1,
    `No token: URL must be an address such as https://name.example, not "${address}".\n`,
  ]);
});

it("says how to sign in where there is no passphrase", async () => {
  expect(existsSync(join(folder, ".dev.vars"))).toBe(false);
  const origin = await serveLogin([]);
  expect((await makeToken(origin, "")).errors).toContain("there is no .dev.vars");
  writeFileSync(join(folder, ".dev.vars"), "KEYS=a\n");
  expect((await makeToken(origin, "")).errors).toContain("FIELDS='name=ada&password=…' fills in");
  writeFileSync(join(folder, ".dev.vars"), 'PASSPHRASE="pbkdf2-sha256:1:a:b"\n');
  expect((await makeToken(origin, "")).errors).toContain("only the hash of a passphrase");
});
