/**
 * Marks in the bundle of `make dev`: a call of `wireTouch` before each statement that cites entries of the ledger, so that an
 * exchange can say which it met. The cited lines are found by the source map, and what stands there by a parser. What runs
 * once when the Worker is loaded, such as a table, has no mark, nor has a type.
 */

import type { CitedLine } from "./citations.ts";
import type { BundlePosition } from "./source-lines.ts";

/** A bundle with marks. Mark n stands for the n-th of `marks`. */
export interface Marked {
  readonly code: string;
  readonly marks: readonly CitedLine[];
}

/** A node of a syntax tree as ESTree has it. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

/** A text that goes into the bundle at a place of it. */
interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** `code`, whose tree is `program`, with a mark for each of `cited` that `positions` has, by "path:line", and that can run. */
export function setMarks(
  code: string,
  program: SyntaxNode,
  cited: readonly CitedLine[],
  positions: ReadonlyMap<string, BundlePosition>,
): Marked {
  const lineStarts = [0, ...Array.from(code.matchAll(/\n/g), ({ index }) => index + 1)];
  const marks: CitedLine[] = [];
  const insertions: Insertion[] = [];
  for (const one of cited) {
    const position = positions.get(`${one.file}:${one.line}`);
    if (position === undefined) continue;
    // The indentation of a line is mapped with it.
    const start = (lineStarts[position.line] ?? 0) + position.column;
    const offset = code.slice(start).search(/\S/) + start;
    const found = insertionsAt(code, program, offset, `wireTouch(${marks.length})`);
    if (found === undefined) continue;
    marks.push(one);
    insertions.push(...found);
  }
  return { code: insertAll(code, insertions), marks };
}

/** What goes where so that `call` runs when the code at `offset` does; undefined where that runs once. */
function insertionsAt(
  code: string,
  program: SyntaxNode,
  offset: number,
  call: string,
): Insertion[] | undefined {
  const path = pathTo(program, offset);
  const begins = path.filter(({ start }) => IS_HEAD.test(code.slice(start, offset)));
  // The function that the cited line is the head of: its rule is what the function does.
  const headed = begins.map(functionOf).find((node) => node !== undefined);
  if (headed !== undefined) return insideFunction(headed, call);
  const functionIndex = path.findLastIndex(({ type }) => IS_FUNCTION.test(type));
  const innermost = path[functionIndex];
  if (innermost === undefined) return undefined;
  const statementIndex = path.findLastIndex(
    (node, index) => IS_STATEMENT.test(node.type) && !isForHead(node, path[index - 1]),
  );
  const outer = Math.max(statementIndex, functionIndex);
  const part = path.find(
    (node, index) => index > outer && begins.includes(node) && isOptional(node, path[index - 1]),
  );
  if (part !== undefined) return around(part, call);
  const statement = path[statementIndex];
  return statement === undefined || statementIndex < functionIndex
    ? insideFunction(innermost, call)
    : beforeStatement(code, statement, path[statementIndex - 1], call);
}

/** What may stand between the beginning of a node and the first of its tokens that a source map names. */
const IS_HEAD =
  /^\s*(?:(?:async|function|static|get|set|const|let|var|return|throw|await|new|typeof|if)\b\s*)*[(!*]?$/;
const IS_FUNCTION = /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;
/** A declaration of a class or of a function is none that a mark can precede: what it declares runs later. */
const IS_STATEMENT = /^(?!Block)\w+Statement$|^VariableDeclaration$/;

function isForHead({ type }: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  return type === "VariableDeclaration" && parent?.type.startsWith("For") === true;
}

/** The nodes from the program down to the innermost one at `offset`. */
function pathTo(program: SyntaxNode, offset: number): SyntaxNode[] {
  const path = [program];
  for (;;) {
    const inner = childrenOf(path.at(-1)).find(({ start, end }) => start <= offset && offset < end);
    if (inner === undefined) return path;
    path.push(inner);
  }
}

function childrenOf(node: SyntaxNode | undefined): SyntaxNode[] {
  return Object.values(node ?? {})
    .flat()
    .filter((value): value is SyntaxNode => typeof (value as SyntaxNode | null)?.type === "string");
}

/** The function that a node is, or declares under a name. */
function functionOf(node: SyntaxNode): SyntaxNode | undefined {
  if (IS_FUNCTION.test(node.type)) return node;
  const declarations = (node["declarations"] ?? []) as readonly SyntaxNode[];
  const value = (declarations[0]?.["init"] ?? node["value"] ?? undefined) as SyntaxNode | undefined;
  const isNaming = /^(?:VariableDeclaration|MethodDefinition|Property\w*)$/.test(node.type);
  if (!isNaming || value === undefined) return undefined;
  // esbuild keeps the name of a function by a call: `__name(() => …, "name")`.
  const isNamed = (value["callee"] as SyntaxNode | undefined)?.["name"] === "__name";
  const named = isNamed ? (value["arguments"] as readonly SyntaxNode[])[0] : value;
  return IS_FUNCTION.test(named?.type ?? "") ? named : undefined;
}

function insideFunction({ body }: SyntaxNode, call: string): Insertion[] {
  const inside = body as SyntaxNode;
  return inside.type === "BlockStatement"
    ? [{ at: inside.start + 1, text: ` ${call};` }]
    : around(inside, call);
}

function around({ start, end }: SyntaxNode, call: string): Insertion[] {
  return [
    { at: start, text: `(${call}, ` },
    { at: end, text: ")" },
  ];
}

/** Whether `node` is a part of `parent` that need not run when `parent` does. */
function isOptional(node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (parent?.type === "ConditionalExpression") return parent["test"] !== node;
  return parent?.type === "LogicalExpression" && parent["right"] === node;
}

function beforeStatement(
  code: string,
  { start, end }: SyntaxNode,
  parent: SyntaxNode | undefined,
  call: string,
): Insertion[] {
  const isInList = /^(?:Program|BlockStatement|StaticBlock|SwitchCase)$/.test(parent?.type ?? "");
  if (!isInList)
    return [
      { at: start, text: `{ ${call}; ` },
      { at: end, text: " }" },
    ];
  // At the end of the line above, where there is no comment: the columns of this one stay, and stacks with them.
  const above = code.slice(0, start).trimEnd();
  const isFree = !/\/[/*]/.test(above.slice(above.lastIndexOf("\n") + 1));
  return isFree ? [{ at: above.length, text: ` ${call};` }] : [{ at: start, text: `${call}; ` }];
}

function insertAll(code: string, insertions: readonly Insertion[]): string {
  let done = "";
  let from = 0;
  for (const { at, text } of insertions.toSorted((one, other) => one.at - other.at)) {
    done += code.slice(from, at) + text;
    from = at;
  }
  return done + code.slice(from);
}
