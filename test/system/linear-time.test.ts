/**
 * What a stranger writes is read in time that grows with its length and no faster. Each input is so long that time in the
 * square of it would be minutes, far beyond the test's time-out; time in proportion is milliseconds.
 */

import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { decodeBase64, decodeBase64url } from "../../src/base/bytes.ts";
import { canonicalJson, type JsonObject, type JsonValue } from "../../src/base/json.ts";
import { checkValue, jsonSchema } from "../../src/server/json-schema.ts";
import { object, type ValueSchema } from "../../src/server/value-schema.ts";
import { MAX_NAMED_FAULTS } from "../../src/base/faults.ts";
import type { Result } from "../../src/base/result.ts";
import { readKeyRing } from "../../src/crypto/key-ring.ts";
import { readJws } from "../../src/crypto/jws.ts";
import { verifyText } from "../../src/crypto/hmac.ts";
import { open } from "../../src/crypto/seal.ts";
import { parseSubscriptionFilter } from "../../src/protocol/change.ts";
import { checkPublicUrl } from "../../src/net/fetch.ts";
import { parseScopes } from "../../src/oauth/authorization-server/authorization-request.ts";
import type { Client } from "../../src/oauth/clients/types.ts";
import type { AuthorizationServerSettings } from "../../src/oauth/settings.ts";
import { authenticate } from "../../src/oauth/resource-server/bearer.ts";
import { readCookie } from "../../src/oauth/authorization-server/browser-session.ts";
import { parseClientMetadata } from "../../src/oauth/clients/metadata.ts";
import { isClientUrl } from "../../src/oauth/clients/metadata-document.ts";
import { readParams } from "../../src/oauth/params.ts";
import { checkRedirectUri } from "../../src/oauth/clients/redirect-uri.ts";
import { readRequestMeta } from "../../src/protocol/request-meta.ts";
import { checkMethodHeaders, checkParamHeaders } from "../../src/protocol/request-headers.ts";
import { readRootsResult, readSamplingResult } from "../../src/server/input-responses.ts";
import { compileForm } from "../../src/server/elicitation-form.ts";
import { compileTemplate } from "../../src/server/uri-template.ts";
import { checkWith, tool } from "../../src/server/zod.ts";
import { readTraceContext } from "../../src/base/trace-context.ts";
import { decodeHeaderValue } from "../../src/wire/header-value.ts";
import { parseJsonBody } from "../../src/wire/jsonrpc.ts";
import { acceptsMediaType, isMediaType } from "../../src/wire/media-type.ts";
import { checkHostAndOrigin, preflightResponse } from "../../src/wire/origin.ts";
import { writeEvent } from "../../src/wire/sse.ts";

/** Characters. In the square of it, the pattern that once trimmed header values took nearly a minute. */
const LENGTH = 200_000;
const many = (piece: string): string => piece.repeat(Math.ceil(LENGTH / piece.length));
const BLANKS = many(" ");

const PLACE = {
  issuer: "https://mcp.example",
  resource: "https://mcp.example/mcp",
  audience: "https://mcp.example/mcp",
};
const KEYS = readKeyRing(`a:${btoa("0123456789abcdef0123456789abcdef")}`);
if (!KEYS.ok) throw new Error(KEYS.error);
const ring = KEYS.value;

const FORM = compileForm({
  type: "object",
  properties: {
    email: { type: "string", format: "email" },
    at: { type: "string", format: "date-time" },
    day: { type: "string", format: "date" },
    page: { type: "string", format: "uri" },
    tags: { type: "array", items: { type: "string", enum: ["a", "b"] } },
    short: { type: "string", maxLength: 5 },
  },
});
const fits = (field: string, value: JsonValue): boolean => FORM.check({ [field]: value }).ok;

const template = compileTemplate("x://{a}-{b}-{c}{/d,e,f}{?g,h,i}");
if (!template.ok) throw new Error(template.error);
const match = (uri: string): unknown => template.value.match(uri);

const withHeader = (name: string, value: string): Request =>
  new Request(PLACE.resource, { headers: { [name]: value } });
const allowed = (origin: string): boolean =>
  checkHostAndOrigin("localhost", origin, { allowedOrigins: [], allowedHosts: [] }).ok;
const echoed = (names: string): string =>
  preflightResponse(withHeader("access-control-request-headers", names)).headers.get(
    "access-control-allow-headers",
  ) ?? "";
