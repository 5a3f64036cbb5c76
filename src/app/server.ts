/**
 * What this server offers. A fork edits this list and the files beside it, and nothing else.
 */

import type { ServerSpec } from "../server/define.ts";
import { addNumbers } from "./add-numbers.ts";
import { feedLatest } from "./feed-latest.ts";
import { findUsers } from "./find-users.ts";
import { forgetEverything } from "./forget-everything.ts";
import { gameMove, gameNew, gameResource, gameShow } from "./game.ts";
import { getUser } from "./get-user.ts";
import { getWeather } from "./get-weather.ts";
import { planTrip } from "./plan-trip.ts";
import { readResult } from "./read-result.ts";
import { recall } from "./recall.ts";
import { remember } from "./remember.ts";
import { searchWikipedia } from "./search-wikipedia.ts";
import type { AppEnv } from "./settings.ts";
import { keyedService } from "./sign-in/api-key.ts";
import { upstreamAccount } from "./upstream-account.ts";
import { userResource } from "./user-resource.ts";
import { whoami } from "./whoami.ts";

export function app(env: AppEnv): ServerSpec {
  const { PEOPLE, FEED } = env;
  const contact = env.PUBLIC_URL || "a local server";
  const { WIKIPEDIA_URL: wikipedia = "https://en.wikipedia.org" } = env;
  const { WEATHER_PLACES_URL: places = "https://geocoding-api.open-meteo.com" } = env;
  const { WEATHER_URL: forecasts = "https://api.open-meteo.com" } = env;
  const keyed = keyedService(env);
  return {
    info: { name: "barewire", title: "barewire", version: "0.1.0" },
    instructions:
      "An example server: it looks things up, finds people, plays tic-tac-toe, and remembers what you tell it.",
    tools: [
      addNumbers,
      ...[searchWikipedia(wikipedia, contact), readResult(wikipedia, contact), getWeather(places, forecasts)],
      ...(PEOPLE === undefined ? [] : [getUser(PEOPLE), findUsers(PEOPLE)]),
      ...[gameNew, gameMove, gameShow],
      ...[remember, recall, forgetEverything],
      ...(FEED === undefined ? [] : [feedLatest(FEED)]),
      ...(keyed === undefined ? [] : [upstreamAccount(keyed)]),
      whoami(env.SIGN_IN || "passphrase"),
    ],
    templates: [gameResource, ...(PEOPLE === undefined ? [] : [userResource(PEOPLE)])],
    prompts: [planTrip],
  };
}
