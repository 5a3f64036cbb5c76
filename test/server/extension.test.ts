/** An extension of a test's own: what clients are told of it, its methods, and where they cannot be reached. */

import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { errorOutcome } from "../../src/protocol/outcome.ts";
import { missingExtension } from "../../src/server/extension.ts";
import type { Feature } from "../../src/server/feature.ts";
import { createWorker } from "../../src/worker/router.ts";
import { loginOptions } from "../world/login-options.ts";
import type { Env } from "../world/env.ts";
import { everyPart } from "../world/parts.ts";
import { readReply, type JsonRpcReply } from "./stateless-server.ts";

const ID = "org.example/greetings";
const greetings: Feature = {
  extension: { id: ID, settings: { polite: true } },
  start: () => ({
    methods: {
      "greetings/get": {
        mcpNameParam: "greetingId",
        handle({ request }) {
          const missing = missingExtension(request, ID);
          if (missing !== undefined) return errorOutcome(missing);
          return { kind: "complete", result: { text: "Hello" }, resultType: "greeting" };
        },
      },
      // A method that the revision has itself cannot be replaced.
      "server/discover": { handle: () => ({ kind: "complete", result: { replaced: true } }) },
    },
  }),
};

const { auth, features } = everyPart(loginOptions);
const { fetch } = createWorker<Env>({
  server: { info: { name: "own", version: "1" } },
  auth,
  features: [...features, greetings],
});

async function send(
  method: string,
  params: object,
  { name = "", extensions = { [ID]: {} } }: { name?: string; extensions?: object } = {},
): Promise<JsonRpcReply> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { extensions },
  };
  const request = new Request("http://127.0.0.1/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name === "" ? {} : { "mcp-name": name }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }),
  });
  return readReply(await fetch(request, { ...(env as unknown as Env), AUTH: "none" }));
}

it("is declared by its id with its settings", async () => {
  const { result } = await send("server/discover", {});
  expect(result?.["capabilities"]).toMatchObject({ extensions: { [ID]: { polite: true } } });
});

it("serves its method, with a kind of result of its own", async () => {
  const { result } = await send("greetings/get", { greetingId: "a" }, { name: "a" });
  expect(result).toMatchObject({ resultType: "greeting", text: "Hello" });
});

it("demands that Mcp-Name repeats the parameter that the method says", async () => {
  const { error } = await send("greetings/get", { greetingId: "a" }, { name: "b" });
  expect(error?.code).toBe(-32020);
});

it("is refused to a client that did not declare it, and says what is missing", async () => {
  const { error } = await send("greetings/get", { greetingId: "a" }, { name: "a", extensions: {} });
  expect(error).toMatchObject({
    code: -32021,
    data: { requiredCapabilities: { extensions: { [ID]: {} } } },
  });
});

it("is unknown where no part serves it", async () => {
  const { error } = await send("farewells/get", {});
  expect(error?.code).toBe(-32601);
});

it("is not there in a session", async () => {
  const post = (body: object, fields: Record<string, string> = {}): Promise<Response> =>
    fetch(
      new Request("http://127.0.0.1/mcp", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...fields,
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
      }),
      { ...(env as unknown as Env), AUTH: "none" },
    );
  const opened = await post({
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    },
  });
  expect((await readReply(opened)).result?.["capabilities"]).not.toHaveProperty("extensions");
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  const { error } = await readReply(
    await post({ method: "greetings/get", params: { greetingId: "a" } }, session),
  );
  expect(error?.code).toBe(-32601);
});
