// Scopes per tool: who sees what, who may call what, and what a challenge asks for.
import { expect, test } from "vitest";
import { ANONYMOUS, type Caller } from "../../src/base/caller.ts";
import { createCancellation } from "../../src/base/cancellation.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { NO_RETRY_STATE, type Outcome } from "../../src/protocol/outcome.ts";
import { dispatch } from "../../src/server/dispatch.ts";
import { buildServer, type Server } from "../../src/server/registry.ts";
import { type Scopes, type ServerSpec, type Tool } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import { findTarget, type RequestTarget } from "../../src/server/request-target.ts";
import { expandScopes, missingScopes } from "../../src/server/scopes.ts";
import { ringOf } from "../crypto/keys.ts";
import { servicesFor, unrecordedSpan } from "./services.ts";

const ring = ringOf("a");
const info = { name: "scopes", version: "1" };
const needing = (name: string, ...scopes: string[]): Tool =>
  tool({ name, scopes, handler: () => `${name} ran` });
const scopes: Scopes = {
  read: { description: "See notes" },
  write: { description: "Change notes", implies: ["read"] },
  admin: { description: "Everything", implies: ["write"] },
  mail: { description: "Send mail" },
};
const spec: ServerSpec = {
  info,
  scopes,
  tools: [
    needing("free"),
    needing("look", "read"),
    needing("edit", "write"),
    needing("send", "read", "mail"),
  ],
};
const server = buildServer(spec);

function holding(...held: string[]): Caller {
  return { issuer: "https://issuer.example", subject: "ada", client: "c", scopes: held };
}

async function ask(
  of: Server,
  caller: Caller,
  method: string,
  params: JsonObject = {},
): Promise<Outcome> {
  const blank = {
    span: unrecordedSpan,
    capabilities: {},
    clientInfo: undefined,
    progressToken: undefined,
    logLevel: undefined,
  };
  return dispatch({
    server: of,
    request: {
      method,
      params,
      target: findTarget(of, { method, params }),
      caller,
      retryState: NO_RETRY_STATE,
      ...blank,
    },
    sink: () => undefined,
    cancel: createCancellation(),
    services: servicesFor(ring),
  });
}

async function listed(
  of: Server,
  caller: Caller,
  cursor?: string,
): Promise<{ names: string[]; next?: string }> {
  const page = await ask(of, caller, "tools/list", cursor === undefined ? {} : { cursor });
  if (page.kind !== "complete") throw new Error(JSON.stringify(page));
  const { tools, nextCursor } = page.result as { tools: { name: string }[]; nextCursor?: string };
  const names = tools.map(({ name }) => name);
  return nextCursor === undefined ? { names } : { names, next: nextCursor };
}

test.each<[held: string[], names: string[]]>([
  [[], ["free"]],
  [["read"], ["free", "look"]],
  [["mail"], ["free"]],
  [
    ["read", "mail"],
    ["free", "look", "send"],
  ],
  [["write"], ["free", "look", "edit"]],
  [["admin"], ["free", "look", "edit"]],
  [
    ["admin", "mail"],
    ["free", "look", "edit", "send"],
  ],
  [["unheard-of", "constructor", "__proto__"], ["free"]],
])("who holds %j sees and may call %j", async (held, names) => {
  expect(await listed(server, holding(...held))).toEqual({ names });
  for (const name of server.tools.keys()) {
    const outcome = await ask(server, holding(...held), "tools/call", { name });
    expect(outcome.kind, name).toBe(names.includes(name) ? "complete" : "refused");
  }
});

test("a list that depends on its caller is private, and any other is as it was", async () => {
  expect(await ask(server, holding("admin", "mail"), "tools/list")).toMatchObject({
    cache: { scope: "private" },
  });
  expect(await ask(server, holding(), "server/discover")).toMatchObject({
    cache: { scope: "public" },
  });
  const open = buildServer({ info, scopes, tools: [needing("free")] });
  const [one, two] = [
    await ask(open, holding(), "tools/list"),
    await ask(open, holding("read"), "tools/list"),
  ];
  expect(one).toMatchObject({ kind: "complete", cache: { scope: "public" } });
  if (one.kind === "complete" && two.kind === "complete") expect(two.result).toBe(one.result);
});

test("a server that asks nobody who they are shows everything, and lets it be called", async () => {
  // A caller that crossed into an object is a copy.
  const anybody = structuredClone(ANONYMOUS);
  expect((await listed(server, anybody)).names).toEqual(["free", "look", "edit", "send"]);
  expect(await ask(server, anybody, "tools/list")).toMatchObject({ cache: { scope: "public" } });
  expect(missingScopes(server, anybody, [targetOf("tools/call", "edit")])).toEqual([]);
  expect(await ask(server, anybody, "tools/call", { name: "edit" })).toMatchObject({
    kind: "complete",
  });
});

