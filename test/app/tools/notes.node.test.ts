// What is remembered, recalled and forgotten, by people who signed in, in both eras; and the prompt that uses it.
import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveApp, type TestServer } from "../../client/servers.node.ts";
import {
  callTool,
  connectClient,
  CLIENT_MODES,
  serveAccountService,
  accessTokenOf,
  type ElicitationHandler,
  type AccountService,
} from "../../client/callers.node.ts";

const YES: ElicitationHandler = () => ({ action: "accept", content: { confirm: true } });
const REFUSALS: readonly ElicitationHandler[] = [
  () => ({ action: "accept", content: { confirm: false } }),
  () => ({ action: "decline" }),
  () => ({ action: "cancel" }),
];

let accounts: AccountService;
let app: TestServer;
const clients: Client[] = [];

beforeAll(async () => {
  accounts = await serveAccountService();
  app = await serveApp(accounts.variables);
}, 90_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all([app?.stop(), accounts?.stop()]);
});

describe.each(CLIENT_MODES)("%s", (mode) => {
  const other = mode === "auto" ? "legacy" : "auto";

  it("keeps notes for their person alone, newest first, in every era", async () => {
    const [ada, bob] = await Promise.all(
      ["ada", "bob"].map((name) => accessTokenOf(app.url, `${name}${mode}`)),
    );
    const client = await enter(mode, ada);
    expect((await recall(client)).text).toBe("Nothing is remembered yet.");
    await callTool(client, "remember", { text: "  Born in Uppsala " });
    const kept = await callTool(client, "remember", {
      text: "Likes 100% rye bread",
      kind: "preference",
    });
    expect(kept.text).toBe("Remembered, as a preference.");
    const elsewhere = await enter(other, ada);
    expect((await recall(elsewhere)).notes).toMatchObject([
      {
        kind: "preference",
        text: "Likes 100% rye bread",
        kept: expect.stringMatching(/^20\d\d-.*Z$/) as string,
      },
      { kind: "fact", text: "Born in Uppsala" },
    ]);
    expect((await recall(elsewhere, { limit: 1 })).notes).toHaveLength(1);
    expect((await recall(elsewhere, { about: "RYE likes" })).text).toMatch(
      /^- Likes 100% rye bread \(preference, 20/,
    );
    for (const about of ["rye uppsala", "_", "%%", "' OR 1=1 --"])
      expect((await recall(elsewhere, { about })).text).toBe("No note has these words.");
    expect((await recall(elsewhere, { about: "%" })).notes).toHaveLength(1);
    expect((await recall(await enter(mode, bob))).notes).toEqual([]);
  });

  it("refuses notes that are empty, too long or of another kind", async () => {
    const client = await enter(mode, await accessTokenOf(app.url, `wrong${mode}`));
    for (const args of [
      {},
      { text: "" },
      { text: " \n" },
      { text: "a".repeat(2_001) },
      { text: "a", kind: "secret" },
    ])
      expect(await callTool(client, "remember", args)).toMatchObject({ failed: true });
    expect((await recall(client)).notes).toEqual([]);
    expect(await callTool(client, "remember", { text: "a".repeat(2_000) })).toMatchObject({
      failed: false,
    });
  });

  it("forgets everything when the person says yes, and at most three times an hour", async () => {
    const token = await accessTokenOf(app.url, `forgetful${mode}`);
    const asked: string[] = [];
    let answer = YES;
    const client = await enter(mode, token, (message) => {
      asked.push(message);
      return answer(message);
    });
    const remember = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1)
        await callTool(client, "remember", { text: `note ${at}` });
    };
    const forget = (): ReturnType<typeof callTool> => callTool(client, "forget_everything");
    expect(await forget()).toMatchObject({ failed: false, facts: { forgotten: 0 } });
    expect(asked).toEqual([]);
    await remember(2);
    // Whoever says no has used nothing up, however often.
    for (const refusal of [...REFUSALS, ...REFUSALS]) {
      answer = refusal;
      expect(await forget()).toMatchObject({
        failed: false,
        facts: { forgotten: 0 },
        text: "Nothing was deleted.",
      });
    }
    expect((await recall(client)).notes).toHaveLength(2);
    answer = YES;
    for (const count of [2, 1, 3]) {
      if (count !== 2) await remember(count);
      const text = `Notes deleted: ${count}.`;
      expect(await forget()).toMatchObject({ failed: false, facts: { forgotten: count }, text });
      expect((await recall(client)).notes).toEqual([]);
    }
    await remember(1);
    expect(await forget()).toMatchObject({
      failed: true,
      text: expect.stringMatching(/3 times .* wait \d+ min/) as string,
    });
    expect((await recall(client)).notes).toHaveLength(1);
    expect(asked.slice(-4).map((message) => /\d+|one/.exec(message)?.[0])).toEqual([
      "2",
      "one",
      "3",
      "one",
    ]);
    expect(asked).toHaveLength(10);
  });

  it("deletes nothing for a client that cannot ask", async () => {
    const client = await enter(mode, await accessTokenOf(app.url, `mute${mode}`));
    await callTool(client, "remember", { text: "stays" });
    await expect(client.callTool({ name: "forget_everything" })).rejects.toThrow(
      /did not declare form/,
    );
    expect((await recall(client)).notes).toMatchObject([{ text: "stays" }]);
  });

  it("has a prompt, and completes its place", async () => {
    const client = await enter(mode, await accessTokenOf(app.url, "ada"));
    const { prompts } = await client.listPrompts();
    expect(prompts).toMatchObject([
      { name: "plan_trip", arguments: [{ name: "place", required: true }] },
    ]);
    const ref = { type: "ref/prompt" as const, name: "plan_trip" };
    const { completion } = await client.complete({ ref, argument: { name: "place", value: "b" } });
    expect(completion.values).toEqual(["Bari", "Bern", "Brno"]);
    const { messages } = await client.getPrompt({
      name: "plan_trip",
      arguments: { place: "Bern" },
    });
    expect(JSON.stringify(messages)).toContain("Plan a day in Bern.");
    await expect(client.getPrompt({ name: "plan_trip" })).rejects.toThrow(/"place" .* is required/);
  });
});

async function enter(
  mode: (typeof CLIENT_MODES)[number],
  token?: string,
  answer?: ElicitationHandler,
): Promise<Client> {
  const client = await connectClient(app.url, mode, token, answer);
  clients.push(client);
  return client;
}

async function recall(
  client: Client,
  args: Record<string, unknown> = {},
): Promise<{ text: string; notes: unknown }> {
  const { text, facts } = await callTool(client, "recall", args);
  return { text, notes: facts["notes"] };
}
