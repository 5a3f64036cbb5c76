// What the app serves beside its endpoint, as a browser and a watchman get it.
import { afterAll, beforeAll, expect, it } from "vitest";
import { connectClient } from "../client/callers.node.ts";
import { serveBareApp, type TestServer } from "../client/servers.node.ts";

let open: TestServer;
let outside: TestServer;
let guarded: TestServer;
/** What the app says of itself to a client: a fork has a name and tools of its own. */
let info: { readonly name: string; readonly title?: string; readonly version: string };
let tools: readonly { readonly name: string; readonly description?: string }[];
beforeAll(async () => {
  [open, guarded, outside] = await Promise.all([
    serveBareApp({ AUTH: "none" }),
    serveBareApp(),
    serveBareApp({ AUTH_ISSUER: "https://issuer.test" }),
  ]);
  const client = await connectClient(open.url, "auto");
  const said = client.getServerVersion();
  if (said === undefined) throw new Error("The server says nothing of itself");
  info = said as typeof info;
  tools = (await client.listTools()).tools as typeof tools;
  await client.close();
}, 90_000);
afterAll(() => Promise.all([open?.stop(), guarded?.stop(), outside?.stop()]));

const get = (app: TestServer, path: string, method = "GET"): Promise<Response> =>
  fetch(new URL(path, app.url), { method });

it("says that it is well", async () => {
  for (const app of [open, guarded]) {
    const answer = await get(app, "/health");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual({
      status: "ok",
      name: info.name,
      version: info.version,
    });
  }
});

it.each(["/", "/health", "/favicon.ico"])(
  "%s: HEAD is GET without a body, and nothing else is served",
  async (path) => {
    const [whole, head, post] = await Promise.all(
      ["GET", "HEAD", "POST"].map((method) => get(open, path, method)),
    );
    expect(head?.status).toBe(200);
    expect(head?.headers.get("content-type")).toBe(whole?.headers.get("content-type"));
    expect(await head?.text()).toBe("");
    expect(post?.status).toBe(405);
    expect(post?.headers.get("allow")).toBe("GET, HEAD");
  },
);

it("leaves other paths as they are", async () => {
  for (const path of ["/favicon.svg", "/health/", "/index.html"])
    expect((await get(open, path)).status).toBe(404);
});

it("has an icon for the tab of every page, which can do nothing when it is opened by itself", async () => {
  for (const app of [open, guarded, outside]) {
    const answer = await get(app, "/favicon.ico");
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "image/svg+xml",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      "x-content-type-options": "nosniff",
    });
    expect(await answer.text()).toMatch(/^<svg [^>]*>[\s\S]*>\S<\/text><\/svg>$/);
  }
});

it("shows people how to connect, and what there is", async () => {
  const page = readable(await (await get(guarded, "/")).text());
  const url = guarded.url.href;
  const name = info.name.replaceAll(/[^\w-]+/g, "-");
  expect(tools.length).toBeGreaterThan(0);
  for (const part of [
    `claude mcp add --transport http ${name} ${url}`,
    `{"servers":{"${name}":{"type":"http","url":"${url}"}}}`,
    `{"mcpServers":{"${name}":{"url":"${url}"}}}`,
    ...tools.flatMap((tool) => [tool.name, tool.description ?? ""]),
    "Your account",
  ])
    expect(page).toContain(part);
  expect(page).not.toContain("Nobody is asked");
  const stranger = readable(await (await get(open, "/")).text());
  expect(stranger).toContain("Nobody is asked who they are");
  expect(stranger).not.toMatch(/our account/);
  // Another server's account page is not ours to link to.
  const elsewhere = readable(await (await get(outside, "/")).text());
  expect(elsewhere).toContain("another service");
  expect(elsewhere).not.toContain("our account");
});

it("cannot be framed, scripted or sniffed, and its one style is its own", async () => {
  const answers = await Promise.all([get(open, "/"), get(open, "/")]);
  const policies = answers.map(({ headers }) => headers.get("content-security-policy") ?? "");
  expect(policies[0]).not.toBe(policies[1]);
  expect(policies[0]).toMatch(
    /^default-src 'none'; img-src 'self'; style-src 'nonce-[\w-]{22}'; form-action 'none'/,
  );
  expect(policies[0]).toContain("frame-ancestors 'none'");
  const [answer] = answers;
  expect(answer?.headers.get("x-frame-options")).toBe("DENY");
  expect(answer?.headers.get("x-content-type-options")).toBe("nosniff");
  const html = (await answer?.text()) ?? "";
  const nonce = /'nonce-([\w-]+)'/.exec(policies[0] ?? "")?.[1];
  expect([...html.matchAll(/<style nonce="([^"]*)">/g)].map(([, one]) => one)).toEqual([nonce]);
  expect(html).not.toMatch(/<script|\sstyle=|\son\w+=/);
  expect([...html.matchAll(/src="([^"]*)"/g)].map(([, src]) => src)).toEqual(["/favicon.ico"]);
});

/** The text of a page as a person copies it. */
function readable(html: string): string {
  const text = html.replace(/<style[\s\S]*?<\/style>/, "").replaceAll(/<[^>]*>/g, "");
  return text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
