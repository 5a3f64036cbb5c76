/**
 * The rules of tic-tac-toe, pure. A board is nine characters, row by row: "X", "O", or "." where a cell is free.
 * X begins, so whose turn it is can be counted.
 */

import { err, ok, type Result } from "../../api.ts";

export type Mark = "X" | "O";
export const EMPTY = ".........";
const LINES = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7, 8],
  [0, 3, 6],
  [1, 4, 7],
  [2, 5, 8],
  [0, 4, 8],
  [2, 4, 6],
];

/** The board after `mark` took `cell` (1 to 9), or why it may not, as a sentence for the player. */
export function play(board: string, mark: Mark, cell: number): Result<string, string> {
  const { winner, turn } = judge(board);
  if (winner !== undefined) return err("This game is over: start another with game_new");
  if (turn !== mark)
    return err(`You are ${mark}, and it is the turn of ${turn}: wait for the other player`);
  if (board[cell - 1] !== ".") return err(`Cell ${cell} is taken: choose a free one`);
  return ok(board.slice(0, cell - 1) + mark + board.slice(cell));
}

/** Who moves next, or how the game ended. */
export type Judged = { turn?: Mark; winner?: Mark | "nobody" };

/** Who has won or whose turn it is. */
export function judge(board: string): Judged {
  const hasWon = (mark: Mark): boolean =>
    LINES.some((line) => line.every((index) => board[index] === mark));
  if (hasWon("X")) return { winner: "X" };
  if (hasWon("O")) return { winner: "O" };
  const free = board.split(".").length - 1;
  return free === 0 ? { winner: "nobody" } : { turn: free % 2 === 1 ? "X" : "O" };
}

/** The board as text; free cells show their numbers. */
export function draw(board: string): string {
  const cells = board.split("").map((mark, index) => (mark === "." ? index + 1 : mark));
  return [0, 3, 6]
    .map((index) => ` ${cells.slice(index, index + 3).join(" | ")}`)
    .join("\n---+---+---\n");
}
