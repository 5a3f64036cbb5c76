/**
 * Faults for a place in a source file. Pure: the text in, its edits out. The place is a statement or a member of an object
 * or a list; with a declaration go the `if` statements right behind it. Operators, each by itself:
 * - a condition is always false, or always true; an operand of && or || is taken out; a comparison or a ! is the other way round;
 * - a statement or a member of an object is taken out; a text, a number, true or false is another;
 * - a regular expression matches everything; where nothing of this fits, a value is undefined.
 * Left alone: texts with a space (for people), texts of the log (audit, log, and reasons such as "code.expired"), types.
 */

import { parseAst } from "vitest/node";

/** One fault: in a file, the text from `start` to `end` is `replacement`. */
export interface Mutation {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** What it does, in words that stay the same while other lines of the file change. */
  readonly fault: string;
}

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

/** The text of a file, and what a parser finds in it. */
interface Source {
  readonly text: string;
  readonly body: readonly SyntaxNode[];
}

/** The faults of the place that begins at `line` (from 1) of a TypeScript file. None where only types stand there. */
export function mutationsAt(text: string, line: number): Mutation[] {
  // vitest hands on no other parser; Vite, which has a newer one, is no package of our own.
  // oxlint-disable-next-line typescript/no-deprecated
  const { body } = parseAst(text, { lang: "ts" }) as unknown as Source;
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const code = lines[line - 1] ?? "";
  const start = before + code.length - code.trimStart().length;
  const last = before + code.replace(/\s*\/\/ spec: .*$/, "").trimEnd().length;
  const nodes = nodesAt({ body, text }, start, last);
  const found = nodes.flatMap((node) => [...withoutMember(node, text), ...mutationsIn(node, text)]);
  const all = found.length > 0 ? found : nodes.flatMap((node) => withoutValue(node, text));
  return numbered(
    all.filter((one, index) => all.findIndex((other) => isSame(one, other)) === index),
  );
}

/** Two faults of one place that read alike are told apart by a number. */
function numbered(all: readonly Mutation[]): Mutation[] {
  return all.map((one, index) => {
    const before = all.slice(0, index).filter(({ fault }) => fault === one.fault).length;
    return before === 0 ? one : { ...one, fault: `${one.fault} (${before + 1})` };
  });
}

/** `text` with the fault in it. */
export function applyMutation(text: string, { start, end, replacement }: Mutation): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function isSame(one: Mutation, other: Mutation): boolean {
  return (
    one.start === other.start && one.end === other.end && one.replacement === other.replacement
  );
}

/**
 * The largest node that begins at `start`; where an operator stands there, the smallest that holds `start` to `last`. With a
 * declaration go the `if` statements right behind it.
 */
function nodesAt({ body, text }: Source, start: number, last: number): SyntaxNode[] {
  const beginning: SyntaxNode[][] = [];
  const around: SyntaxNode[] = [];
  const visit = (siblings: readonly SyntaxNode[]): void => {
    for (const [index, node] of siblings.entries()) {
      if (isType(node) || node.start > last || node.end < start) continue;
      if (node.start === start) beginning.push(siblings.slice(index));
      if (node.start <= start && node.end >= last) around.push(node);
      for (const children of childrenOf(node)) visit(children);
    }
  };
  visit(body);
  const [place, ...behind] = beginning[0] ?? around.slice(-1);
  if (place === undefined) return [];
  return place.type === "VariableDeclaration" ? [place, ...guardsOf(place, behind, text)] : [place];
}

/** The `if` statements right behind a declaration whose conditions name what it declares. */
function guardsOf(
  declaration: SyntaxNode,
  behind: readonly SyntaxNode[],
  text: string,
): SyntaxNode[] {
  const declarators = declaration["declarations"] as readonly SyntaxNode[];
  const patterns = declarators.map(({ id }) => (isNode(id) ? textOf(id, text) : ""));
  const names = new Set(patterns.flatMap((pattern) => pattern.match(/\w+/g) ?? []));
  const isGuard = ({ type, test }: SyntaxNode): boolean =>
    type === "IfStatement" &&
    isNode(test) &&
    (textOf(test, text).match(/\w+/g) ?? []).some((word) => names.has(word));
  const end = behind.findIndex((node) => !isGuard(node));
  return behind.slice(0, end < 0 ? behind.length : end);
}

