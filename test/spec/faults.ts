/**
 * Faults to plant. A check that proves something must turn red when the server does nothing, when it says the same to
 * everything, and when any one thing that the check looks at is taken out of a good answer.
 * Pure: answers in, the faults that were *not* noticed out.
 */

import { blank, type View } from "./answer.ts";
import { isObject, type Check, type Json } from "./format.ts";
import { asked, MATCHERS, type Kept } from "./match.ts";
import { judge } from "./walk.ts";

export type Kind = "send" | "open" | "read";

/** Ways in which `check` fails to tell a server apart that does nothing or says the same to everything. */
export function vacuous(check: Check, kind: Kind): string[] {
  const kept: Kept = new Map(
    asked(check as Json).map((name) => [name, name === "step" ? 1 : `kept-${name}`]),
  );
  const found: string[] = [];
  if (judge(check, blank(kind), new Map(kept)) === undefined)
    found.push("holds for a blank answer");
  const yes = uniform(kind, 200, { jsonrpc: "2.0", id: 1, result: { resultType: "complete" } });
  const no = uniform(kind, 500, { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "no" } });
  const other = uniform(
    kind,
    200,
    { jsonrpc: "2.0", id: "other", result: { resultType: "complete" } },
    "text/plain",
  );
  const deaf = [yes, no, other].every((view) => judge(check, view, new Map(kept)) === undefined);
  if (deaf) found.push("holds for servers that say the same to everything, whatever they say");
  return found;
}

/** The single faults in `view` that `check` does not notice; `view` is an answer for which it holds. */
export function unnoticed(check: Check, view: View, kept: Kept): string[] {
  return mutants(check, view)
    .filter(([, mutant]) => judge(check, mutant, new Map(kept)) === undefined)
    .map(([name]) => name);
}

/** Answers with one fault each: a thing that `check` wants to be there is gone or another. */
export function mutants(check: Check, view: View): [name: string, view: View][] {
  const found: [string, View][] = [];
  for (const [name, expected] of Object.entries(check.headers ?? {})) {
    if (mayBeAbsent(expected)) continue;
    const { [name.toLowerCase()]: _gone, ...headers } = view.headers;
    found.push([`without header ${name}`, { ...view, headers }]);
  }
  if (check.status !== undefined) found.push(["with status 299", { ...view, status: 299 }]);
  if (check.ended !== undefined)
    found.push(["with the other end", { ...view, ended: !view.ended }]);
  for (const part of [
    "body",
    "json",
    "form",
    "location",
    "reply",
    "messages",
    "events",
    "comments",
  ] as const) {
    const expected = check[part];
    if (expected === undefined || mayBeAbsent(expected)) continue;
    const actual = view[part];
    if (Array.isArray(expected) && Array.isArray(actual)) {
      found.push([`with more ${part}`, { ...view, [part]: [...actual, { stray: true }] }]);
    }
    for (const [path, value] of without(expected, view[part] ?? null, part)) {
      found.push([`without ${path}`, { ...view, [part]: value }]);
    }
  }
  return found;
}

/** `actual` without one of the things that `expected` names, for each of them. */
function without(
  expected: Json,
  actual: Json | undefined,
  path: string,
): [path: string, value: Json | undefined][] {
  const found: [string, Json | undefined][] = [[path, undefined]];
  const rules = isObject(expected) && Object.keys(expected).some((name) => MATCHERS.includes(name));
  const named = rules ? expected["$only"] : expected;
  if (isObject(named) && isObject(actual)) {
    for (const [name, one] of Object.entries(named)) {
      if (mayBeAbsent(one)) continue;
      for (const [place, value] of without(one, actual[name], `${path}.${name}`)) {
        const { [name]: _gone, ...rest } = actual;
        found.push([place, value === undefined ? rest : { ...rest, [name]: value }]);
      }
    }
  }
  if (Array.isArray(named) && Array.isArray(actual)) {
    for (const [index, one] of named.entries()) {
      for (const [place, value] of without(one, actual[index], `${path}[${index}]`)) {
        found.push([
          place,
          value === undefined ? actual.toSpliced(index, 1) : actual.with(index, value),
        ]);
      }
    }
  }
  return found;
}

function mayBeAbsent(expected: Json): boolean {
  if (!isObject(expected)) return false;
  if (expected["$absent"] === true) return true;
  return Array.isArray(expected["$any"]) && expected["$any"].some(mayBeAbsent);
}

function uniform(kind: Kind, status: number, reply: Json, type = "application/json"): View {
  const headers = { "content-type": type };
  const said = { reply, messages: [reply], json: kind === "send" ? reply : undefined };
  return {
    ...blank(kind),
    status,
    headers,
    ...said,
    body: kind === "send" ? JSON.stringify(reply) : undefined,
  };
}
