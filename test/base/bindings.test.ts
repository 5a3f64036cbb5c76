/** Where objects live, on the real namespaces of workerd; of jurisdictions it knows only that they exist elsewhere. */

import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { objectNamespace, withPlacement } from "../../src/base/bindings.ts";
import { createSettings } from "../../src/base/settings.ts";
import { readConfig } from "../../src/worker/config.ts";
import type { Env } from "../world/env.ts";

const real = env as unknown as Env;

it("without settings hands out the namespaces as they are bound", () => {
  expect(objectNamespace(real, "SESSION")).toBe(real.SESSION);
  expect(objectNamespace(real, "NOBODY")).toBeUndefined();
});

it("asks for a place with every way to an object, and means the same object as without", async () => {
  const asked: unknown[] = [];
  const spied = new Proxy(real.ACCOUNT, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (name === "get" || name === "getByName") asked.push(args[1]);
        return Reflect.apply(member, target, args);
      };
    },
  });
  const near = withPlacement({ LOCATION_HINT: "weur" }, spied);
  await near.getByName("somebody").recordSignIn({ address: "a", hasSucceeded: true, grant: "g" });
  const id = near.idFromName("somebody");
  expect(await near.get(near.idFromString(id.toString())).grants()).toEqual(["g"]);
  expect(asked).toEqual([{ locationHint: "weur" }, { locationHint: "weur" }]);
  expect(await real.ACCOUNT.getByName("somebody").grants()).toEqual(["g"]);
  expect(near.newUniqueId().toString()).toMatch(/^[0-9a-f]{64}$/);
});

it("goes to a jurisdiction before it asks for anything there", () => {
  const there = {} as DurableObjectNamespace;
  const namespace = {
    jurisdiction: (name: string) => (name === "eu" ? there : undefined),
  } as never;
  expect(withPlacement({ JURISDICTION: "eu" }, namespace)).toBe(there);
  // The platform does it; workerd by itself refuses rather than ignore it.
  expect(() => withPlacement({ JURISDICTION: "eu" }, real.ACCOUNT)).toThrow(/[Jj]urisdiction/);
});

it.each([
  [{ JURISDICTION: "mars" }, "JURISDICTION"],
  [{ LOCATION_HINT: "West of here" }, "LOCATION_HINT"],
])("refuses %j by name", (wrong, name) => {
  const settings = createSettings({ ...real, ...wrong });
  readConfig(settings);
  expect(() => settings.check()).toThrow(name);
});
