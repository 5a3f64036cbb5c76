/** A prompt: words for the model that a person picks from a menu, with suggestions for what they leave open. */

import { prompt, type PromptSpec } from "../../api.ts";

const PLACES = ["Accra", "Bari", "Bern", "Brno", "Lagos", "Tartu", "Uppsala"];

export const planTrip: PromptSpec = prompt({
  name: "plan_trip",
  title: "Plan a trip",
  description: "A day in a place, as you like it",
  arguments: [
    {
      name: "place",
      description: "A town",
      required: true,
      complete: (value) =>
        PLACES.filter((place) => place.toLowerCase().startsWith(value.toLowerCase())),
    },
  ],
  handler: ({ place = "" }) =>
    `Plan a day in ${place}. First recall what I prefer, get the weather there, and search Wikipedia for what is worth
seeing. Say how old the weather report is. If I tell you a new preference, remember it.`,
});
