/** A cached upstream: asked once in five minutes for everybody, and the answer says how old it is. */

import { type Context, defineTool, jsonSchema, object, PublicError, type Tool } from "../../api.ts";
import { getJson } from "../upstream.ts";

const SERVICE = "The weather service";
const CACHE_SECONDS = 300;

const PLACES = jsonSchema(
  object({
    results: {
      type: "array",
      default: [],
      items: object(
        {
          name: { type: "string" },
          country: { type: "string" },
          latitude: { type: "number" },
          longitude: { type: "number" },
        },
        ["country"],
      ),
    },
  }),
);
const FORECAST = jsonSchema(
  object({
    current: object({
      temperature_2m: { type: "number" },
      wind_speed_10m: { type: "number" },
      weather_code: { type: "integer" },
    }),
  }),
);

type Weather = { place: string; celsius: number; windMetersPerSecond: number; sky: string };

/** The tool; `places` and `forecasts` are the origins that it asks. */
export function getWeather(places: string, forecasts: string): Tool {
  return defineTool({
    name: "get_weather",
    description: "The weather in a town now: temperature, wind, sky, and how old that is",
    annotations: { readOnlyHint: true, openWorldHint: true },
    input: jsonSchema(object({ place: { type: "string", pattern: "\\S", maxLength: 100 } })),
    output: jsonSchema(
      object({
        place: { type: "string" },
        celsius: { type: "number" },
        windMetersPerSecond: { type: "number" },
        sky: { type: "string" },
        minutesOld: { type: "integer" },
        stale: { type: "boolean" },
      }),
    ),
    async handler(args, context) {
      const place = args.place.trim();
      const key = `weather ${place.toLowerCase()}`;
      const cached = await context.cache(key, CACHE_SECONDS, () =>
        loadWeather(context, places, forecasts, place),
      );
      const { value, ageSeconds, isStale } = cached;
      const minutesOld = Math.floor(ageSeconds / 60);
      const ageText = minutesOld === 0 ? "just now" : `${minutesOld} min ago`;
      const staleNote = isStale ? ", and none is newer" : "";
      const text = `${value.place}: ${value.celsius} °C, ${value.sky}, wind ${value.windMetersPerSecond} m/s (${ageText}${staleNote})`;
      return {
        content: [{ type: "text", text }],
        structuredContent: { ...value, minutesOld, stale: isStale },
      };
    },
  });
}

async function loadWeather(
  context: Context,
  places: string,
  forecasts: string,
  place: string,
): Promise<Weather> {
  const search = `${places}/v1/search?count=1&format=json&name=${encodeURIComponent(place.toWellFormed())}`;
  const [town] = (await getJson(context, SERVICE, PLACES, search))?.results ?? [];
  if (town === undefined)
    throw new PublicError(`No town is called "${place}": try its name in English`);
  const { latitude, longitude, name, country } = town;
  const fields = "temperature_2m,wind_speed_10m,weather_code&wind_speed_unit=ms";
  const url = `${forecasts}/v1/forecast?latitude=${latitude}&longitude=${longitude}&current=${fields}`;
  const report = await getJson(context, SERVICE, FORECAST, url);
  if (report === undefined)
    throw new PublicError(`${SERVICE} has no report of ${name}: try again later`);
  const { temperature_2m: celsius, wind_speed_10m: wind, weather_code: code } = report.current;
  const placeName = country === undefined ? name : `${name}, ${country}`;
  return { place: placeName, celsius, windMetersPerSecond: wind, sky: skyOf(code) };
}

/** WMO code table 4677, as Open-Meteo uses it: the last kind of weather that begins at or below the code. */
const SKY: Readonly<Record<number, string>> = {
  0: "clear",
  1: "some clouds",
  3: "overcast",
  45: "fog",
  51: "drizzle",
  61: "rain",
  71: "snow",
  80: "showers",
  85: "snow showers",
  95: "thunderstorm",
};

/** The sky of a WMO code, in words. */
export function skyOf(code: number): string {
  return Object.entries(SKY).findLast(([firstCode]) => Number(firstCode) <= code)?.[1] ?? "unknown";
}
