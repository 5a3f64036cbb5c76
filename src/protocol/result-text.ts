/**
 * The JSON of results, written once where a result is frozen: lists and discovery are the same object each time.
 * Leaves to the caller what the forms of a result are.
 */

import type { JsonObject } from "../base/json.ts";

const textsByForm = new WeakMap<JsonObject, Map<string, string>>();

/** What `write` makes of `result`. A frozen object promises never to change: it is written once for each `form`. */
export function resultText(result: JsonObject, form: string, write: () => object): string {
  if (!Object.isFrozen(result)) return JSON.stringify(write());
  const texts = textsByForm.get(result) ?? new Map<string, string>();
  const text = texts.get(form) ?? JSON.stringify(write());
  textsByForm.set(result, texts.set(form, text));
  return text;
}
