/** What clients see of tools with pages, by what they declare; and what stops the start. */

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/base/json.ts";
import { defineTool, resource, type ServerSpec } from "../../../src/server/define.ts";
import { createRuntime, buildServerOf } from "../../../src/worker/runtime.ts";
import { apps } from "../../../src/extensions/apps/feature.ts";
import { readReply, serveStatelessly } from "../../server/stateless-server.ts";

const TYPE = "text/html;profile=mcp-app";
const ID = "io.modelcontextprotocol/ui";
const resourceUri = "ui://own/page";
const page = resource({
  uri: resourceUri,
  name: "page",
  mimeType: TYPE,
  read: () => "<!doctype html>",
});
const toolWith = (name: string, _meta?: JsonObject, scopes: string[] = []) =>
  defineTool({ name, scopes, ...(_meta && { _meta }), handler: () => "said" });

const spec: Omit<ServerSpec, "info"> = {
  tools: [
    toolWith("plain", { "example.com/a": 1 }),
    toolWith("both", { ui: { resourceUri }, "example.com/a": 1 }),
    toolWith("model", { ui: { resourceUri, visibility: ["model"] } }),
    toolWith("app", { ui: { resourceUri, visibility: ["app"] } }),
  ],
  resources: [page],
};

describe("a list of tools", () => {
  const send = serveStatelessly(spec, { AUTH: "none" });
  const list = async (extensions?: JsonObject): Promise<JsonObject> => {
    const capabilities = extensions === undefined ? {} : { extensions };
    const _meta = { "io.modelcontextprotocol/clientCapabilities": capabilities };
    return (await readReply(await send("tools/list", { _meta }))).result as JsonObject;
  };
  const metas = ({ tools }: JsonObject): JsonObject =>
    Object.fromEntries(
      (tools as JsonObject[]).map(({ name, _meta = "none" }) => [String(name), _meta]),
    );

  it("has all of them for a client that shows pages, as they are written", async () => {
    expect(metas(await list({ [ID]: { mimeTypes: ["text/x", TYPE] } }))).toEqual({
      plain: { "example.com/a": 1 },
      both: { ui: { resourceUri }, "example.com/a": 1 },
      model: { ui: { resourceUri, visibility: ["model"] } },
      app: { ui: { resourceUri, visibility: ["app"] } },
    });
  });

  it.each([
    undefined,
    {},
    { [ID]: {} },
    { [ID]: { mimeTypes: [] } },
    { [ID]: { mimeTypes: TYPE } },
    { [ID]: { mimeTypes: ["text/html"] } },
    { "example.com/other": { mimeTypes: [TYPE] } },
  ])("has no page and no tool of a page alone for a client that declares %j", async (declared) => {
    expect(metas(await list(declared))).toEqual({
      plain: { "example.com/a": 1 },
      both: { "example.com/a": 1 },
      model: "none",
    });
  });

  it("is for no cache that clients share, in either form", async () => {
    expect(await list()).toMatchObject({ cacheScope: "private" });
    expect(await list({ [ID]: { mimeTypes: [TYPE] } })).toMatchObject({ cacheScope: "private" });
    const plain = serveStatelessly({ tools: [toolWith("plain")] }, { AUTH: "none" });
    expect((await readReply(await plain("tools/list", {}))).result).toMatchObject({
      cacheScope: "public",
    });
  });

  it("can still be called: who may call what is the host's to hold", async () => {
    const { result } = await readReply(await send("tools/call", { name: "app", arguments: {} }));
    expect(result).toMatchObject({ content: [{ type: "text", text: "said" }] });
  });

  it("pages hold as many as they should in either form", async () => {
    const paged = serveStatelessly({ ...spec, pageSize: 2 }, { AUTH: "none" });
    const first = (await readReply(await paged("tools/list", {}))).result as JsonObject;
    const { nextCursor: cursor } = first;
    const second = (await readReply(await paged("tools/list", { cursor }))).result as JsonObject;
    expect([first, second].map((one) => Object.keys(metas(one)))).toEqual([
      ["plain", "both"],
      ["model"],
    ]);
    expect(second).not.toHaveProperty("nextCursor");
  });
});

it("the page is read with what it asks of its host", async () => {
  const ui = { prefersBorder: true, csp: { connectDomains: ["https://api.example.com"] } };
  const send = serveStatelessly({ resources: [{ ...page, _meta: { ui } }] }, { AUTH: "none" });
  expect(
    (await readReply(await send("resources/read", { uri: resourceUri }))).result,
  ).toMatchObject({
    contents: [{ uri: resourceUri, mimeType: TYPE, text: "<!doctype html>", _meta: { ui } }],
  });
});

