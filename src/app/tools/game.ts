/**
 * State behind a handle: tic-tac-toe of two callers. Whoever made the game is X. Whoever holds the invitation is O, so
 * it is a secret of the two. Each plays and watches by their own handle; a third caller's handle opens other games.
 */

import {
  type Context,
  defineTool,
  jsonSchema,
  object,
  PublicError,
  type ResourceTemplate,
  type Store,
  template,
  type Tool,
} from "../../api.ts";
import { draw, EMPTY, judge, play, type Judged, type Mark } from "./game-board.ts";

const WEEK_SECONDS = 604_800;
const MARK_BY_ACCESS = { owner: "X", shared: "O" } as const;

/** What is kept: the board, and the handles of both players, to tell whoever watches. */
type Game = { board: string; handles: string[] };

const MARK = { type: "string", enum: ["X", "O"] } as const;
const BOARD = {
  board: {
    type: "string",
    description: 'Nine cells, row by row; "." is free',
  },
  you: MARK,
  turn: MARK,
  winner: { type: "string", enum: ["X", "O", "nobody"] },
} as const;
const HANDLE = {
  type: "string",
  description: "`game` of game_new, or the invitation that you were given",
} as const;
const boardSchema = jsonSchema(object(BOARD, ["turn", "winner"]));
/** Where a host shows pages, the board is one to play on: `../resources/game-page.ts`. */
const _meta = { ui: { resourceUri: "ui://game/board" } };
const annotations = { destructiveHint: false, idempotentHint: false, openWorldHint: false };

export const gameNew: Tool = defineTool({
  name: "game_new",
  description:
    "Starts tic-tac-toe. Gives your handle (you are X and begin), and an invitation for the other player (O)",
  annotations,
  _meta,
  output: jsonSchema(
    object({ game: { type: "string" }, invitation: { type: "string" }, ...BOARD }, [
      "turn",
      "winner",
    ]),
  ),
  async handler(_args, context) {
    const handle = await context.createStorage(WEEK_SECONDS);
    const invitation = await context.shareStorage(handle, WEEK_SECONDS);
    const store = await context.openStorage(handle);
    await store.put("game", { board: EMPTY, handles: [handle, invitation] });
    const { text, facts } = renderGame(store, EMPTY);
    const handles = `Your handle: ${handle}\nInvitation for the other player: ${invitation}`;
    return {
      content: asText(`${handles}\n\n${text}`),
      structuredContent: { game: handle, invitation, ...facts },
    };
  },
});

export const gameMove: Tool = defineTool({
  name: "game_move",
  description: "Takes a cell of a tic-tac-toe board, 1 to 9 row by row",
  annotations,
  _meta,
  input: jsonSchema(object({ game: HANDLE, cell: { type: "integer", minimum: 1, maximum: 9 } })),
  output: boardSchema,
  async handler(args, context) {
    const store = await context.openStorage(args.game);
    // Judged on the board that it is written to: of two moves at once, one meets the other.
    const updated = await store.update<Game>("game", (current) => {
      const { board, handles } = requireGame(current);
      const moved = play(board, MARK_BY_ACCESS[store.access], args.cell);
      if (!moved.ok) throw new PublicError(moved.error);
      return { board: moved.value, handles };
    });
    for (const handle of updated.handles) context.resourceUpdated(`game://${handle}`);
    const { text, facts } = renderGame(store, updated.board);
    return { content: asText(text), structuredContent: facts };
  },
});

export const gameShow: Tool = defineTool({
  name: "game_show",
  description: "Shows a tic-tac-toe board, whose turn it is, and who won",
  annotations: { readOnlyHint: true, openWorldHint: false },
  _meta,
  input: jsonSchema(object({ game: HANDLE })),
  output: boardSchema,
  async handler(args, context) {
    const { text, facts } = await loadGame(args.game, context);
    return { content: asText(text), structuredContent: facts };
  },
});

export const gameResource: ResourceTemplate = template({
  uriTemplate: "game://{game}",
  name: "game",
  description: "A tic-tac-toe board by your handle. Subscribe to it to hear of moves",
  mimeType: "text/plain",
  cache: { ttlMs: 0, scope: "private" },
  read: async (variables, _uri, context) => (await loadGame(variables["game"] ?? "", context)).text,
});

async function loadGame(handle: string, context: Context): Promise<RenderedGame> {
  const store = await context.openStorage(handle);
  return renderGame(store, requireGame(await store.get<Game>("game")).board);
}

function requireGame(stored: Game | undefined): Game {
  if (stored === undefined) throw new PublicError("There is no game: start one with game_new");
  return stored;
}

interface RenderedGame {
  readonly text: string;
  readonly facts: Judged & { board: string; you: Mark };
}

/** The board as whoever opened `store` sees it. */
function renderGame({ access }: Store, board: string): RenderedGame {
  const you = MARK_BY_ACCESS[access];
  const judged = judge(board);
  const { turn, winner } = judged;
  const turnText = turn === you ? "It is your turn." : `It is the turn of ${turn}.`;
  const resultText = winner === you ? "You won." : `The winner is ${winner}.`;
  const text = `${draw(board)}\n\nYou are ${you}. ${winner === undefined ? turnText : resultText}`;
  return { text, facts: { board, you, ...judged } };
}

function asText(text: string): [{ type: "text"; text: string }] {
  return [{ type: "text", text }];
}
