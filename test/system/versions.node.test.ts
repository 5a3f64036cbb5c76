/**
 * A deployment in the middle of everything: another version of the Worker takes over what the objects stored, while calls
 * wait for their client, streams are open and people sign in. Each way, as after a deployment that was taken back.
 */

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerSecrets } from "../client/secrets.node.ts";
import { serveChanged, type Changes, type TestServer } from "../client/servers.node.ts";
import { passPages, refresh, tab } from "../../src/cli/login.ts";
import { callTool, events, listen, nextMessage, openSession, post } from "./client.node.ts";

const ASKS = "test_elicitation";
const WATCHED = "test://watched-resource";
const CALLBACK = "http://127.0.0.1:9/callback";
const SAID = "Asks the person for two texts";

/** What tells the versions apart, by their names. */
const VERSIONS: Readonly<Record<string, Pick<Changes, "alter">>> = {
  one: {},
  two: { alter: (bundle) => bundle.replaceAll(SAID, `${SAID}, in version two`) },
};

const objects = mkdtempSync(join(tmpdir(), "barewire-versions-"));
let server: TestServer | undefined;
let url: URL;
let now = "";

/** Ends the server as it is, and starts `version` on the same port and storage. */
async function deploy(version: string): Promise<void> {
  await server?.stop();
  server = undefined;
  const port = now === "" ? "0" : url.port;
  server = await serveChanged(
    "test/world/worker.ts",
    { AUTH: "" },
    { ...VERSIONS[version], objects, port },
  );
  url = server.url;
  now = version;
}

const other = (): string => (now === "one" ? "two" : "one");

beforeAll(() => deploy("one"), 90_000);

afterAll(async () => {
  await server?.stop();
  rmSync(objects, { recursive: true, force: true });
});

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly client_id: string;
}

/** A login whose every form is answered by another version than the one that made it, and whose code is too. */
async function logIn(): Promise<Tokens> {
  const registered = await fetch(new URL("/register", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "Versions",
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
    }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const verifier = "v".repeat(43);
  const asked = new URL("/authorize", url);
  asked.search = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri: CALLBACK,
    state: "s",
    resource: url.href,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  }).toString();
  const browser = tab();
  let forms = 0;
  const moving: typeof browser = async (to, init) => {
    if (init?.method === "POST") {
      forms += 1;
      await deploy(other());
    }
    return browser(to, init);
  };
  const answer = await passPages(moving, asked, { name: "Ada", word: "open" });
  expect(forms).toBe(2);
  await deploy(other());
  const redeemed = await fetch(new URL("/token", url), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: answer.get("code") ?? "",
      redirect_uri: CALLBACK,
      client_id,
      code_verifier: verifier,
      resource: url.href,
    }),
  });
  const tokens = { ...((await redeemed.json()) as Tokens), client_id };
  expect([redeemed.status, typeof tokens.refresh_token]).toEqual([200, "string"]);
  registerSecrets(tokens.access_token, tokens.refresh_token);
  return tokens;
}

