/**
 * Takes secrets out of what is recorded, before it is kept: by their names in header fields, queries, forms and JSON, by the
 * shape of what this server seals and signs, and by their text where `make dev` knows it. In place of each stands
 * "[redacted:NAME]". What a person types into a tool under a harmless name is not known for a secret.
 */

import { replaceMembers } from "./redact-members.ts";

/** What stands in place of a secret. NAME is a name that a shell takes for a variable. */
export const REDACTION: RegExp = /\[redacted:(\w+)\]/g;

const redaction = (name: string): string =>
  `[redacted:${
    name
      .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
      .replaceAll(/\W+/g, "_")
      .toUpperCase() || "SECRET"
  }]`;

/**
 * Names of secrets, in small letters alone. A progress token says which call a notification is about, and is none; nor is
 * the time at which a client's secret ends.
 */
const SECRET_NAME =
  /^(?!(?:progresstoken|clientsecretexpiresat)$)(?:.*token|.*secret.*|.*pass(?:word|phrase|wd)?|.*apikey|.*assertion|.*credentials?|requeststate|codeverifier|.*authorization|(?:set)?cookie|privatekey|keys)$/;
/** In a query these are secrets too; in JSON they are words of other things. */
const SECRET_PARAMETER = /^(?:code|state|usercode|devicecode|key)$/;
/** A longer name is none that anybody gave a secret. */
const MAX_NAME = 64;

const isSecret = (name: string): boolean => matchesName(SECRET_NAME, name);

function matchesName(names: RegExp, name: string): boolean {
  return name.length <= MAX_NAME && names.test(name.replaceAll(/[-_.]/g, "").toLowerCase());
}

/** The fields of a form that are kept. Any other may be what a person typed to sign in. */
const PLAIN_FIELD =
  /^(?:grant_type|response_type|redirect_uri|scope|resource|audience|code_challenge|code_challenge_method|token_type_hint|client_assertion_type|decision|remember|subject_token_type|prompt|max_age)$/;

/** The schemes of Authorization that clients name. Any other may be the secret itself. */
const SCHEME = /^(?:bearer|basic|dpop|digest)$/i;

/** A header field as it is kept. */
export type HeaderField = readonly [name: string, value: string];

/** Header fields without secrets. `known`: texts that are secrets wherever they stand. */
export function redactHeaders(
  fields: readonly HeaderField[],
  known: readonly string[] = [],
): HeaderField[] {
  return fields.map(([name, value]) => [name, redactField(name.toLowerCase(), value, known)]);
}

function redactField(name: string, value: string, known: readonly string[]): string {
  if (name === "authorization") {
    const [scheme = "", secret] = value.split(/ +/, 2);
    if (secret === undefined || !SCHEME.test(scheme)) return redaction("authorization");
    return `${scheme} ${redaction(/^bearer$/i.test(scheme) ? "token" : scheme.toLowerCase())}`;
  }
  if (name === "cookie") return value.split(";").map(redactCookie).join(";");
  if (name === "set-cookie") {
    const [pair = "", ...attributes] = value.split(";");
    return [redactCookie(pair), ...attributes].join(";");
  }
  if (name === "location" || name === "referer") return redactUrl(value, known);
  if (name === "mcp-session-id") return shortId(value);
  return isSecret(name) ? redaction(name) : redactText(value, known);
}

/** A cookie without its value. Its name stays: it says whose browser session this is about. Without "=" all is value. */
function redactCookie(pair: string): string {
  const cookie = pair.trimStart();
  const space = pair.slice(0, pair.length - cookie.length);
  const name = cookie.slice(0, Math.max(0, cookie.indexOf("=")));
  if (cookie === "") return pair;
  if (name === "" || name.length > MAX_NAME) return space + redaction("cookie");
  return `${space}${name}=${redaction(name)}`;
}

/** A URL, or a path with a query, without the secrets in its parameters. */
export function redactUrl(url: string, known: readonly string[] = []): string {
  const start = url.search(/[?#]/);
  if (start < 0) return redactText(url, known);
  return (
    redactText(url.slice(0, start), known) +
    redactPairs(
      url.slice(start),
      (name) => !isSecret(name) && !matchesName(SECRET_PARAMETER, name),
      known,
    )
  );
}

/** The text of a body or of an event, of this media type, without secrets. */
export function redactBody(text: string, mediaType: string, known: readonly string[] = []): string {
  if (/^application\/x-www-form-urlencoded\b/i.test(mediaType))
    return redactPairs(text, (name) => PLAIN_FIELD.test(name), known);
  if (/^multipart\//i.test(mediaType)) return redaction("body");
  if (!/^text\/html\b/i.test(mediaType)) return redactText(text, known);
  // A field that a page carries along, such as what a consent is about.
  const page = text.replaceAll(/<input\b[^>]{0,2000}>/g, (input) =>
    input.replace(/\bvalue="[^"]*"/, `value="${redaction("field")}"`),
  );
  return redactText(page, known);
}

/** Text without secrets: members of JSON by their names, the rest by shape. Broken JSON is read as far as it goes. */
function redactText(text: string, known: readonly string[]): string {
  const members = replaceMembers(text, (name) => (isSecret(name) ? redaction(name) : undefined));
  const pairs = members.replaceAll(
    /(?<![\w.-])([\w.-]{1,64})=([^&\s"'<>;,]+)/g,
    (whole: string, name: string) => (isSecret(name) ? `${name}=${redaction(name)}` : whole),
  );
  const unshaped = pairs.replaceAll(/[\w.~+-]{20,}/g, redactShape);
  return known.reduce((kept, secret) => kept.replaceAll(secret, redaction("setting")), unshaped);
}

/** What this server seals or signs, a JWT among them, ends in a dot and 256 bits; the ids of sessions and objects are 64 digits. */
function redactShape(word: string): string {
  if (/\.[\w-]{43,}/.test(word)) return redaction("sealed");
  return word.replaceAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g, shortId);
}

/** An id of which enough is left to tell it from others. */
function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? `[redacted:ID_${id.slice(0, 8)}]` : redaction("session");
}

/** Pairs such as a=1&b=2 with the values replaced whose name is not plain. */
function redactPairs(
  text: string,
  isPlain: (name: string) => boolean,
  known: readonly string[],
): string {
  const pieces = text.split(/([&?#])/);
  return pieces
    .map((piece) => {
      const end = piece.indexOf("=");
      if (end < 0) return redactText(piece, known);
      const name = piece.slice(0, end);
      const value = piece.slice(end + 1);
      const plainName = decode(name);
      if (!isPlain(plainName) && value !== "") return `${name}=${redaction(plainName)}`;
      const decoded = decode(value);
      const kept = redactText(decoded, known);
      return `${name}=${kept === decoded ? value : kept}`;
    })
    .join("");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