/** Nodes below a node, member by member, in the order of the text. */
function childrenOf(node: SyntaxNode): SyntaxNode[][] {
  return Object.values(node)
    .map((member) => (Array.isArray(member) ? member : [member]).filter(isNode))
    .filter((nodes) => nodes.length > 0);
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

const WITH_TYPES = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

function isType({ type }: SyntaxNode): boolean {
  return type.startsWith("TS") && !WITH_TYPES.has(type);
}

/** Texts for people or for the log: no client acts on them. */
const PROSE = /\s|^[A-Za-z_-]+(\.[A-Za-z_-]+)+$|^$/;
const OF_LOG = /^(?:await )?(?:audit|log|void log)\(/;
const COMPARISONS: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "<": ">=",
  ">": "<=",
  "<=": ">",
  ">=": "<",
};

/** All faults in a node and below it. */
function mutationsIn(node: SyntaxNode, text: string, isCondition = false): Mutation[] {
  if (isType(node)) return [];
  const code = text.slice(node.start, node.end);
  if (node.type === "ExpressionStatement" && OF_LOG.test(code)) return [];
  const below = childrenOf(node)
    .flat()
    .filter((child) => !isName(node, child))
    .flatMap((child) => mutationsIn(child, text, isJudged(node, child, isCondition)));
  return [...mutationsOf(node, text, isCondition), ...below];
}

/** Whether a child is all or an operand of a condition: there, the other way round is what true or false does. */
function isJudged(parent: SyntaxNode, child: SyntaxNode, isCondition: boolean): boolean {
  if (parent["test"] === child) return true;
  if (parent.type === "LogicalExpression") return parent["operator"] !== "??";
  return isCondition && /^(Binary|Unary)Expression$/.test(parent.type);
}

/** Names, and what only names something: no value of its own. */
function isName(parent: SyntaxNode, child: SyntaxNode): boolean {
  if (child.type === "Identifier") return true;
  if (parent.type === "ImportDeclaration") return true;
  return parent["key"] === child && parent["computed"] !== true;
}

function mutationsOf(node: SyntaxNode, text: string, isCondition: boolean): Mutation[] {
  const edit = (at: SyntaxNode, replacement: string, fault: string): Mutation => ({
    start: at.start,
    end: at.end,
    replacement,
    fault: `${fault}: ${shortened(text.slice(at.start, at.end))}`,
  });
  const { test, left, right, argument, value, operator, regex } = node;
  if ((node.type === "IfStatement" || node.type === "ConditionalExpression") && isNode(test))
    return [edit(test, "false", "never true"), edit(test, "true", "always true")];
  if (node.type === "LogicalExpression" && isNode(left) && isNode(right)) {
    if (operator === "??") return [edit(node, textOf(left, text), "no other value")];
    const neutral = operator === "&&" ? "true" : "false";
    return [left, right]
      .filter((operand) => operand.type !== "LogicalExpression")
      .map((operand) => edit(operand, neutral, `without its part`));
  }
  if (node.type === "BinaryExpression" && isNode(left) && isNode(right)) {
    const other = COMPARISONS[String(operator)];
    if (other === undefined || isCondition) return [];
    return [edit(node, `${textOf(left, text)} ${other} ${textOf(right, text)}`, "the other way")];
  }
  if (node.type === "UnaryExpression" && operator === "!" && isNode(argument))
    return isCondition ? [] : [edit(node, textOf(argument, text), "the other way")];
  if (node.type === "ExpressionStatement" || node.type === "ThrowStatement")
    return [edit(node, ";", "taken out")];
  if (node.type === "ObjectExpression") {
    const members = (node["properties"] as readonly SyntaxNode[]) ?? [];
    return members.map((member) => edit(member, "...{}", "taken out"));
  }
  if (node.type !== "Literal") return [];
  if (regex !== undefined && regex !== null) return [edit(node, "/(?:)/v", "matches everything")];
  if (typeof value === "boolean") return [edit(node, String(!value), "the other")];
  if (typeof value === "number") return [edit(node, String(value + 1), "one more")];
  if (typeof value !== "string" || isCondition || PROSE.test(value)) return [];
  return [edit(node, JSON.stringify(`${value}-mutant`), "another")];
}

/** A place that is a member of an object: without it. */
function withoutMember(node: SyntaxNode, text: string): Mutation[] {
  if (node.type !== "Property" && node.type !== "SpreadElement") return [];
  const { start, end } = node;
  return [
    { start, end, replacement: "...{}", fault: `taken out: ${shortened(textOf(node, text))}` },
  ];
}

/** Where nothing else fits: what a declaration, an assignment or a return gives is undefined. */
function withoutValue(node: SyntaxNode, text: string): Mutation[] {
  if (isType(node)) return [];
  const value = [node["init"], node["argument"], node["value"]].find(isNode);
  if (value !== undefined && value.type !== "Identifier")
    return [
      {
        start: value.start,
        end: value.end,
        replacement: "undefined",
        fault: `undefined: ${shortened(textOf(value, text))}`,
      },
    ];
  return childrenOf(node)
    .flat()
    .flatMap((child) => withoutValue(child, text));
}

function textOf({ start, end }: SyntaxNode, text: string): string {
  return text.slice(start, end);
}

const MOST_SHOWN = 90;

function shortened(code: string): string {
  const line = code.replace(/\s+/g, " ");
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line;
}
