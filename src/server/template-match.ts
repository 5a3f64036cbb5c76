/**
 * Reading a URI back through a template: a small automaton, filled from the end, so that time is states × length, always.
 * Follows RFC 6570, section 1.4 (which leaves matching open) as the reverse of expansion.
 * Refuses a URI of more than 4,096 characters, escapes that are not UTF-8, and an empty `{var}` or `{+var}`.
 * Leaves to template.ts: the grammar, and expansion.
 */

/** How an operator expands (RFC 6570, appendix A): what comes first, what between, and whether names are shown. */
export interface Operator {
  readonly first: string;
  readonly between: string;
  readonly named: boolean;
  readonly reserved: boolean;
}

export interface Expression {
  readonly operator: Operator;
  readonly variables: readonly { readonly name: string; readonly explode: boolean }[];
}

/** A piece of a template: literal text or an expression in braces. */
export type Part = string | Expression;

/** Fixed text, or the text of one variable. `skip` leads past text that may be absent; `name` notes an empty value. */
type Fixed = { readonly text: string; readonly next: number; readonly skip?: number; readonly name?: string };
type Value = {
  readonly chars: string;
  readonly name: string;
  readonly explode: boolean;
  readonly filled: boolean;
  readonly next: number;
};
/** `next` and `skip` are indices of later states. The one after the last is the end. */
export type State = Fixed | Value;

const MAX_URI = 4_096;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
const PLAIN = `${LETTERS}:@!$'()*`; // what a path segment may hold bare, minus what separates variables
const RESERVED = `${LETTERS}:/?#[]@!$&'()*+,;=`;
const [SKIP, NEVER] = [-1, -2];

/** The automaton of a template. */
export function buildStates(parts: readonly Part[]): State[] {
  const states: State[] = [];
  for (const part of parts) {
    if (typeof part === "string") states.push({ text: part, next: states.length + 1 });
    else if (part.operator.named) addNamed(states, part);
    else addOrdered(states, part);
  }
  return states;
}

/**
 * The first variable with another one right behind it: no reader could tell where it ends. What may be absent ends in a
 * variable of its own, so looking at the next state is enough.
 */
export function sideBySide(states: readonly State[]): string | undefined {
  const isValue = (state: State | undefined): boolean => state !== undefined && "chars" in state;
  return states.find((state) => isValue(state) && isValue(states[state.next]))?.name;
}

/** Values by position: the first may be absent if it has a mark of its own, the others from the end. */
function addOrdered(states: State[], { operator, variables }: Expression): void {
  const { first, between, reserved } = operator;
  const end = states.length + 2 * variables.length - (first === "" ? 1 : 0);
  for (const [index, { name, explode }] of variables.entries()) {
    const mark = index === 0 ? first : between;
    if (mark !== "") states.push({ text: mark, next: states.length + 1, skip: end });
    const chars = reserved ? RESERVED : explode ? `${PLAIN}/` : PLAIN;
    states.push({ chars, name, explode, filled: first === "", next: states.length + 1 });
  }
}

/** Values by name, each of which may be absent. The second row is for those after the first one present: `?a=1&b=2`. */
function addNamed(states: State[], { operator, variables }: Expression): void {
  const marks = operator.first === operator.between ? [operator.first] : [operator.first, operator.between];
  const [base, width] = [states.length, 3 * variables.length];
  const end = base + marks.length * width;
  for (const [row, mark] of marks.entries()) {
    for (const [index, { name, explode }] of variables.entries()) {
      const here = base + row * width + 3 * index;
      const last = index === variables.length - 1;
      const next = last ? end : end - width + 3 * (index + 1);
      states.push({ text: `${mark}${name}=`, next: here + 1, skip: here + 2 });
      states.push({ chars: PLAIN, name, explode, filled: false, next });
      states.push({ text: `${mark}${name}`, name, next, skip: last ? end : here + 3 });
    }
  }
}

/** Fills one row for each state, from the back: where it hands over, begun at a position, so that all that follows fits. */
export function matchStates(states: readonly State[], given: string): Record<string, string> | undefined {
  if (given.length > MAX_URI || !given.isWellFormed()) return undefined;
  const uri = encodeBeyondAscii(given);
  const rows = Array.from({ length: states.length + 1 }, () => new Int32Array(uri.length + 1).fill(NEVER));
  rows[states.length]?.fill(uri.length, uri.length);
  for (const [index, state] of [...states.entries()].toReversed()) {
    const [row, next] = [rows[index], rows[state.next]];
    if (!row || !next) return undefined;
    if ("text" in state) fillText(row, uri, state.text, next, state.skip === undefined ? undefined : rows[state.skip]);
    else fillValue(row, uri, state, next);
  }
  return readValues(states, uri, rows);
}

function fillText(row: Int32Array, uri: string, text: string, next: Int32Array, skip: Int32Array | undefined): void {
  for (const [at, end] of skip?.entries() ?? []) if (end !== NEVER) row[at] = SKIP;
  for (let at = uri.indexOf(text); at >= 0; at = uri.indexOf(text, at + 1)) {
    const end = at + text.length;
    if (next[end] !== NEVER) row[at] = end;
  }
}

/** The shortest text after which the rest fits. One step takes a character, or an escape. */
function fillValue(row: Int32Array, uri: string, { chars, filled }: Value, next: Int32Array): void {
  for (let at = uri.length; at >= 0; at -= 1) {
    if (!filled && next[at] !== NEVER) row[at] = at;
    else if (at < uri.length && chars.includes(uri.charAt(at)))
      row[at] = next[at + 1] === NEVER ? (row[at + 1] ?? NEVER) : at + 1;
    else if (isEscape(uri, at)) row[at] = next[at + 3] === NEVER ? (row[at + 3] ?? NEVER) : at + 3;
  }
}

function isEscape(uri: string, at: number): boolean {
  return uri.charAt(at) === "%" && /^[0-9A-Fa-f]{2}$/.test(uri.slice(at + 1, at + 3));
}

function readValues(states: readonly State[], uri: string, rows: Int32Array[]): Record<string, string> | undefined {
  const values: [string, string][] = [];
  let [index, at] = [0, 0];
  for (let state = states[0]; state !== undefined; state = states[index]) {
    const end = rows[index]?.[at] ?? NEVER;
    if (end === NEVER) return undefined;
    index = end === SKIP && "text" in state ? (state.skip ?? state.next) : state.next;
    if (end === SKIP) continue;
    const value = "text" in state ? "" : decode(uri.slice(at, end), state.explode);
    if (value === undefined) return undefined;
    if (state.name !== undefined) values.push([state.name, value]);
    at = end;
  }
  return at === uri.length ? Object.fromEntries(values) : undefined;
}

function decode(text: string, explode: boolean): string | undefined {
  try {
    const segments = text.split("/").map(decodeURIComponent);
    return explode && segments.some((segment) => segment.includes("/")) ? undefined : segments.join("/");
  } catch {
    return undefined; // the bytes are not UTF-8
  }
}

/** Letters beyond ASCII as URIs spell them. The text must be well formed. */
export function encodeBeyondAscii(text: string): string {
  return text.replaceAll(/[^\0-\x7f]+/g, encodeURIComponent);
}
