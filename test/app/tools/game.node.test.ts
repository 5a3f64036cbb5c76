// Tic-tac-toe between two people who signed in, each with a client of another era, at the same time on one server.
import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { serveApp, type TestServer } from "../../client/servers.node.ts";
import {
  callTool,
  connectClient,
  serveAccountService,
  accessTokenOf,
  type ToolCallResult,
  type ClientMode,
  type AccountService,
} from "../../client/callers.node.ts";

let accounts: AccountService;
let app: TestServer;
const tokens: Record<string, string> = {};
const clients: Client[] = [];

beforeAll(async () => {
  accounts = await serveAccountService();
  app = await serveApp(accounts.variables);
  for (const name of ["ada", "bob", "eve"]) tokens[name] = await accessTokenOf(app.url, name);
}, 90_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all([app?.stop(), accounts?.stop()]);
});

describe.each<[ClientMode, ClientMode]>([
  ["auto", "legacy"],
  ["legacy", "auto"],
])("X in era %s, O in era %s", (one, other) => {
  it("is played to the end, and both hear of every move", async () => {
    const [ada, bob] = await Promise.all([enter("ada", one), enter("bob", other)]);
    const { x, o, text } = await start(ada);
    expect(text).toContain(x);
    expect(await show(bob, o)).toMatchObject({
      facts: { board: ".........", you: "O", turn: "X" },
    });
    const [adaHeard, bobHeard] = await Promise.all([listen(ada, one, x), listen(bob, other, o)]);
    const moves = [1, 5, 2, 4, 3];
    let last: ToolCallResult | undefined;
    for (const [at, cell] of moves.entries()) {
      last = at % 2 === 0 ? await move(ada, x, cell) : await move(bob, o, cell);
      expect(last).toMatchObject({ failed: false });
      await vi.waitFor(() => {
        expect(adaHeard).toEqual(Array(at + 1).fill(`game://${x}`));
        expect(bobHeard).toEqual(Array(at + 1).fill(`game://${o}`));
      }, 10_000);
    }
    expect(last?.facts).toEqual({ board: "XXXOO....", you: "X", winner: "X" });
    expect(last?.text).toBe(
      " X | X | X\n---+---+---\n O | O | 6\n---+---+---\n 7 | 8 | 9\n\nYou are X. You won.",
    );
    const { contents } = await bob.readResource({ uri: `game://${o}` });
    expect(contents).toMatchObject([
      { mimeType: "text/plain", text: expect.stringContaining("The winner is X") as string },
    ]);
    expect(await move(bob, o, 9)).toMatchObject({
      failed: true,
      text: expect.stringContaining("over") as string,
    });
  });

  it("refuses a move out of turn, a taken cell and a cell that is none, and changes nothing", async () => {
    const [ada, bob] = await Promise.all([enter("ada", one), enter("bob", other)]);
    const { x, o } = await start(ada);
    const heard = await listen(ada, one, x);
    expect((await move(bob, o, 1)).text).toContain("You are O, and it is the turn of X");
    await move(ada, x, 5);
    expect((await move(ada, x, 1)).text).toContain("You are X, and it is the turn of O");
    expect((await move(bob, o, 5)).text).toContain("Cell 5 is taken");
    for (const cell of [0, 10, 1.5, "1", null])
      expect(await move(bob, o, cell)).toMatchObject({
        failed: true,
        text: expect.stringContaining("/cell") as string,
      });
    expect((await show(bob, o)).facts).toEqual({ board: "....X....", you: "O", turn: "O" });
    expect(heard).toEqual([`game://${x}`]);
  });

  it("lets one of many moves at once count, whoever makes them", async () => {
    const [ada, bob] = await Promise.all([enter("ada", one), enter("bob", other)]);
    const { x, o } = await start(ada);
    for (const [turn, cells] of [[x, [1, 2, 3, 4]] as const, [o, [6, 7, 8, 9]] as const]) {
      const before = String((await show(ada, x)).facts["board"]);
      const tries = cells.flatMap((cell) => [move(ada, x, cell), move(bob, o, cell)]);
      const counted = (await Promise.all(tries)).filter(({ failed }) => !failed);
      const board = String((await show(ada, x)).facts["board"]);
      // One of the player whose turn it was; and, when it came in time, one that answered it.
      expect(counted.length, turn).toBeGreaterThan(0);
      expect(taken(board) - taken(before)).toBe(counted.length);
      const [xs, os] = [board.split("X").length, board.split("O").length];
      expect(xs - os === 0 || xs - os === 1, board).toBe(true);
    }
  });

  it("opens to nobody else by the handle of a player", async () => {
    const [ada, bob, eve] = await Promise.all([
      enter("ada", one),
      enter("bob", other),
      enter("eve", one),
    ]);
    const { x, o } = await start(ada);
    const forged = o.replace(/.$/, (end) => (end === "A" ? "B" : "A"));
    for (const [stranger, handle] of [
      [bob, x],
      [eve, x],
      [eve, forged],
      [ada, forged],
      [eve, "game"],
    ] as const) {
      const refused = { failed: true, text: expect.stringContaining("is not yours") as string };
      expect(await move(stranger, handle, 1)).toMatchObject(refused);
      expect(await show(stranger, handle)).toMatchObject(refused);
      await expect(stranger.readResource({ uri: `game://${handle}` })).rejects.toThrow(
        /is not yours/,
      );
    }
    expect((await show(ada, x)).facts["board"]).toBe(".........");
    // Two clients of one person are one player.
    const elsewhere = await enter("ada", other);
    expect((await move(elsewhere, x, 1)).facts).toMatchObject({ you: "X", turn: "O" });
  });
});

async function enter(name: string, mode: ClientMode): Promise<Client> {
  const client = await connectClient(app.url, mode, tokens[name]);
  clients.push(client);
  return client;
}

async function start(client: Client): Promise<{ x: string; o: string; text: string }> {
  const { facts, text } = await callTool(client, "game_new");
  expect(facts).toMatchObject({ board: ".........", you: "X", turn: "X" });
  return { x: String(facts["game"]), o: String(facts["invitation"]), text };
}

function move(client: Client, game: string, cell: unknown): Promise<ToolCallResult> {
  return callTool(client, "game_move", { game, cell });
}

function show(client: Client, game: string): Promise<ToolCallResult> {
  return callTool(client, "game_show", { game });
}

/** The URIs of which `client` is told, in order. */
async function listen(client: Client, mode: ClientMode, game: string): Promise<string[]> {
  const heard: string[] = [];
  const uri = `game://${game}`;
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
    heard.push(params.uri);
  });
  if (mode === "auto") await client.listen({ resourceSubscriptions: [uri] });
  else await client.subscribeResource({ uri });
  return heard;
}

function taken(board: string): number {
  return board.replaceAll(".", "").length;
}
