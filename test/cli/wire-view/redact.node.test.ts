// What the wire view takes out of what it keeps, and what it leaves.
import { expect, it } from "vitest";
import { redactBody, redactHeaders, redactUrl } from "../../../src/cli/wire-view/redact.ts";

const SECRET = "s3cr3t-value_of-41-characters.and-a-bit0";
const SEALED = `k1.${"a".repeat(30)}.${"B".repeat(43)}`;
const OBJECT_ID = "0123456789abcdef".repeat(4);

it.each([
  ["authorization", `Bearer ${SECRET}`, "Bearer [redacted:TOKEN]"],
  ["authorization", `Basic ${SECRET}`, "Basic [redacted:BASIC]"],
  ["authorization", `DPoP ${SECRET}`, "DPoP [redacted:DPOP]"],
  ["Authorization", SECRET, "[redacted:AUTHORIZATION]"],
  ["Authorization", `${SECRET} more`, "[redacted:AUTHORIZATION]"],
  [
    "cookie",
    `__Host-session=${SECRET}; b=${SECRET}`,
    "__Host-session=[redacted:__HOST_SESSION]; b=[redacted:B]",
  ],
  ["cookie", `${SECRET}; a=b;`, "[redacted:COOKIE]; a=[redacted:A];"],
  ["cookie", `=${SECRET};${"s".repeat(65)}=`, "[redacted:COOKIE];[redacted:COOKIE]"],
  ["set-cookie", `${SECRET}; Path=/`, "[redacted:COOKIE]; Path=/"],
  [
    "set-cookie",
    `session=${SECRET}; Path=/; HttpOnly`,
    "session=[redacted:SESSION]; Path=/; HttpOnly",
  ],
  [
    "location",
    `http://a.test/cb?code=${SECRET}&state=${SECRET}&iss=x`,
    "http://a.test/cb?code=[redacted:CODE]&state=[redacted:STATE]&iss=x",
  ],
  ["mcp-session-id", OBJECT_ID, "[redacted:ID_01234567]"],
  ["mcp-session-id", SECRET, "[redacted:SESSION]"],
  ["x-api-key", SECRET, "[redacted:X_API_KEY]"],
  ["x-anything", SEALED, "[redacted:SEALED]"],
  ["mcp-method", "tools/call", "tools/call"],
])("header field %s: %s", (name, value, kept) => {
  expect(redactHeaders([[name, value]])).toEqual([[name, kept]]);
});

it.each([
  [`/cb?code=${SECRET}&a=b`, "/cb?code=[redacted:CODE]&a=b"],
  [`/x?access%5Ftoken=${SECRET}`, "/x?access%5Ftoken=[redacted:ACCESS_TOKEN]"],
  [`/x#id_token=${SECRET}&b=1`, "/x#id_token=[redacted:ID_TOKEN]&b=1"],
  [`/x?client_id=${SEALED}`, "/x?client_id=[redacted:SEALED]"],
  [
    "/x?redirect_uri=http%3A%2F%2Fa.test%2Fcb&scope=a+b",
    "/x?redirect_uri=http%3A%2F%2Fa.test%2Fcb&scope=a+b",
  ],
  [`/${SEALED}/x`, "/[redacted:SEALED]/x"],
])("address %s", (url, kept) => {
  expect(redactUrl(url)).toBe(kept);
});

