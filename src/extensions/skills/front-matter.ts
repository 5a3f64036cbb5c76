/**
 * The front matter of SKILL.md as JSON: agentskills.io/specification. It is YAML, of which one subset is read, the same as
 * by every YAML parser, and all else is refused with its line: lists, numbers, dates, null, folded texts, anchors, tags.
 * `key: value`, or `key:` and below it lines of this form, indented alike. A key begins with a letter (A-Z a-z 0-9 _ . / -).
 * A value is a text on one line: plain, where it begins with a letter and holds neither ": " nor " #", or in double quotes,
 * with the escapes \" and \\. Empty lines, and lines that begin with #, are skipped.
 */

import type { JsonObject } from "../../base/json.ts";

const LINE = /^( *)([A-Za-z][\w./-]*):(?: +(.*?))? *$/;
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;
const PLAIN = /^\p{L}(?!.*(?:: | #|:$))/u;
/** What some version of YAML takes for a boolean or for null. */
const NO_TEXT = /^(?:y|yes|n|no|on|off|true|false|null)$/i;
/** Control characters, line breaks of any kind, half characters, byte order marks. */
const UNREADABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\uFEFF]/u;

interface Entry {
  readonly line: number;
  readonly indent: number;
  readonly key: string;
  readonly text: string;
}

/** What stands between the two lines of `---` at the start of `markdown`. @throws on the first line that is not understood. */
export function readFrontMatter(markdown: string): JsonObject {
  const [first, ...lines] = markdown.split(/\r?\n/);
  const end = lines.indexOf("---");
  // spec: skills.format.front-matter
  if (first !== "---" || end < 0) throw refusal(1, "begin with YAML between two lines of ---");
  return takeMap(lines.slice(0, end).flatMap(readEntry), 0);
}

function refusal(line: number, demand: string = 'write key: "value", on one line'): Error {
  return new Error(`SKILL.md, line ${line}: ${demand}`);
}

/** The entry on a line, or none where it is empty or a comment. */
function readEntry(content: string, index: number): Entry[] {
  const line = index + 2;
  const [, indent, key = "", text = ""] = LINE.exec(content) ?? [];
  const isEmpty = /^ *(?:#|$)/.test(content);
  if (UNREADABLE.test(content) || (!isEmpty && (indent === undefined || NO_TEXT.test(key))))
    throw refusal(line);
  return isEmpty || indent === undefined ? [] : [{ line, indent: indent.length, key, text }];
}

/** Takes the entries of one map off the front of `entries`. */
function takeMap(entries: Entry[], indent: number): JsonObject {
  const map: JsonObject = {};
  for (let entry = entries[0]; entry !== undefined && entry.indent >= indent; entry = entries[0]) {
    const { line, key, text } = entry;
    if (entry.indent > indent || Object.hasOwn(map, key))
      throw refusal(line, "indent alike, and write each key once");
    entries.shift();
    const inner = entries[0]?.indent ?? 0;
    map[key] = text === "" && inner > indent ? takeMap(entries, inner) : readText(text, line);
  }
  return map;
}

function readText(text: string, line: number): string {
  const quoted = QUOTED.exec(text)?.[1];
  if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
  // What is no text for one parser is none here: a number, a date, yes.
  if (!PLAIN.test(text) || NO_TEXT.test(text)) throw refusal(line);
  return text;
}
