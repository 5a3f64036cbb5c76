/**
 * Reads .dev.vars as wrangler does, which reads it with dotenv 16: `export`, quotes of three kinds, values of several lines,
 * comments behind a value, and the last of two lines with one name. Every program here reads the file with this.
 */

/** What .dev.vars says, by name. */
export type DevVars = Readonly<Record<string, string>>;

/** A name, and its value as it is written, quotes and spaces included. */
const ASSIGNMENT =
  /^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/dgm;

/** The settings that `text` sets, with the values that the Worker gets. */
export function readDevVars(text: string): DevVars {
  const lines = text.replaceAll(/\r\n?/g, "\n");
  const found = [...lines.matchAll(ASSIGNMENT)];
  return Object.fromEntries(found.map(([, name = "", written = ""]) => [name, unquote(written)]));
}

function unquote(written: string): string {
  const trimmed = written.trim();
  const value = trimmed.replaceAll(/^(['"`])([\s\S]*)\1$/gm, "$2");
  return trimmed.startsWith('"') ? value.replaceAll("\\n", "\n").replaceAll("\\r", "\r") : value;
}

/**
 * `text` with `value`, which needs no quotes, as what `name` is set to. All else stays, such as `export` and comments; lines
 * end in "\n". @throws where `name` is set nowhere.
 */
export function replaceDevVar(text: string, name: string, value: string): string {
  // wrangler takes any end of a line, and the positions must be those of the text that is changed.
  const lines = text.replaceAll(/\r\n?/g, "\n");
  const last = [...lines.matchAll(ASSIGNMENT)].findLast(([, found]) => found === name);
  const [start, end] = last?.indices?.[2] ?? [];
  if (start === undefined || end === undefined) throw new Error(`${name} is set nowhere`);
  const written = lines.slice(start, end);
  const before = written.slice(0, written.length - written.trimStart().length);
  const after = written.slice(written.trimEnd().length);
  return lines.slice(0, start) + before + value + after + lines.slice(end);
}
