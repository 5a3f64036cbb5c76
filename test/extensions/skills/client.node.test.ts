/**
 * The skills of the world, and of the example, with the official client's code for hosts: it checks every entry, and of every
 * file its size, its digest and its front matter.
 */

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { SkillsClient, SkillVerificationError } from "@modelcontextprotocol/client/ext/skills";
import { afterAll, expect, it } from "vitest";
import {
  serveBareApp,
  serveChanged,
  serveWorld,
  type TestServer,
} from "../../client/servers.node.ts";

const started: { readonly server: TestServer; readonly client: Client }[] = [];

afterAll(async () => {
  for (const { server, client } of started) {
    await client.close();
    await server.stop();
  }
});

async function connect(starting: Promise<TestServer>): Promise<Client> {
  const server = await starting;
  const client = new Client(
    { name: "host", version: "1" },
    { versionNegotiation: { mode: "auto" }, capabilities: {} },
  );
  started.push({ server, client });
  await client.connect(new StreamableHTTPClientTransport(server.url));
  return client;
}

it("lists, gets, reads and verifies every file of the world's skills", async () => {
  const skills = new SkillsClient(await connect(serveWorld()));
  expect([skills.supported, skills.directoryRead]).toEqual([true, true]);
  const { skills: entries, invalid, ttlMs, cacheScope } = await skills.list();
  expect(invalid).toEqual([]);
  expect([ttlMs, cacheScope]).toEqual([300_000, "public"]);
  expect(entries.map(({ uri }) => uri)).toEqual([
    "skill://spec-notes/SKILL.md",
    "skill://spec-team/v1/spec-outer/SKILL.md",
    "skill://spec-team/v1/spec-outer/spec-inner/SKILL.md",
  ]);
  const read: string[] = [];
  for (const entry of entries) {
    expect((await skills.get(entry.uri)).skill).toEqual(entry);
    const { frontmatter } = await skills.read(entry);
    expect(frontmatter).toEqual(entry.frontmatter);
    if (entry.resources === "dynamic") continue;
    for (const { uri } of entry.resources) {
      const { verified } = await skills.read(entry, uri);
      expect([uri, verified]).toEqual([uri, true]);
      read.push(uri);
    }
  }
  expect(read).toHaveLength(9);
  const { resources } = await skills.readDirectory("skill://spec-notes/references");
  expect(resources.map(({ uri }) => uri)).toEqual([
    "skill://spec-notes/references/terms.md",
    "skill://spec-notes/references/more",
  ]);
  await expect(skills.get("skill://spec-notes")).rejects.toThrow("params.uri is no SKILL.md");
});

it("verifies the skill of the example", async () => {
  const skills = new SkillsClient(await connect(serveBareApp({ AUTH: "none" })));
  const { skills: entries } = await skills.list();
  expect(entries.map(({ uri }) => uri)).toEqual(["skill://advise-on-a-place/SKILL.md"]);
  for (const entry of entries) expect(await skills.read(entry)).toMatchObject({ verified: true });
});

it("would not take files whose bytes are not those of the digest", async () => {
  const alter = (bundle: string): string => {
    const altered = bundle.replace("await sha256Hex(bytes)", "await sha256Hex(bytes.slice(1))");
    expect(altered).not.toBe(bundle);
    return altered;
  };
  const spoiled = serveChanged("test/world/worker.ts", { AUTH: "none" }, { alter });
  const skills = new SkillsClient(await connect(spoiled));
  const [entry] = (await skills.list()).skills;
  await expect(entry && skills.read(entry)).rejects.toThrow(SkillVerificationError);
});
