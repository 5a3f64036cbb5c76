// The example's people on a database that is not as it should be: real D1, before its tables are made, and with others.
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { getUser } from "../../src/app/tools/get-user.ts";
import { usersNamed } from "../../src/app/users-rows.ts";
import type { Env } from "../world/env.ts";

const empty = (env as unknown as Env).VAULT as D1Database;

it("says what the operator must do, or that it may pass, and tells only the log what the database said", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const first = async (): Promise<unknown> =>
    getUser(empty).run({ id: 1 } as never, undefined as never);
  await expect(first()).rejects.toThrow(/^The database has no users yet: .*`make migrate`$/);
  await expect(usersNamed(empty, ["a"], 0, 10)).rejects.toThrow(/make migrate/);
  await empty.prepare("CREATE TABLE users (other TEXT)").run();
  await expect(first()).rejects.toThrow("The database cannot be reached: try again in a minute");
  expect(
    said.mock.calls.map(([line]) => (JSON.parse(String(line)) as { event: string }).event),
  ).toEqual(Array(3).fill("app.dependency_failed"));
  expect(said.mock.calls.flat().join()).toMatch(/no such table.*no such column/s);
});

it("does not wait for a database that says nothing", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.useFakeTimers();
  const never = { bind: () => ({ first: () => new Promise(() => undefined) }) };
  const silent = { prepare: () => never } as unknown as D1Database;
  const asked = expect(getUser(silent).run({ id: 1 } as never, undefined as never)).rejects.toThrow(
    /cannot be reached/,
  );
  await vi.advanceTimersByTimeAsync(5_000);
  await asked;
  vi.useRealTimers();
});
