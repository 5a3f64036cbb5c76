/**
 * What this server offers. A fork edits this list and the files beside it, and nothing else.
 */

import { readApiKeyService, type ServerSpec, type Settings } from "../api.ts";
import { card } from "./card.ts";
import { addNumbers } from "./tools/add-numbers.ts";
import { readFeedSettings } from "./feed-settings.ts";
import { feedLatest } from "./tools/feed-latest.ts";
import { findUsers } from "./tools/find-users.ts";
import { forgetEverything } from "./tools/forget-everything.ts";
import { gameMove, gameNew, gameResource, gameShow } from "./tools/game.ts";
import { getUser } from "./tools/get-user.ts";
import { getWeather } from "./tools/get-weather.ts";
import { gamePage } from "./resources/game-page.ts";
import { planTrip } from "./prompts/plan-trip.ts";
import { readArticles } from "./tools/read-articles.ts";
import { readResult } from "./tools/read-result.ts";
import { recall } from "./tools/recall.ts";
import { remember } from "./tools/remember.ts";
import { searchWikipedia } from "./tools/search-wikipedia.ts";
import type { AppEnv } from "./settings.ts";
import { upstreamAccount } from "./tools/upstream-account.ts";
import { userResource } from "./resources/user.ts";
import { whoami } from "./tools/whoami.ts";

/** What this server offers. Tools whose binding or setting is missing are left out. A wrong setting goes to `settings`. */
export function serverSpec(env: AppEnv, settings: Settings): ServerSpec {
  const { USERS, FEED } = env;
  const contact = env.PUBLIC_URL || "a local server";
  const address = (name: keyof AppEnv, usual: string): string =>
    settings.url(name)?.href.replace(/\/$/, "") ?? usual;
  const wikipedia = address("WIKIPEDIA_URL", "https://en.wikipedia.org");
  const places = address("WEATHER_PLACES_URL", "https://geocoding-api.open-meteo.com");
  const forecasts = address("WEATHER_URL", "https://api.open-meteo.com");
  // The object reads them in its own isolate: what is wrong is told here, before anybody calls.
  readFeedSettings(settings);
  const apiKeyService = readApiKeyService(env);
  return {
    info: { name: "barewire", title: "barewire", version: "0.1.0" },
    instructions: card.description,
    tools: [
      addNumbers,
      searchWikipedia(wikipedia, contact),
      readResult(wikipedia, contact),
      readArticles(wikipedia, contact),
      getWeather(places, forecasts),
      ...(USERS === undefined ? [] : [getUser(USERS), findUsers(USERS)]),
      gameNew,
      gameMove,
      gameShow,
      remember,
      recall,
      forgetEverything,
      ...(FEED === undefined ? [] : [feedLatest(FEED)]),
      ...(apiKeyService === undefined ? [] : [upstreamAccount(apiKeyService)]),
      whoami(env.SIGN_IN || "passphrase"),
    ],
    resources: [gamePage],
    templates: [gameResource, ...(USERS === undefined ? [] : [userResource(USERS)])],
    prompts: [planTrip],
  };
}
