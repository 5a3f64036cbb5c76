// The example's people: a real D1 database, asked by the official client in both eras.
import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveApp, type TestServer } from "../client/servers.node.ts";
import { callTool, connectClient, CLIENT_MODES } from "../client/callers.node.ts";

let app: TestServer;
beforeAll(async () => {
  app = await serveApp({ AUTH: "none" });
}, 90_000);
afterAll(() => app?.stop());

describe.each(CLIENT_MODES)("%s", (mode) => {
  let client: Client;
  beforeAll(async () => {
    client = await connectClient(app.url, mode);
  });
  afterAll(() => client?.close());
  const named = async (name: string, more: object = {}): Promise<string[]> => {
    const { facts } = await callTool(client, "find_users", { name, ...more });
    return (facts["users"] as { name: string }[]).map((one) => one.name);
  };

  it("gets one by id, as the schema says", async () => {
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === "get_user")).toMatchObject({
      annotations: { readOnlyHint: true, openWorldHint: false },
      outputSchema: { properties: { id: { type: "integer" }, email: { type: "string" } } },
    });
    const { facts } = await callTool(client, "get_user", { id: 4 });
    expect(facts).toEqual({
      id: 4,
      name: "Chiara D'Amico",
      email: "chiara@example.com",
      city: "Bari",
      joined: "2024-03-11",
    });
  });

  it("says so when nobody has the id, or when it cannot be one", async () => {
    const nobody = await callTool(client, "get_user", { id: 999 });
    expect(nobody).toMatchObject({
      failed: true,
      text: expect.stringContaining("Nobody has the id 999") as string,
    });
    for (const id of [0, -1, 1.5, "1", "1 OR 1=1", null, 2 ** 60]) {
      const wrong = await callTool(client, "get_user", { id });
      expect(wrong).toMatchObject({ failed: true, text: expect.stringContaining("/id") as string });
    }
  });

  it("finds by the start of any word, and by several words in any order", async () => {
    expect(await named("ann")).toEqual(["Anna Lindqvist", "Annabel Okafor", "Dmitri Annenkov"]);
    expect(await named("LIND anna")).toEqual(["Anna Lindqvist"]);
    expect(await named("nna")).toEqual([]);
    expect(await named("Fernández lucía")).toEqual(["Lucía Fernández"]);
  });

  it("takes every character for itself", async () => {
    expect(await named("%")).toEqual([]);
    expect(await named("_")).toEqual([]);
    expect(await named("100%")).toEqual(["Jo 100% Real"]);
    expect(await named("D'Amico")).toEqual(["Chiara D'Amico"]);
    expect(await named("' OR 1=1 --")).toEqual([]);
    expect(await named("x'); DROP TABLE users; --")).toEqual([]);
    expect(await named('"]')).toEqual([]);
    expect(await named("a".repeat(100))).toEqual([]);
    expect(await named("", { limit: 50 })).toHaveLength(12);
  });

  it("gives everybody once, over pages", async () => {
    const seen: number[] = [];
    let next: number | undefined = 0;
    for (let pages = 0; next !== undefined && pages < 10; pages += 1) {
      const { facts } = await callTool(client, "find_users", { limit: 5, after: next });
      seen.push(...(facts["users"] as { id: number }[]).map(({ id }) => id));
      next = facts["next"] as number | undefined;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const whole = await callTool(client, "find_users", { limit: 12 });
    expect(whole.facts["next"]).toBeUndefined();
    for (const limit of [0, 51])
      expect(await callTool(client, "find_users", { limit })).toMatchObject({ failed: true });
  });

  it("has each as a resource, and completes ids", async () => {
    const { contents } = await client.readResource({ uri: "user://7" });
    expect(contents).toMatchObject([{ mimeType: "application/json" }]);
    expect(JSON.parse((contents[0] as { text: string }).text)).toMatchObject({
      id: 7,
      name: "Farah Haddad",
    });
    for (const uri of ["user://999", "user://anna", "user://1%20OR%201=1"])
      await expect(client.readResource({ uri })).rejects.toThrow(/not found/);
    const ref = { type: "ref/resource" as const, uri: "user://{id}" };
    const { completion } = await client.complete({ ref, argument: { name: "id", value: "1" } });
    expect(completion.values).toEqual(["1", "10", "11", "12"]);
  });
});
