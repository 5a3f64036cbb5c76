/** An exchange as a command that sends it again: curl, with a variable of the shell in place of each secret. */

import type { ExchangeEntry } from "./entries.ts";
import { REDACTION } from "./redact.ts";

/** Header fields that curl writes itself. */
const OWN_FIELDS = /^(host|content-length|connection|transfer-encoding)$/i;

/** The command of `entry`. `tokenCommand` prints a bearer token. */
export function curlCommand(entry: ExchangeEntry, tokenCommand: string): string {
  const { method, url, headers, body, bodyNote } = entry;
  const words = [`curl -sSiN --globoff ${quoted(url)}`];
  if (method === "HEAD") words.push("--head");
  else words.push(`-X ${quoted(method)}`);
  const own = headers.filter(([name]) => !OWN_FIELDS.test(name));
  for (const [name, value] of own)
    words.push(`-H ${quoted(value === "" ? `${name};` : `${name}: ${value}`)}`);
  if (body !== undefined) {
    // curl would name a type of its own.
    if (!own.some(([name]) => name === "content-type")) words.push("-H 'content-type:'");
    words.push(`--data-raw ${quoted(body)}`);
  }
  if (bodyNote !== undefined) words.push("--data-binary @body");
  const command = words.join(" \\\n  ");
  return [
    ...(bodyNote === undefined
      ? []
      : [`# The body is ${bodyNote}: put it into a file named body.`]),
    ...(command.includes("${TOKEN:?") ? [`TOKEN="$(${tokenCommand})"`] : []),
    command,
  ].join("\n");
}

/** A word for a POSIX shell. Without its variable the command ends before anything is sent. */
function quoted(text: string): string {
  const pieces = text.split(REDACTION);
  return pieces
    .map((piece, index) => {
      if (index % 2 === 1) return `"\${${piece}:?set it: the wire view does not keep it}"`;
      return piece === "" && pieces.length > 1
        ? ""
        : `'${piece.replaceAll("'", String.raw`'\''`)}'`;
    })
    .join("");
}