const mirrored = (text: string): boolean =>
  checkParamHeaders(() => text, [{ header: "x", path: ["a"], type: "integer" }], { a: 1 }).ok;
const bearer = async (value: string): Promise<boolean> =>
  (
    await authenticate(
      withHeader("authorization", value),
      PLACE,
      async () => ({ ok: false, error: "unknown" }),
      [],
    )
  ).ok;
const trace = (values: Record<string, string>): unknown => readTraceContext((name) => values[name]);
const registered = (members: JsonObject): boolean =>
  parseClientMetadata({ client_name: "x", redirect_uris: ["https://a.example/"], ...members }, [
    "read",
  ]).ok;

type Case = [what: string, read: () => unknown, reads: unknown];

describe("header fields", () => {
  it.each<Case>([
    ["blanks inside a mirrored value", () => decodeHeaderValue(`a${BLANKS}b`).ok, true],
    [
      "blanks around a mirrored value",
      () => decodeHeaderValue(`${BLANKS}a${many(" \t")}`),
      { ok: true, value: "a" },
    ],
    ["base64 in a mirrored value", () => decodeHeaderValue(`=?base64?${many("QUJD")}?=`).ok, true],
    ["base64 that is none", () => decodeHeaderValue(`=?base64?${many("QUJD")}*?=`).ok, false],
    [
      "blanks in Mcp-Method",
      () => checkMethodHeaders(() => `a${BLANKS}b`, "m", undefined, {}).ok,
      false,
    ],
    [
      "blanks in Mcp-Name",
      () =>
        checkMethodHeaders(
          (n) => (n === "Mcp-Name" ? `a${BLANKS}b` : "m"),
          "m",
          { mcpNameParam: "name" },
          { name: "a" },
        ).ok,
      false,
    ],
    ["digits", () => mirrored(many("1")), false],
    ["digits of a fraction", () => mirrored(`1.${many("0")}x`), false],
    ["digits of an exponent", () => mirrored(`1e${many("1")}x`), false],
    ["commas in Accept", () => acceptsMediaType(many(","), "application/json"), false],
    [
      "blanks before a parameter of Accept",
      () => acceptsMediaType(`a;${BLANKS}x`, "application/json"),
      false,
    ],
    [
      "blanks after q in Accept",
      () => acceptsMediaType(`a;q${BLANKS}x`, "application/json"),
      false,
    ],
    ["semicolons in Accept", () => acceptsMediaType(many("; "), "application/json"), false],
    [
      "a long q in Accept",
      () => acceptsMediaType(`application/json;q=${many("9.")}`, "application/json"),
      false,
    ],
    [
      "semicolons in Content-Type",
      () => isMediaType(`application/json${many(";")}`, "application/json"),
      true,
    ],
    ["a long name in Origin", () => allowed(`http://${many("ü")}`), false],
    ["many names in Origin", () => allowed(`http://${many("a.")}`), false],
    ["digits in Origin", () => allowed(`http://${many("1")}`), false],
    ["colons in Origin", () => allowed(`http://[${many("1:")}]`), false],
    ["user names in Origin", () => allowed(`http://${many(":@")}x`), false],
    ["commas in a preflight", () => echoed(many(",")).endsWith("baggage"), true],
    ["blanks in a preflight", () => echoed(`a,${BLANKS}x`).endsWith("baggage, a, x"), true],
    [
      "blanks after a name in a preflight",
      () => echoed(`mcp-param-a${BLANKS}(`).endsWith("baggage"),
      true,
    ],
    ["blanks before a token", () => bearer(`Bearer ${BLANKS}(`), false],
    ["blanks after a token", () => bearer(`Bearer a${BLANKS}(`), false],
    ["a long token", () => bearer(`Bearer ${many("a")}(`), false],
    ["padding of a token", () => bearer(`Bearer a${many("=")}(`), false],
    ["cookies", () => readCookie(withHeader("cookie", many("a=1; ")), PLACE, ""), ""],
    [
      "blanks between cookies",
      () => readCookie(withHeader("cookie", `a;${BLANKS}x`), PLACE, ""),
      "",
    ],
    ["traceparent", () => trace({ traceparent: `00-${many("0")}` }), {}],
    [
      "tracestate",
      () =>
        trace({
          traceparent: `00-${"1".repeat(32)}-${"1".repeat(16)}-01`,
          tracestate: many("a=1,"),
        }),
      { parent: {} },
    ],
    ["baggage", () => trace({ baggage: many("=") }), {}],
  ])("%s", async (_, read, reads) => {
    const value = await read();
    if (typeof reads === "object") expect(value).toMatchObject(reads as object);
    else expect(value).toBe(reads);
  });
});