describe("the start", () => {
  const start = (changed: Omit<ServerSpec, "info">): unknown => {
    const parts = {
      server: { info: { name: "own", version: "1" }, ...spec, ...changed },
      features: [apps()],
    };
    return createRuntime(buildServerOf(parts.server, parts), parts, { ...env, AUTH: "none" });
  };
  const refusal = (changed: Omit<ServerSpec, "info">): string => {
    try {
      start(changed);
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing";
  };
  const tool = (ui: unknown): Omit<ServerSpec, "info"> => ({
    tools: [toolWith("t", { ui } as JsonObject)],
  });
  const asking = (ui: unknown): Omit<ServerSpec, "info"> => ({
    resources: [{ ...page, _meta: { ui } as JsonObject }],
  });

  it("goes on where tools and pages fit each other", () => {
    expect(refusal({})).toBe("nothing");
    const all = {
      csp: {
        connectDomains: ["wss://a.example.com:8080"],
        resourceDomains: ["https://*.example.com"],
        frameDomains: [],
        baseUriDomains: ["http://127.0.0.1:9000"],
      },
      permissions: { camera: {}, microphone: {}, geolocation: {}, clipboardWrite: {} },
      domain: "a904794854a047f6.example.com",
      prefersBorder: false,
    };
    expect(refusal(asking(all))).toBe("nothing");
    expect(refusal(tool({ visibility: ["app", "model"] }))).toBe("nothing");
  });

  it.each<[Omit<ServerSpec, "info">, string]>([
    [tool("x"), 'Tool "t": _meta.ui is "x": it must fit resourceUri,visibility'],
    [tool({ resourceURI: "x" }), '_meta.ui is {"resourceURI":"x"}: it must fit resourceUri,'],
    [tool({ constructor: "x" }), '_meta.ui is {"constructor":"x"}: it must'],
    [tool({ resourceUri: 1 }), "_meta.ui.resourceUri is 1: it must fit"],
    [
      tool({ resourceUri: "ui://own/other" }),
      'Tool "t": "ui://own/other" is no page of this server',
    ],
    [tool({ visibility: "app" }), '_meta.ui.visibility is "app": it must fit'],
    [tool({ visibility: [] }), "_meta.ui.visibility is []: it must fit"],
    [tool({ visibility: ["app", "user"] }), '_meta.ui.visibility is ["app","user"]: it must fit'],
    [asking({ border: true }), '_meta.ui is {"border":true}: it must fit csp,permissions,'],
    [asking({ prefersBorder: "yes" }), '_meta.ui.prefersBorder is "yes": it must fit'],
    [asking({ domain: "" }), '_meta.ui.domain is "": it must fit'],
    [
      asking({ csp: { connect: [] } }),
      '_meta.ui.csp is {"connect":[]}: it must fit connectDomains,',
    ],
    ...["example.com", "https://a.b/path", "https://a.b; script-src *", "'self'", "data:", 1].map(
      (origin): [Omit<ServerSpec, "info">, string] => [
        asking({ csp: { resourceDomains: [origin] } }),
        `_meta.ui.csp.resourceDomains is ${JSON.stringify([origin])}: it must fit`,
      ],
    ),
    [asking({ permissions: { camera: true } }), "_meta.ui.permissions.camera is true: it must fit"],
    [
      asking({ permissions: { usb: {} } }),
      '_meta.ui.permissions is {"usb":{}}: it must fit camera,',
    ],
    [
      { tools: [], resources: [{ ...page, mimeType: "text/html" }] },
      `Resource "ui://own/page": a page has a URI with ui:// and the mimeType ${TYPE}`,
    ],
    [
      { tools: [], resources: [{ ...page, uri: "https://own/page" }] },
      'Resource "https://own/page": a page',
    ],
    [
      {
        tools: [],
        resources: [{ ...page, uri: "own:x", mimeType: "text/plain", _meta: { ui: {} } }],
      },
      'Resource "own:x": a page',
    ],
  ])("is refused: %j", (changed, sentence) => {
    expect(refusal(changed)).toContain(sentence);
  });

  it("names every fault at once", () => {
    const both = refusal({ ...tool({ a: 1 }), ...asking({ b: 1 }) });
    expect(both).toContain('Tool "t": _meta.ui is {"a":1}');
    expect(both).toContain('_meta.ui is {"b":1}');
  });
});
