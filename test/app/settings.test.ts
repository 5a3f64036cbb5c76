/** What is wrong with the example's settings is named at once, all of it, and before anybody calls. */

import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { createLoginOptions } from "../../src/app/auth.ts";
import { serverSpec } from "../../src/app/server.ts";
import type { AppEnv } from "../../src/app/settings.ts";
import { authorizationServer } from "../../src/oauth/authorization-server/feature.ts";
import { createWorker } from "../../src/worker/router.ts";

const start = (settings: Partial<AppEnv>): unknown =>
  createWorker<AppEnv>({
    server: serverSpec,
    auth: [authorizationServer(createLoginOptions)],
  }).runtime({ ...(env as unknown as AppEnv), AUTH: "", PASSPHRASE: "x", ...settings } as AppEnv);

const OPENID: Partial<AppEnv> = {
  SIGN_IN: "openid",
  OPENID_NAME: "Company",
  OPENID_CLIENT_ID: "id",
  OPENID_CLIENT_SECRET: "secret",
};

it.each<[Partial<AppEnv>, string]>([
  [{ WIKIPEDIA_URL: "nonsense" }, "WIKIPEDIA_URL must be an http or https URL"],
  [{ WEATHER_URL: "-1" }, "WEATHER_URL must be an http or https URL"],
  [{ WEATHER_PLACES_URL: "ftp://a.test" }, "WEATHER_PLACES_URL must be an http or https URL"],
  [{ FEED_URL: "https://a.test" }, "FEED_URL must be a ws or wss URL"],
  [{ FEED_IDLE_SECONDS: "ten minutes" }, "FEED_IDLE_SECONDS must be a whole number of at least 1"],
  [{ ...OPENID, OPENID_ISSUER: "nonsense" }, "OPENID_ISSUER must be an http or https URL"],
])("%o is refused", (settings, fault) => {
  expect(() => start(settings)).toThrow(`Configuration: ${fault}`);
});

it("names all that is wrong", () => {
  expect(() => start({ WEATHER_URL: "x", FEED_IDLE_SECONDS: "0" })).toThrow(
    "Configuration: WEATHER_URL must be an http or https URL; FEED_IDLE_SECONDS must be a whole number of at least 1",
  );
});