describe("bodies", () => {
  const capabilities = (extensions: JsonObject): JsonObject => ({
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "x",
      "io.modelcontextprotocol/clientCapabilities": { extensions },
    },
  });
  const members = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`k${at}`, {}]));
  it.each<Case>([
    ["lists in lists", () => parseJsonBody("[".repeat(LENGTH) + "]".repeat(LENGTH)).ok, false],
    ["members", () => parseJsonBody(JSON.stringify(members)).ok, true],
    [
      "one member many times",
      () => parseJsonBody(`{${many('"a":null,')}"b":1}`),
      { ok: true, value: { b: 1 } },
    ],
    [
      "nulls",
      () => parseJsonBody(`{${Array.from({ length: 50_000 }, (_, at) => `"k${at}":null`).join()}}`),
      { ok: true, value: {} },
    ],
    ["capabilities", () => readRequestMeta(capabilities(members)).ok, true],
    ["members in order", () => canonicalJson(members).length > LENGTH, true],
    [
      "addresses to listen to",
      () =>
        parseSubscriptionFilter(
          { resourceSubscriptions: Object.keys(members) },
          new Set(["resources"]),
        ).ok,
      false,
    ],
    ["lines of an event", () => writeEvent({ data: many("\r\n") }).length > LENGTH, true],
    ["a mail address before the at", () => fits("email", `${many("a.")}@`), false],
    ["a mail address after the at", () => fits("email", `a@${many("a.")}1`), false],
    ["hyphens of a mail address", () => fits("email", `a@${many("a-")}`), false],
    ["a time", () => fits("at", `2020-01-01T00:00:00.${many("0")}x`), false],
    ["a day", () => fits("day", many("2")), false],
    ["an address", () => fits("page", `http:${many("/")}`), false],
    ["an address in letters", () => fits("page", `http://${many("ü.")}`), false],
    ["choices", () => fits("tags", Array<string>(LENGTH).fill("a")), true],
    ["letters", () => fits("short", many("😀")), false],
    ["a template's separators", () => match(`x://${"-".repeat(4_000)}`) === undefined, false],
    ["a template's queries", () => match(`x://a-b-c?${"g=&".repeat(1_300)}`) === undefined, true],
    ["a template's escapes", () => match(`x://${"%41-".repeat(1_000)}`) === undefined, false],
    ["what no template fits", () => match(`x://${many("a")}`), undefined],
    ["dots of a signed text", () => verifyText(ring, "p", many(".")), undefined],
    ["a long signature", () => verifyText(ring, "p", `a.b.${many("QUJD")}`), undefined],
    ["a long sealed value", async () => (await open(ring, "p", `a.${many("QUJD")}`)).ok, false],
    ["base64", () => decodeBase64(many("QUJD"))?.length, LENGTH * 0.75],
    ["base64 with a fault at its end", () => decodeBase64(`${many("QUJD")}*`), undefined],
    ["base64url with leftover bits", () => decodeBase64url(`${many("QUJD")}QR`), undefined],
    ["dots of a JWS", () => readJws(".".repeat(16_000)), undefined],
  ])("%s", async (_, read, reads) => {
    const value = await read();
    if (typeof reads === "object") expect(value).toEqual(reads);
    else expect(value).toBe(reads);
  });
});

