/** What a parser finds in a TypeScript file, and which of it stands at a line. */

import { parseAst } from "vitest/node";

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

interface Source {
  readonly text: string;
  readonly body: readonly SyntaxNode[];
}

/** The statement, the member or the expression that begins at `line` (from 1); with a declaration go the `if` statements behind it. */
export function nodesAtLine(text: string, line: number): SyntaxNode[] {
  // vitest hands on no other parser; Vite, which has a newer one, is no package of our own.
  // oxlint-disable-next-line typescript/no-deprecated
  const { body } = parseAst(text, { lang: "ts" }) as unknown as Source;
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const code = lines[line - 1] ?? "";
  const start = before + code.length - code.trimStart().length;
  const last = before + code.replace(/\s*\/\/ spec: .*$/, "").trimEnd().length;
  return nodesAt({ body, text }, start, last);
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
export function childrenOf(node: SyntaxNode): SyntaxNode[][] {
  return Object.values(node)
    .map((member) => (Array.isArray(member) ? member : [member]).filter(isNode))
    .filter((nodes) => nodes.length > 0);
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

const WITH_TYPES = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

export function isType({ type }: SyntaxNode): boolean {
  return type.startsWith("TS") && !WITH_TYPES.has(type);
}

/** The code of a node. */
export function textOf({ start, end }: SyntaxNode, text: string): string {
  return text.slice(start, end);
}