test("cursors lead through what the caller sees, in pages of the size that was set", async () => {
  const tools = Array.from({ length: 9 }, (_, index) =>
    needing(`t${index}`, ...(index % 2 === 0 ? ["read"] : [])),
  );
  const paged = buildServer({ info, scopes, tools, pageSize: 2 });
  const walk = async (caller: Caller): Promise<string[][]> => {
    const found: string[][] = [];
    let cursor: string | undefined;
    do {
      const { names, next } = await listed(paged, caller, cursor);
      found.push(names);
      cursor = next;
    } while (cursor !== undefined && found.length < 10);
    return found;
  };
  expect(await walk(holding())).toEqual([
    ["t1", "t3"],
    ["t5", "t7"],
  ]);
  expect(await walk(holding("read"))).toEqual([
    ["t0", "t1"],
    ["t2", "t3"],
    ["t4", "t5"],
    ["t6", "t7"],
    ["t8"],
  ]);
  // A cursor to what its bearer may no longer see is refused, like one to an entry that is gone.
  const { next } = await listed(paged, holding("read"));
  expect(await ask(paged, holding(), "tools/list", { cursor: next ?? "" })).toMatchObject({
    refusal: { error: "InvalidParams" },
  });
});

const targetOf = (method: string, name: unknown): RequestTarget =>
  findTarget(server, { method, params: { name: name as string } });

test("a challenge names all that the tool needs, not only what is missing", () => {
  const missing = (caller: Caller, name: unknown, method = "tools/call"): readonly string[] =>
    missingScopes(server, caller, [targetOf(method, name)]);
  expect(missing(holding("read"), "send")).toEqual(["read", "mail"]);
  expect(missing(holding("mail"), "send")).toEqual(["read", "mail"]);
  expect(missing(holding("write", "mail"), "send")).toEqual([]);
  expect(missing(holding(), "free")).toEqual([]);
  for (const name of ["unknown", "constructor", 1, null, {}])
    expect(missing(holding(), name)).toEqual([]);
  expect(missing(holding(), "send", "prompts/get")).toEqual([]);
  expect(missing(holding(), "send", "tools/list")).toEqual([]);
});

test("broader scopes include narrower ones, step by step and round in circles too", () => {
  const circle: Scopes = {
    a: { description: "", implies: ["b"] },
    b: { description: "", implies: ["c", "d"] },
    c: { description: "", implies: ["a"] },
    d: { description: "", implies: ["d"] },
    e: { description: "" },
  };
  expect([...expandScopes(circle, ["c"])].toSorted()).toEqual(["a", "b", "c", "d"]);
  expect([...expandScopes(circle, ["d", "x"])].toSorted()).toEqual(["d", "x"]);
  expect([...expandScopes(circle, [])]).toEqual([]);
  expect([...expandScopes(scopes, ["admin"])].toSorted()).toEqual(["admin", "read", "write"]);
});

test("a scope that is not declared stops the server", () => {
  const one = { description: "" };
  expect(() => buildServer({ info, tools: [needing("t", "read")] })).toThrow(
    'Scope "read" of tool "t" is not declared',
  );
  expect(() => buildServer({ info, scopes, tools: [needing("t", "toString")] })).toThrow(
    'Scope "toString" of tool "t" is not declared',
  );
  expect(() => buildServer({ info, scopes: { a: { ...one, implies: ["b"] } } })).toThrow(
    'Scope "b" of scope "a" is not declared',
  );
  expect(() =>
    buildServer({ info, scopes: { a: { ...one, implies: ["b"] }, b: one } }),
  ).not.toThrow();
  for (const name of ["", "a b", 'a"', "a\\b", "é", "a\n"])
    expect(() => buildServer({ info, scopes: { [name]: one } }), JSON.stringify(name)).toThrow(
      "no scope may hold",
    );
  expect(() => buildServer({ info, scopes: { "notes:read/*!~[]": one } })).not.toThrow();
});

test("a scope that is given by default implies none that is not", () => {
  const rare = { description: "", isDefault: false };
  const all = { description: "", implies: ["rare"] };
  expect(() => buildServer({ info, scopes: { rare, all } })).toThrow('Scope "all" is a default');
  expect(() =>
    buildServer({ info, scopes: { rare, all: { ...all, isDefault: false } } }),
  ).not.toThrow();
});

test("what a tool needs is not part of what clients see of it", () => {
  expect(server.tools.get("send")?.listEntry).not.toHaveProperty("scopes");
});