describe("OAuth", () => {
  it.each<Case>([
    [
      "blanks between scopes",
      () =>
        parseScopes(
          BLANKS,
          {} as Client,
          { scopes: { read: { description: "" } } } as unknown as AuthorizationServerSettings,
        ),
      [],
    ],
    ["scopes of a registration", () => registered({ scope: many("read ") }), true],
    [
      "grant types of a registration",
      () => registered({ grant_types: Array<string>(LENGTH).fill("authorization_code") }),
      true,
    ],
    ["a name of a registration", () => registered({ client_name: many("\u200b a") }), true],
    [
      "redirect URIs of a registration",
      () => registered({ redirect_uris: Array<string>(LENGTH).fill("a") }),
      false,
    ],
    ["a redirect URI", () => checkRedirectUri(`a${many(".a")}:/x`).ok, false],
    [
      "a redirect URI of the longest kind",
      () => checkRedirectUri(`a${".a".repeat(900)}`).ok,
      false,
    ],
    ["parameters", () => readParams(many("a=&")).ok, false],
    ["parameters of the longest kind", () => readParams("a=&".repeat(5_000)).ok, true],
    ["a client's URL", () => isClientUrl(`https://${many("a.")}/x`), false],
    ["names of a host", () => checkPublicUrl(`https://${many("a.")}xy/`).ok, true],
    ["digits of a host", () => checkPublicUrl(`https://x${many(".1")}.ab/`).ok, true],
  ])("%s", (_, read, reads) => expect(read()).toEqual(reads));
});

