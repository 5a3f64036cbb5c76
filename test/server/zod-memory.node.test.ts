/** What zod holds when it is done. Only Node can be told to collect garbage. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import * as z from "zod";
import { checkWith } from "../../src/server/zod.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

it("nothing of a value stays in zod's memory when a check throws, also of a schema that refers to itself", async () => {
  let made = new WeakRef({});
  const Tree = z.object({
    name: z.string().transform((name) => {
      const read = { name };
      made = new WeakRef(read);
      return read;
    }),
    last: z.string().refine((text) => {
      throw new Error(`broken by ${text}`);
    }),
    get kids() {
      return z.array(Tree);
    },
  });
  const check = checkWith(z.object({ tree: Tree }));
  expect(() => check({ tree: { name: "a", last: "b", kids: [] } })).toThrow("broken by b");
  // What a WeakRef gave is kept until the turn ends.
  await new Promise((resolve) => setTimeout(resolve));
  collectGarbage();
  expect(made.deref()).toBeUndefined();
});

it("what is left of a text of which pieces are replaced takes no more than its letters", () => {
  const check = checkWith(z.array(z.string().transform((text) => text.replace(/\t/g, " "))));
  const texts = Array.from({ length: 20 }, () => "a\t".repeat(50_000));
  check(texts);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const made = check(texts);
  collectGarbage();
  // As a chain of pieces each would take 1.5 MB.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  expect(made.ok).toBe(true);
});
