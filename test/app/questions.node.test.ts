/**
 * What the app's handlers ask of a person and tell a client, as their source says it. It stands in for the entries of
 * the ledger that no wire can show. A fork that asks for more looks here first, and then at `spec/requirements/`.
 */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const APP = new URL("../../src/app/", import.meta.url);
const sources = readdirSync(APP, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => readFileSync(new URL(path, APP), "utf8"));

/** Words that name something secret or payable. */
const SECRET =
  /pass(word|phrase|code)|secret|token|credential|\bpin\b|\bcvc\b|\biban\b|card|(api|private|access).?key/i;

const QUESTIONS = /\.elicitForm\(/g;

/** The text of each form question: from its call to the bracket that ends it. */
function formsIn(source: string): string[] {
  return [...source.matchAll(QUESTIONS)].map(({ index, 0: call }) => {
    const start = index + call.length;
    let depth = 1;
    let end = start;
    for (; depth > 0 && end < source.length; end += 1) {
      if (source[end] === "(") depth += 1;
      if (source[end] === ")") depth -= 1;
    }
    return source.slice(start, end);
  });
}

const secretForms = (source: string): string[] =>
  formsIn(source).filter((form) => SECRET.test(form));
const asksAtUrl = (source: string): boolean => /\.(elicitUrl|requireUrl)\(/.test(source);
const repeatsInHeader = (source: string): boolean => source.includes("x-mcp-header");
const asksClient = (source: string): boolean => /\.(sample|roots)\(/.test(source);
const logsToClient = (source: string): boolean => /\b(context|ctx)\.log\(/.test(source);

describe("the app", () => {
  it("no form asks for a secret", () => {
    expect(sources.flatMap(formsIn).length).toBeGreaterThan(0);
    expect(sources.flatMap(secretForms)).toEqual([]);
    const planted = 'await ctx.elicitForm("a", { form: form(z.object({ apiKey: z.string() })) })';
    expect(secretForms(planted)).toHaveLength(1);
    expect(
      secretForms('await ctx.elicitForm("a", { message: "Your password?", form });'),
    ).toHaveLength(1);
  });

  it("nothing is asked at a URL", () => {
    expect(sources.filter(asksAtUrl)).toEqual([]);
    expect(asksAtUrl('await context.elicitUrl("connect", question)')).toBe(true);
    expect(asksAtUrl('return ctx.requireUrl("connect", { message, url })')).toBe(true);
  });

  it("no parameter is repeated in a header", () => {
    expect(sources.filter(repeatsInHeader)).toEqual([]);
    expect(repeatsInHeader('{ type: "string", "x-mcp-header": "Key" }')).toBe(true);
  });

  it("nothing is put before the client's model, and its files are not asked for", () => {
    expect(sources.filter(asksClient)).toEqual([]);
    expect(asksClient('await context.sample("first", { messages, maxTokens })')).toBe(true);
    expect(asksClient('await context.roots("roots")')).toBe(true);
  });

  it("nothing is logged to the client", () => {
    expect(sources.filter(logsToClient)).toEqual([]);
    expect(logsToClient('context.log("info", { key })')).toBe(true);
  });
});