describe("values with more faults than can be counted", () => {
  const count = 150_000;
  it.each<[string, () => Result<unknown, string>]>([
    ["of a tool's list", () => FORM.check({ tags: Array<string>(count).fill("c") })],
    [
      "of a model's answer",
      () => readSamplingResult({ role: "user", model: "m", content: Array<number>(count).fill(1) }),
    ],
    ["of a list of roots", () => readRootsResult({ roots: Array<number>(count).fill(1) })],
  ])("%s are refused in few words", (_, check) => {
    const checked = check();
    const words = checked.ok ? "" : checked.error;
    expect(words).toMatch(/^\/.+/);
    expect(words.length).toBeLessThan(1_000);
  });

  it("of a list with many choices are put in words where they are named, not for each entry", () => {
    const choices = Array.from({ length: 100 }, (_, index) => `choice ${index}`);
    let written = 0;
    const enumeration = new Proxy(choices, {
      get(target, name, receiver) {
        if (name === "toJSON") written += 1;
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    const items: ValueSchema = { type: "string", enum: enumeration };
    const schema: ValueSchema = {
      type: "object",
      properties: { tags: { type: "array", items } },
    };
    expect(checkValue(schema, { tags: Array<string>(1_000).fill("x") }).ok).toBe(false);
    expect(written).toBe(MAX_NAMED_FAULTS);
    expect(
      compileForm({ type: "object", properties: { n: { type: "number" } } }).check({ n: Infinity })
        .ok,
    ).toBe(false);
  });

  it("end what zod looks at where there are too many of them", () => {
    const members = Array.from({ length: 10 }, (_, at) => [`member ${at}`, z.string()]);
    const entry = z.object({ first: z.string(), ...Object.fromEntries(members) });
    const other = z.object({ ...Object.fromEntries(members.slice(0, 3)), no: z.int() });
    const named = z.record(z.string(), entry);
    for (const items of [
      z.array(entry),
      z.array(z.union([entry, other])),
      z.array(z.nullable(entry)),
      named,
    ]) {
      const { checkInput } = tool({ name: "t", input: z.object({ items }), handler: () => "" });
      const entries = Array.from({ length: 20_000 }, () => ({ first: "" }));
      const value = items === named ? Object.fromEntries(entries.entries()) : entries;
      const refused = checkInput({ items: value });
      expect(refused.ok ? "" : refused.error).toMatch(
        /^\/ takes too many steps to check: send less at once; /,
      );
      const few = items === named ? { a: { first: "" } } : [{ first: "" }];
      const checked = checkInput({ items: few });
      expect(checked.ok ? "" : checked.error).not.toContain("too many");
    }
  });

  const withFallback = z.catch;
  it.each<[string, z.core.$ZodType, unknown]>([
    ["a union", z.array(z.union([z.string(), z.int()])), Array(50_000).fill(1)],
    [
      "a union of objects",
      z.array(z.union([z.object({ a: z.string(), b: z.string() }), z.object({ c: z.int() })])),
      Array(20_000).fill({ c: 1 }),
    ],
    ["a catch", z.array(withFallback(z.int(), 0)), Array(50_000).fill("x")],
    [
      "a union of lists",
      z.object({ values: z.union([z.array(z.string()), z.array(z.int())]) }),
      { values: Array(50_000).fill(1) },
    ],
    [
      "a union of unions of lists",
      z.union([
        z.array(z.union([z.string(), z.object({ a: z.string() })])),
        z.array(z.union([z.boolean(), z.int()])),
      ]),
      Array(15_000).fill(1),
    ],
    [
      "a catch of a list",
      z.object({ v: withFallback(z.array(z.int()), []) }),
      { v: Array(50_000).fill("x") },
    ],
    [
      "a union of objects of which one lacks all",
      z.array(
        z.union([z.object({ a: z.string(), b: z.string() }), z.object({ c: z.optional(z.int()) })]),
      ),
      Array(40_000).fill({}),
    ],
    ["one of two", z.array(z.xor([z.string(), z.int()])), Array(50_000).fill("x")],
  ])("are none where a value fits by another way: %s", (_, schema, value) => {
    const { checkInput } = tool({
      name: "t",
      input: z.object({ value: schema }),
      handler: () => "",
    });
    expect(checkInput({ value }).ok).toBe(true);
  });

  it("of one check are nothing to another, nor to what an app parses itself", () => {
    const item = z.object({ id: z.number(), tag: z.union([z.number(), z.string()]) });
    const check = checkWith(item);
    const numbers = checkWith(z.object({ values: z.array(z.number()) }));
    for (const id of [5, 7]) {
      expect(numbers({ values: Array(10_001).fill(String(id)) }).ok).toBe(false);
      expect(z.safeParse(item.shape.id, id).success).toBe(true);
      for (const tag of ["red", 1]) {
        expect(check({ id, tag }).ok).toBe(true);
        expect(z.safeParse(item, { id, tag }).success).toBe(true);
      }
    }
    const wrong = numbers({ values: ["x"] });
    expect(wrong.ok ? "" : wrong.error).toBe("/values/0 must be of type number");
  });

  it("are told as what they are where a refinement fails by itself", () => {
    const schema = z.pipe(
      z.string(),
      z.transform((text: string) => new Date(text).toISOString()),
    );
    expect(() => checkWith(schema)("tomorrow")).toThrow(RangeError);
  });

  it("are looked for until there are a thousand: of many entries that lack many members, in few words", () => {
    const members = Array.from({ length: 200 }, (_, at) => [`member ${at}`, { type: "string" }]);
    const wide = object(Object.fromEntries(members) as Record<string, { type: "string" }>);
    let looked = 0;
    const entries = Array.from({ length: 10_000 }, () =>
      Object.defineProperty({}, "member 0", {
        enumerable: true,
        get: () => {
          looked += 1;
          return undefined;
        },
      }),
    );
    const checked = jsonSchema({ type: "array", items: wide }).check(entries);
    expect(checked.ok ? "" : checked.error).toMatch(/; and at least 990 more$/);
    expect(looked).toBe(5);
  });

  it("name the first ones, and say how many more there are", () => {
    const checked = FORM.check({ tags: Array<string>(50).fill("c") });
    const phrases = checked.ok ? [] : checked.error.split("; ");
    expect(phrases.pop()).toBe("and 40 more");
    expect(phrases.map((phrase) => phrase.split(" ")[0])).toEqual(
      Array.from({ length: 10 }, (_, at) => `/tags/${at}`),
    );
    const few = FORM.check({ tags: Array<string>(10).fill("c") });
    expect(few.ok ? "" : few.error).not.toContain("more");
  });

  const named = z.record(z.string(), z.number());
  const strict = z.strictObject({});
  it.each<[string, () => Result<unknown, string>]>([
    ["a long name", () => checkWith(named)({ [many("x")]: "" })],
    [
      "long names",
      () =>
        checkWith(named)(
          Object.fromEntries(Array.from({ length: 50 }, (_, at) => [at + BLANKS, ""])),
        ),
    ],
    [
      "many names that are not known",
      () => checkWith(strict)(Object.fromEntries(many("x").split("").entries())),
    ],
  ])("are refused in few words, whatever is in them: %s", (_, check) => {
    const checked = check();
    const words = checked.ok ? "" : checked.error;
    expect(words).toMatch(/^\/.+/);
    expect(words.length).toBeLessThan(10 * 505 + 20);
  });

  it("are put in words as far as they are named: twice as many faults have no more words made", () => {
    /** How often zod is asked for the words of a fault, of `count` of them. */
    const made = (count: number): number => {
      let asked = 0;
      const word = z.string({ error: () => `${(asked += 1)}` });
      expect(checkWith(z.array(word))(Array(count).fill(1)).ok).toBe(false);
      return asked;
    };
    expect([made(4_000), made(8_000)]).toEqual([10, 10]);
  });
});
