/** The parser of JavaScript that comes with vitest: the only one among the packages of package.json. */

import type { SyntaxNode } from "./marks.ts";

/** Reads a module of JavaScript. Throws at what is none. */
export type Parse = (code: string) => SyntaxNode;

/** Undefined without vitest, which a fork may do without: it sees no requirements then. */
export async function findParser(): Promise<Parse | undefined> {
  try {
    const { parseAst } = await import("vitest/node");
    return (code) => parseAst(code) as unknown as SyntaxNode;
  } catch {
    return undefined;
  }
}
