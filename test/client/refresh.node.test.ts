/** A real client whose access token is over goes on by itself with its refresh token, until its grant is over too. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { passPages, tab } from "../../src/cli/login.ts";
import { PASSPHRASE, serveBareApp, type TestServer } from "./servers.node.ts";
import { beginClientLogin } from "./oauth-client.node.ts";

/** Longer than a busy machine takes from a new token to the call that it is for. */
const ACCESS_MS = 4_000;
const past = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, ACCESS_MS + 200));
let app: TestServer;

beforeAll(async () => {
  // A client's listening stream and its call may both find the token over: they refresh with the same one.
  app = await serveBareApp({ ACCESS_SECONDS: String(ACCESS_MS / 1_000), GRACE_SECONDS: "30" });
}, 60_000);

afterAll(() => app.stop());

it.each(["auto", "legacy"] as const)("no person is asked again (%s)", async (mode) => {
  const visitor = await beginClientLogin(app.url, "http://127.0.0.1:9/callback", mode);
  const client = await visitor.finishLogin(
    await passPages(tab(), visitor.authorizationUrl, { passphrase: PASSPHRASE }),
  );
  const call = async (): Promise<unknown> =>
    (await client.callTool({ name: "add_numbers", arguments: { a: 2, b: 40 } })).structuredContent;
  for (let round = 0; round < 3; round++) {
    expect(await call()).toEqual({ sum: 42 });
    await past();
  }
  expect(await call()).toEqual({ sum: 42 });
  // With its code, and after each of the three pauses; once more wherever a busy machine took longer than that for a call.
  expect(visitor.tokens()).toBeGreaterThanOrEqual(4);
  await client.close();
});