describe.each([
  ["one", "two"],
  ["two", "one"],
])("version %s, then version %s", (from, to) => {
  let tokens: Tokens;
  const bearer = (): Record<string, string> => ({ authorization: `Bearer ${tokens.access_token}` });

  it("a login goes on with every step, and the access that came of it too", async () => {
    if (now !== from) await deploy(from);
    tokens = await logIn();
    const session = await openSession(url, bearer());
    await deploy(other());
    expect((await callTool(url, session, 1, "test_simple_text")).status).toBe(200);
    const refreshed = await refresh(url, tokens);
    registerSecrets(refreshed?.access_token, refreshed?.refresh_token);
    tokens = { ...tokens, ...refreshed };
    await deploy(other());
    const again = await refresh(url, tokens);
    registerSecrets(again?.access_token, again?.refresh_token);
    tokens = { ...tokens, ...again };
    expect((await callTool(url, { ...session, ...bearer() }, 2, "test_simple_text")).status).toBe(
      200,
    );
    expect(
      (await post(url, { id: 3, method: "ping" }, { ...session, authorization: "" })).status,
    ).toBe(401);
  }, 60_000);

  it("a session goes on: its question, its streams, its subscriptions; what was at work ends with an error", async () => {
    if (now !== from) await deploy(from);
    const session = await openSession(url, bearer());
    expect(
      (await post(url, { id: 1, method: "resources/subscribe", params: { uri: WATCHED } }, session))
        .status,
    ).toBe(200);
    const asking = events(await callTool(url, session, 2, ASKS, { message: "Who?" }));
    const question = await nextMessage(asking);
    expect(question.message).toMatchObject({ method: "elicitation/create" });
    const slow = await events(await callTool(url, session, 3, "spec_slow", { ms: 30_000 })).next();
    const listening = await events(await listen(url, session)).next();
    const places = [question, slow.value, listening.value].map((event) => event?.id ?? "");

    await deploy(to);
    const listed = await (await post(url, { id: 4, method: "tools/list" }, session)).text();
    expect([listed.includes(SAID), listed.includes("version two")]).toEqual([true, to === "two"]);
    const [asked, worked, heard] = await Promise.all(
      places.map(async (place) => events(await listen(url, session, place))),
    );
    if (asked === undefined || worked === undefined || heard === undefined)
      throw new Error("Not resumed");
    expect((await nextMessage(worked)).message).toMatchObject({ id: 3, error: { code: -32603 } });

    const content = { username: "ada", email: "ada@example.com" };
    const { id } = question.message as { id: string };
    expect((await post(url, { id, result: { action: "accept", content } }, session)).status).toBe(
      202,
    );
    const answer = await nextMessage(asked);
    expect(answer.message).toMatchObject({ id: 2 });
    expect(JSON.stringify(answer.message)).toContain("ada@example.com");

    expect((await callTool(url, session, 5, "spec_hub", { do: "updated" })).status).toBe(200);
    expect((await nextMessage(heard)).message).toMatchObject({
      method: "notifications/resources/updated",
      params: { uri: WATCHED },
    });
    expect((await callTool(url, session, 6, "spec_hub", { do: "tools" })).status).toBe(200);
    expect((await nextMessage(heard)).message).toMatchObject({
      method: "notifications/tools/list_changed",
    });

    expect((await fetch(url, { method: "DELETE", headers: session })).status).toBe(204);
    expect((await post(url, { id: 7, method: "ping" }, session)).status).toBe(404);
  }, 60_000);

  it("what a handler keeps behind a handle stays, and so does the state of a call without a session", async () => {
    if (now !== from) await deploy(from);
    const call = async (
      name: string,
      args: object,
      more: object = {},
    ): Promise<Record<string, unknown>> => {
      const version = "2026-07-28";
      const _meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
      };
      const fields = {
        "mcp-protocol-version": version,
        "mcp-method": "tools/call",
        "mcp-name": name,
        ...bearer(),
      };
      const params = { name, arguments: args, _meta, ...more };
      const response = await post(url, { id: 1, method: "tools/call", params }, fields);
      return ((await response.json()) as { result: Record<string, unknown> }).result;
    };
    const textOf = (result: Record<string, unknown>): string =>
      (result["content"] as { text: string }[] | undefined)?.[0]?.text ?? JSON.stringify(result);
    const handle = textOf(await call("spec_state", {}));
    expect(textOf(await call("spec_state", { handle, put: "kept" }))).toContain("kept");
    const name = "test_input_required_result_request_state";
    const { requestState } = await call(name, {});
    expect(requestState).toEqual(expect.any(String));
    registerSecrets(requestState as string, handle);
    await deploy(to);
    expect(textOf(await call("spec_state", { handle }))).toContain("kept");
    const inputResponses = { confirm: { action: "accept", content: { ok: true } } };
    expect(textOf(await call(name, {}, { requestState, inputResponses }))).toBe("state-ok: accept");
  }, 60_000);
});
