/** The weather's words and age, on a clock that can be moved; the rest is in upstream.node.test.ts. */

import { afterEach, expect, it, vi } from "vitest";
import { getWeather, skyOf } from "../../../src/app/tools/get-weather.ts";
import type { Context } from "../../../src/server/context.ts";
import { ok, err } from "../../../src/base/result.ts";
import { storageClient, uniqueKey } from "../../storage/counted-client.ts";

afterEach(() => {
  vi.useRealTimers();
});

it("says how old it is, and that there is none newer", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_763_700_000_000 });
  let up = true;
  const current = { temperature_2m: 1, wind_speed_10m: 2, weather_code: 0 };
  const json = { results: [{ name: "Bern", latitude: 1, longitude: 2 }], current };
  const unique = uniqueKey();
  const context = {
    cache: (key: string, ...rest: [number, () => Promise<never>]) =>
      storageClient.cache(`${unique}${key}`, ...rest),
    fetch: async () => (up ? ok({ status: 200, json }) : err("fetch.failed")),
  } as unknown as Context;
  const tell = async (): Promise<unknown> => {
    const told = (await getWeather("https://a.test", "https://b.test").run(
      { place: "Bern" } as never,
      context,
    )) as unknown as {
      content: [{ text: string }];
    };
    return told.content[0].text;
  };
  expect(await tell()).toBe("Bern: 1 °C, clear, wind 2 m/s (just now)");
  vi.setSystemTime(1_763_700_240_000);
  expect(await tell()).toBe("Bern: 1 °C, clear, wind 2 m/s (4 min ago)");
  up = false;
  vi.setSystemTime(1_763_700_420_000);
  expect(await tell()).toBe("Bern: 1 °C, clear, wind 2 m/s (7 min ago, and none is newer)");
});

it.each([
  [0, "clear"],
  [2, "some clouds"],
  [3, "overcast"],
  [48, "fog"],
  [55, "drizzle"],
  [65, "rain"],
  [77, "snow"],
  [82, "showers"],
  [86, "snow showers"],
  [99, "thunderstorm"],
  [-1, "unknown"],
])("WMO code %i is %s", (code, words) => expect(skyOf(code)).toBe(words));
