// The operators of make mutants, each on a source of a few lines.
import { expect, it } from "vitest";
import { applyMutation, mutationsAt } from "./mutations.node.ts";

const faulty = (source: string, line: number = 1): string[] =>
  mutationsAt(source, line).map((mutation) => applyMutation(source, mutation));
/** Without the fault that each declaration has. */
const changed = (source: string, line: number = 1): string[] =>
  faulty(source, line).filter((text) => !text.includes(" = undefined;"));

it("a condition is never true, or always", () => {
  expect(changed("if (ready) leave();")).toEqual(["if (false) leave();", "if (true) leave();"]);
  expect(changed("const size = isBig ? most : least;")).toEqual([
    "const size = false ? most : least;",
    "const size = true ? most : least;",
  ]);
});

it("each operand of && and || is taken out, and a comparison in a condition needs nothing more", () => {
  expect(changed("if (a === b || !c) leave();")).toEqual([
    "if (false) leave();",
    "if (true) leave();",
    "if (false || !c) leave();",
    "if (a === b || false) leave();",
  ]);
  expect(changed("const both = a && b;")).toEqual([
    "const both = true && b;",
    "const both = a && true;",
  ]);
  expect(changed("const one = a ?? b;")).toEqual(["const one = a;"]);
});

it("a comparison outside of a condition, and a negation, are the other way round", () => {
  expect(changed("const same = a === b;")).toEqual(["const same = a !== b;"]);
  expect(changed("const older = a < b;")).toEqual(["const older = a >= b;"]);
  expect(changed("const off = !on;")).toEqual(["const off = on;"]);
});

it("a member of an object is taken out; a text, a number, true and false are another", () => {
  expect(changed("const head = { status: 401, name };")).toEqual([
    "const head = { ...{}, name };",
    "const head = { status: 401, ...{} };",
    "const head = { status: 402, name };",
  ]);
  expect(changed('const [a, b] = ["GET", false];')).toEqual([
    'const [a, b] = ["mutant", false];',
    'const [a, b] = ["GET", true];',
  ]);
  expect(changed("const all = {\n  // spec: a.b\n  code,\n  other,\n};", 3)).toEqual([
    "const all = {\n  // spec: a.b\n  ...{},\n  other,\n};",
  ]);
});

it("a regular expression matches everything, and a statement is taken out", () => {
  expect(changed("const NAME = /^[a-z]+$/;")).toEqual(["const NAME = /(?:)/v;"]);
  expect(changed("await close();")).toEqual([";"]);
});

it("what a declaration or a return gives is undefined", () => {
  expect(faulty("const key = find(id) ?? other;")).toEqual([
    "const key = find(id);",
    "const key = undefined;",
  ]);
  expect(faulty("function f() {\n  return g(x);\n}", 2)).toEqual([
    "function f() {\n  return undefined;\n}",
  ]);
});

it("with a declaration go the conditions right behind it that look at it", () => {
  const source =
    "const key = find(id);\nif (key === undefined) throw new No();\nif (other) leave();";
  expect(changed(source)).toEqual([
    "const key = find(id);\nif (false) throw new No();\nif (other) leave();",
    "const key = find(id);\nif (true) throw new No();\nif (other) leave();",
  ]);
});

it("texts for people and for the log, and types, are left alone", () => {
  expect(
    changed('const no = fault("invalid_request", "code.expired", "The code has expired");'),
  ).toEqual(['const no = fault("mutant", "code.expired", "The code has expired");']);
  expect(changed('audit("oauth.granted", { client });')).toEqual([]);
  expect(changed('const no = { reason: "token.absent" };')).toEqual([]);
  expect(changed('type Kind = "a" | "b";')).toEqual([]);
  expect(changed("interface Fault {\n  readonly code: number;\n}", 2)).toEqual([]);
});

it("a comment behind the code, and an operator that begins a line, find their place", () => {
  expect(changed("if (late) stop(); // spec: a.b")[0]).toBe("if (false) stop(); // spec: a.b");
  expect(changed("const is =\n  one ||\n  // spec: a.b\n  two === three;", 4)).toEqual([
    "const is =\n  one ||\n  // spec: a.b\n  two !== three;",
  ]);
});

it("two faults of a place that read alike are told apart", () => {
  const faults = mutationsAt('const pair = ["a", "a"];', 1).map(({ fault }) => fault);
  expect(faults.slice(0, 2)).toEqual(['another: "a"', 'another: "a" (2)']);
});