const FORM = "application/x-www-form-urlencoded";
it.each([
  [
    "a form keeps what it knows to be harmless",
    FORM,
    `grant_type=authorization_code&code=${SECRET}&code_verifier=${SECRET}&pin=1234`,
    "grant_type=authorization_code&code=[redacted:CODE]&code_verifier=[redacted:CODE_VERIFIER]&pin=[redacted:PIN]",
  ],
  [
    "JSON by names",
    "application/json",
    `{"access_token":"${SECRET}","n":1,"requestState" : "x","expires_in":5}`,
    '{"access_token":"[redacted:ACCESS_TOKEN]","n":1,"requestState" : "[redacted:REQUEST_STATE]","expires_in":5}',
  ],
  [
    "JSON that is broken off",
    "application/json",
    `{"client_secret":"${SECRET}`,
    '{"client_secret":"[redacted:CLIENT_SECRET]"',
  ],
  [
    "a value with quotes in it",
    "application/json",
    String.raw`{"password":"a\"b","c":"d"}`,
    '{"password":"[redacted:PASSWORD]","c":"d"}',
  ],
  [
    "a value with a backslash at its end",
    "application/json",
    String.raw`{"password":"a\\","c":"d"}`,
    '{"password":"[redacted:PASSWORD]","c":"d"}',
  ],
  [
    "a number",
    "application/json",
    '{"password": 1234.5e6,"pin":1}',
    '{"password": [redacted:PASSWORD],"pin":1}',
  ],
  [
    "neither nothing nor a yes",
    "application/json",
    '{"password":null,"token":true,"secret":"","assertion":{}}',
    '{"password":null,"token":true,"secret":"","assertion":{}}',
  ],
  [
    "all in an array or object",
    "application/json",
    '{"token":["s3","cr3t", [12]],"secret" : {"value":"s3","n":-1,"b":false,"c":{"d}":"]"}},"x":["y"]}',
    '{"token":["[redacted:TOKEN]","[redacted:TOKEN]", [[redacted:TOKEN]]],"secret" : {"value":"[redacted:SECRET]","n":[redacted:SECRET],"b":false,"c":{"d}":"[redacted:SECRET]"}},"x":["y"]}',
  ],
  [
    "an array that is broken off",
    "application/json",
    '{"tokens":1,"token":["s3","cr3t',
    '{"tokens":1,"token":["[redacted:TOKEN]","[redacted:TOKEN]"',
  ],
  [
    "the schema of a secret",
    "application/json",
    '{"properties":{"token":{"type":["string","null"]}}}',
    '{"properties":{"token":{"type":["string","null"]}}}',
  ],
  [
    "when a client's secret ends",
    "application/json",
    '{"client_secret_expires_at":0}',
    '{"client_secret_expires_at":0}',
  ],
  [
    "JSON in broken JSON in text",
    "text/plain",
    String.raw`see {"a":"{\"password\":\"s3cr3t`,
    String.raw`see {"a":"{\"password\":\"[redacted:PASSWORD]\"`,
  ],
  [
    "what comes after JSON that was broken off in a string",
    "application/json",
    String.raw`{"a":"{\"password\":\"s3cr3t","b":"c","d":"{\"token\":[\"s3cr3t","e":"f"}`,
    String.raw`{"a":"{\"password\":\"[redacted:PASSWORD]\"","b":"c","d":"{\"token\":[\"[redacted:TOKEN]\"","e":"f"}`,
  ],
  [
    "an error's code and a progress token are none",
    "application/json",
    '{"code":"x","error":{"code":-32602},"progressToken":"p1"}',
    '{"code":"x","error":{"code":-32602},"progressToken":"p1"}',
  ],
  [
    "an event",
    "text/event-stream",
    `id: 1-0\ndata: {"id_token":"${SECRET}"}`,
    'id: 1-0\ndata: {"id_token":"[redacted:ID_TOKEN]"}',
  ],
  [
    "by shape alone",
    "text/plain",
    `see ${SEALED}, of ${OBJECT_ID}`,
    "see [redacted:SEALED], of [redacted:ID_01234567]",
  ],
  ["a pair in text", "text/plain", `token=${SECRET}`, "token=[redacted:TOKEN]"],
  [
    "what a page carries along",
    "text/html; charset=utf-8",
    `<input type="hidden" name="f" value="${SECRET}"><b>x</b>`,
    '<input type="hidden" name="f" value="[redacted:FIELD]"><b>x</b>',
  ],
  ["a form of several parts", "multipart/form-data; boundary=x", SECRET, "[redacted:BODY]"],
])("%s", (_, mediaType, text, kept) => {
  expect(redactBody(text, mediaType)).toBe(kept);
});

// A tool's result goes out twice: as JSON, and as text in it.
it.each([0, 1, 2, 3])("JSON in %i strings of JSON", (levels) => {
  const value = {
    password: String.raw`s3cr"3t\"\\`,
    token: ["s3cr3t", 7],
    "n\\": [{ secret: { a: "s3cr3t" } }],
  };
  const kept = {
    password: "[redacted:PASSWORD]",
    token: ["[redacted:TOKEN]", 0],
    "n\\": [{ secret: { a: "[redacted:SECRET]" } }],
  };
  for (const space of [0, 2]) {
    const nested = (one: object): string => {
      let text = JSON.stringify(one, undefined, space);
      for (let level = 0; level < levels; level += 1)
        text = JSON.stringify({ type: "text", text, more: "x" }, undefined, space);
      return text;
    };
    const expected = nested(kept).replace(/0(?=\D*\])/, "[redacted:TOKEN]");
    expect(redactBody(nested(value), "application/json")).toBe(expected);
  }
});

it("a secret that is known is found wherever it stands", () => {
  expect(redactBody("it is open-sesame!", "text/plain", ["open-sesame"])).toBe(
    "it is [redacted:SETTING]!",
  );
});

// An expression that goes back would take minutes for these: a test that takes one fails.
it.each([
  "a",
  `"aaaaaaaaaa":"`,
  `"token":[`,
  `"token":`,
  '"a" ',
  String.raw`\"token\":[\"`,
  "\\",
  String.raw`\"`,
  "a.",
  "<input ",
  "a=",
  ";",
  "&",
  "[redacted:",
])("text of many %s is read in linear time", (piece) => {
  const text = piece.repeat(200_000 / piece.length);
  for (const name of ["authorization", "cookie", "set-cookie"]) redactHeaders([[name, text]]);
  for (const mediaType of ["text/html", FORM, "application/json"]) redactBody(text, mediaType);
  expect(redactUrl(`/x?${text}`)).toContain("/x?");
});
