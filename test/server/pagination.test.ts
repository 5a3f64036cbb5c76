// List pages: their cursors, and how far they may be shared.
import { expect, test } from "vitest";
import { createCancellation } from "../../src/base/cancellation.ts";
import { ANONYMOUS } from "../../src/base/caller.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { NO_RETRY_STATE, type CacheHint, type Outcome } from "../../src/protocol/outcome.ts";
import { dispatch } from "../../src/server/dispatch.ts";
import { NO_TARGET } from "../../src/server/request-target.ts";
import { buildServer, type Server } from "../../src/server/registry.ts";
import { prompt, resource, template, type ServerSpec } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import { ringOf } from "../crypto/keys.ts";
import { servicesFor, unrecordedSpan } from "./services.ts";

const ring = ringOf("a");
const NAMES = ["p0", "p1", "p2", "p3", "p4"];
const spec: ServerSpec = {
  info: { name: "lists", version: "1" },
  tools: NAMES.map((name) => tool({ name, handler: () => "" })),
  prompts: NAMES.map((name) => prompt({ name, handler: () => "" })),
  resources: NAMES.map((name) => resource({ name, uri: `test://${name}`, read: () => "" })),
  templates: NAMES.map((name) =>
    template({ name, uriTemplate: `test://${name}/{x}`, read: () => "" }),
  ),
  pageSize: 2,
};
const LISTS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

async function list(server: Server, method: string, cursor?: unknown): Promise<Outcome> {
  const params = cursor === undefined ? {} : { cursor: cursor as string };
  const blank = {
    span: unrecordedSpan,
    capabilities: {},
    clientInfo: undefined,
    progressToken: undefined,
    logLevel: undefined,
  };
  return dispatch({
    server,
    request: {
      method,
      params,
      target: NO_TARGET,
      caller: ANONYMOUS,
      retryState: NO_RETRY_STATE,
      ...blank,
    },
    sink: () => undefined,
    cancel: createCancellation(),
    services: servicesFor(ring),
  });
}

/** All pages of a list in order, by following the cursors. */
async function pages(
  server: Server,
  method: string,
): Promise<{ result: JsonObject; cache: CacheHint | undefined }[]> {
  const found: { result: JsonObject; cache: CacheHint | undefined }[] = [];
  let cursor: unknown;
  do {
    const page = await list(server, method, cursor);
    if (page.kind !== "complete") throw new Error(JSON.stringify(page));
    found.push({ result: page.result, cache: page.cache });
    cursor = page.result["nextCursor"];
  } while (cursor !== undefined && found.length < 10);
  return found;
}

function entries({ result }: { result: JsonObject }): unknown[] {
  const { nextCursor: _next, ...rest } = result;
  return Object.values(rest).flat();
}

test.each(LISTS)("%s comes whole, in order, in pages of the size that was set", async (method) => {
  const all = await pages(buildServer(spec), method);
  expect(all.map((page) => entries(page).length)).toEqual([2, 2, 1]);
  expect(all.flatMap(entries).map((entry) => (entry as { name: string }).name)).toEqual(NAMES);
});

test("a list that depends on the caller is private", async () => {
  // Whose list depends on the caller says so once, in `listCache`; every page of every list and discover must obey.
  const hint = { ttlMs: 1_000, scope: "private" } as const;
  const own = buildServer({ ...spec, listCache: hint });
  for (const method of LISTS) {
    const hints = (await pages(own, method)).map(({ cache }) => cache);
    expect(hints, method).toEqual([hint, hint, hint]);
  }
  expect(await list(own, "server/discover")).toMatchObject({ cache: hint });
});

test("a list is public unless it is said otherwise", async () => {
  for (const method of LISTS) {
    const scopes = (await pages(buildServer(spec), method)).map(({ cache }) => cache?.scope);
    expect(scopes, method).toEqual(["public", "public", "public"]);
  }
});

test("a cursor leads to the same page each time, on another server with the same key too", async () => {
  const first = await list(buildServer(spec), "tools/list");
  if (first.kind !== "complete") throw new Error("No first page");
  const cursor = first.result["nextCursor"];
  const seen = [
    await list(buildServer(spec), "tools/list", cursor),
    await list(buildServer(spec), "tools/list", cursor),
  ];
  expect(seen.map((page) => (page.kind === "complete" ? page.result["tools"] : page))).toEqual([
    [expect.objectContaining({ name: "p2" }), expect.objectContaining({ name: "p3" })],
    [expect.objectContaining({ name: "p2" }), expect.objectContaining({ name: "p3" })],
  ]);
});

test("a cursor outlives new entries in front of its own, and is refused when its own is gone", async () => {
  const first = await list(buildServer(spec), "tools/list");
  if (first.kind !== "complete") throw new Error("No first page");
  const cursor = first.result["nextCursor"];
  const [newcomer] = [tool({ name: "newcomer", handler: () => "" })];
  const longer = await list(
    buildServer({ ...spec, tools: [newcomer, ...(spec.tools ?? [])] }),
    "tools/list",
    cursor,
  );
  expect(longer).toMatchObject({ result: { tools: [{ name: "p2" }, { name: "p3" }] } });
  const shorter = buildServer({
    ...spec,
    tools: (spec.tools ?? []).filter(({ name }) => name !== "p2"),
  });
  expect(await list(shorter, "tools/list", cursor)).toMatchObject({
    refusal: { error: "InvalidParams" },
  });
});

test("an empty cursor is none: the first page", async () => {
  const server = buildServer(spec);
  expect(await list(server, "tools/list", "")).toEqual(await list(server, "tools/list"));
});

test("a cursor of another list, a forged one and one of another type are refused", async () => {
  const server = buildServer(spec);
  const first = await list(server, "prompts/list");
  if (first.kind !== "complete") throw new Error("No first page");
  for (const cursor of [first.result["nextCursor"], " ", "a.AAAA", "2", 2, null, {}, []]) {
    expect(await list(server, "tools/list", cursor), JSON.stringify(cursor)).toMatchObject({
      kind: "refused",
      refusal: { error: "InvalidParams" },
    });
  }
});
