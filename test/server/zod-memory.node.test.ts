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
