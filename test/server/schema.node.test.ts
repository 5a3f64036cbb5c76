// What tools send as schemas, held to the metaschema. ajv makes code, so it cannot run in workerd.
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test, vi } from "vitest";
import { isObject } from "../../src/base/json.ts";
import type { Tool } from "../../src/server/define.ts";

// What needs the platform is loaded, and not run.
vi.mock("cloudflare:workers", () => ({
  DurableObject: class {},
  env: {},
  waitUntil: () => undefined,
}));

// By names that the compiler does not follow: what tools are given exists in workerd alone.
const toolsOf = async (path: string, name: string): Promise<readonly Tool[]> =>
  ((await import(path)) as Readonly<Record<string, readonly Tool[]>>)[name] ?? [];
const worldTools = [
  ...(await toolsOf("../world/tools.ts", "tools")),
  ...(await toolsOf("../world/input-tools.ts", "inputTools")),
  ...(await toolsOf("../world/storage-tools.ts", "storageTools")),
];
const offered = "../../src/app/server.ts";
const { serverSpec } = (await import(offered)) as {
  serverSpec: (env: object, settings: unknown) => { tools: Tool[] };
};
const reading = "../../src/base/settings.ts";
const { createSettings } = (await import(reading)) as {
  createSettings: (env: object) => unknown;
};
const bound = new Proxy({}, { get: () => "https://set.test" });

const ajv = new Ajv2020({ strict: false });
const schemas = [...serverSpec(bound, createSettings(bound)).tools, ...worldTools].flatMap(
  ({ name, listEntry: listing }) =>
    [listing["inputSchema"], listing["outputSchema"]]
      .filter(isObject)
      .map((schema) => [name, schema] as const),
);

test.each(schemas)("the schemas of %s are valid 2020-12", (_, schema) => {
  expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
});

test("a schema that is not valid would be seen", () => {
  expect(worldTools.length).toBeGreaterThan(20);
  expect(schemas.length).toBeGreaterThan(worldTools.length);
  expect(ajv.validateSchema({ type: "object", properties: { a: { minLength: -1 } } })).toBe(false);
});
