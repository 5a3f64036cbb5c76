/** What an isolate keeps when it keeps as much as it may. That it forgets in time is in `outside.test.ts`. */

import { expect, it } from "vitest";
import { createTtlCache } from "../../src/base/ttl-cache.ts";

it("a value that is kept anew pushes out no other, and is the newest from then on", () => {
  const kept = createTtlCache<string>(3);
  const put = (keys: string, value: string) =>
    keys.split("").forEach((key) => kept.put(key, value, 1));
  const all = () => "abcde".split("").map((key) => kept.get(key, 0));
  put("abc", "once");
  put("b", "anew");
  expect(all()).toEqual(["once", "anew", "once", undefined, undefined]);
  put("de", "once");
  expect(all()).toEqual([undefined, "anew", undefined, "once", "once"]);
});
