/**
 * Faults for a place in a source file. Pure: the text in, its edits out. The place is a statement or a member of an object
 * or a list; with a declaration go the `if` statements right behind it. Operators, each by itself:
 * - a condition is always false, or always true; an operand of && or || is taken out; a comparison or a ! is the other way round;
 * - a statement or a member of an object is taken out; a text, a number, true or false is another;
 * - a regular expression matches everything; what a declaration or a return gives is undefined.
 * Left alone: texts with a space (for people), texts of the log (audit, log, and reasons such as "code.expired"), types.
 */

import { childrenOf, isNode, isType, nodesAtLine, textOf, type SyntaxNode } from "./syntax.node.ts";

/** One fault: in a file, the text from `start` to `end` is `replacement`. */
export interface Mutation {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** What it does, in words that stay the same while other lines of the file change. */
  readonly fault: string;
}

/** The faults of the place that begins at `line` (from 1) of a TypeScript file. None where only types stand there. */
export function mutationsAt(text: string, line: number): Mutation[] {
  const nodes = nodesAtLine(text, line);
  const found = nodes.flatMap((node) => [...withoutMember(node, text), ...mutationsIn(node, text)]);
  const isValue = nodes.some(({ type }) => GIVES_VALUE.has(type));
  const all = [
    ...found,
    ...(isValue || found.length === 0
      ? nodes.slice(0, 1).flatMap((node) => withoutValue(node, text))
      : []),
  ];
  return numbered(
    all.filter((one, index) => all.findIndex((other) => isSame(one, other)) === index),
  );
}

const GIVES_VALUE = new Set(["VariableDeclaration", "ReturnStatement"]);

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

/** Texts for people or for the log: no client acts on them. */
const PROSE = /\s|^[A-Za-z_-]+(\.[A-Za-z_-]+)+$|^$/;
const LOG_REASON = /^reason: "[a-z_-]+(\.[a-z_-]+)+"$/;
const OF_LOG = /^(?:await )?(?:audit|log|void log)\(/;
const COMPARISONS: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "<": ">=",
  ">": "<=",
  "<=": ">",
  ">=": "<",
};

/** How a node stands in those around it. */
interface Standing {
  /** All or an operand of a condition: there, the other way round is what true or false does. */
  readonly isCondition?: boolean;
  /** All that an `if` does: to take it out is what a condition does that is never true. */
  readonly isAll?: boolean;
}

/** All faults in a node and below it. */
function mutationsIn(node: SyntaxNode, text: string, standing: Standing = {}): Mutation[] {
  if (isType(node)) return [];
  if (node.type === "ExpressionStatement" && OF_LOG.test(textOf(node, text))) return [];
  const below = childrenOf(node)
    .flat()
    .filter((child) => !isName(node, child))
    .flatMap((child) => mutationsIn(child, text, standingOf(child, node, standing)));
  return [...mutationsOf(node, text, standing), ...below];
}

function standingOf(
  child: SyntaxNode,
  parent: SyntaxNode,
  { isCondition, isAll }: Standing,
): Standing {
  if (parent["test"] === child) return { isCondition: true };
  if (parent.type === "LogicalExpression") return { isCondition: parent["operator"] !== "??" };
  if (parent["consequent"] === child) return { isAll: !isNode(parent["alternate"]) };
  if (parent.type === "BlockStatement")
    return { isAll: isAll === true && (parent["body"] as unknown[]).length === 1 };
  return { isCondition: isCondition === true && /^(Binary|Unary)Expression$/.test(parent.type) };
}

/** Names, and what only names something: no value of its own. */
function isName(parent: SyntaxNode, child: SyntaxNode): boolean {
  if (child.type === "Identifier") return true;
  if (parent.type === "ImportDeclaration") return true;
  return parent["key"] === child && parent["computed"] !== true;
}

function mutationsOf(
  node: SyntaxNode,
  text: string,
  { isCondition = false, isAll = false }: Standing,
): Mutation[] {
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
    return isAll ? [] : [edit(node, ";", "taken out")];
  if (node.type === "ObjectExpression") {
    const members = (node["properties"] as readonly SyntaxNode[]) ?? [];
    return members
      .filter((member) => !LOG_REASON.test(textOf(member, text)))
      .map((member) => edit(member, "...{}", "taken out"));
  }
  if (node.type !== "Literal") return [];
  if (regex !== undefined && regex !== null) return [edit(node, "/(?:)/v", "matches everything")];
  if (typeof value === "boolean") return [edit(node, String(!value), "the other")];
  if (typeof value === "number") return [edit(node, String(value + 1), "one more")];
  if (typeof value !== "string" || isCondition || PROSE.test(value)) return [];
  return [edit(node, QUOTED_OTHER, "another")];
}

/** A place that is a member of an object: without it. */
function withoutMember(node: SyntaxNode, text: string): Mutation[] {
  if (node.type !== "Property" && node.type !== "SpreadElement") return [];
  const { start, end } = node;
  return [
    { start, end, replacement: "...{}", fault: `taken out: ${shortened(textOf(node, text))}` },
  ];
}

/** What a declaration or a return gives is undefined. */
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

/** In place of any text: with a part of it, what is found by a pattern would still be there. */
const QUOTED_OTHER = '"mutant"';

const MOST_SHOWN = 90;

function shortened(code: string): string {
  const line = code.replace(/\s+/g, " ");
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line;
}
