// The rules of tic-tac-toe, held against what is known of the game: how many games there are, and how they end.
import { expect, it } from "vitest";
import { draw, EMPTY, judge, play, type Mark } from "../../src/app/tools/game-board.ts";

it("plays every game there is, and each ends as it must", () => {
  const ends = { X: 0, O: 0, nobody: 0 };
  let refusals = 0;
  const walk = (board: string): void => {
    const { turn, winner } = judge(board);
    if (winner !== undefined) ends[winner] += 1;
    for (let cell = 1; cell <= 9; cell += 1) {
      const moved = play(board, turn ?? "X", cell);
      const free = winner === undefined && board[cell - 1] === ".";
      if (moved.ok !== free) throw new Error(`${board} ${turn} ${cell}`);
      if (moved.ok) walk(moved.value);
      else refusals += 1;
    }
  };
  walk(EMPTY);
  expect(ends).toEqual({ X: 131_184, O: 77_904, nobody: 46_080 });
  expect(refusals).toBeGreaterThan(0);
});

it.each<[board: string, mark: Mark, cell: number, says: RegExp]>([
  [".........", "O", 1, /You are O, and it is the turn of X/],
  ["X........", "X", 2, /You are X, and it is the turn of O/],
  ["X........", "O", 1, /Cell 1 is taken/],
  ["XXXOO....", "O", 9, /over/],
  ["XOXXOOOXX", "X", 1, /over/],
])("%s: %s may not take %i", (board, mark, cell, says) => {
  expect(play(board, mark, cell)).toEqual({
    ok: false,
    error: expect.stringMatching(says) as string,
  });
});

it("draws rows, with numbers where a cell is free", () => {
  expect(draw("XO..X...O")).toBe(" X | O | 3\n---+---+---\n 4 | X | 6\n---+---+---\n 7 | 8 | O");
});
