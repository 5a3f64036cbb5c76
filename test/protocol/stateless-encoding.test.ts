/** What is kept of a result that does not change: its text, with the cache hint that it was made with. */

import { expect, it } from "vitest";
import { encodeCompleteResult } from "../../src/protocol/stateless-encoding.ts";
import { findRevision, STATELESS_VERSIONS } from "../../src/protocol/versions.ts";

const list = findRevision(STATELESS_VERSIONS[0] ?? "")?.methods.get("tools/list");

it("a retried list, which nobody may cache, takes the hint away from no other request", () => {
  if (list === undefined) throw new Error("There is no tools/list");
  const result = Object.freeze({ tools: [] });
  const hint = { ttlMs: 300_000, scope: "public" } as const;
  const hintsOf = (cache: typeof hint | undefined): unknown[] => {
    const text = encodeCompleteResult(list, result, cache, { name: "s", version: "1" });
    const { ttlMs, cacheScope } = JSON.parse(text) as Record<string, unknown>;
    return [ttlMs, cacheScope];
  };
  expect(hintsOf(undefined)).toEqual([0, "private"]);
  expect(hintsOf(hint)).toEqual([300_000, "public"]);
  expect(hintsOf(undefined)).toEqual([0, "private"]);
});
