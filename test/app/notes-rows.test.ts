// The bound on notes, held on real storage: too many calls for a wire that limits callers.
import { expect, it } from "vitest";
import {
  addNote,
  countNotes,
  MAX_NOTES,
  newestNotes,
  type Note,
} from "../../src/app/notes-rows.ts";
import { storageClient } from "../storage/counted-client.ts";

it("keeps as many notes as it says and not one more, also when they come at once", async () => {
  const mine = storageClient.ofOwner("somebody");
  expect(await countNotes(mine)).toBe(0);
  const spare = 5;
  await mine.sql(`WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < ${MAX_NOTES - spare})
    INSERT INTO notes (kind, text, at) SELECT 'fact', 'note ' || n, n FROM many`);
  const added = await Promise.all(
    Array.from({ length: 20 }, (_, at) => addNote(mine, { ...NOTE, at: 10_000 + at })),
  );
  expect(added.filter((room) => room)).toHaveLength(spare);
  expect(await countNotes(mine)).toBe(MAX_NOTES);
  expect((await newestNotes(mine, ["late"], 100)).length).toBe(spare);
});

const NOTE: Note = { kind: "fact", text: "late", at: 0 };
