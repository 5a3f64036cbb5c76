// Marks in a bundle: each runs when the statement that cites does, and changes nothing else.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { readCitedLines } from "../../../src/cli/wire-view/citations.ts";
import { setMarks, type Marked } from "../../../src/cli/wire-view/marks.ts";
import { findParser } from "../../../src/cli/wire-view/parser.ts";
import { firstPositions, type SourceMapText } from "../../../src/cli/wire-view/source-lines.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** A comment that cites, in pieces: this file is no source that does. */
const CITES = "// spec" + ": rule";

const found = await findParser();
if (found === undefined) throw new Error("vitest brings no parser any more");
const parse = found;

interface Built {
  readonly code: string;
  readonly map: SourceMapText;
}

async function bundle(options: { entry: string } | { text: string }): Promise<Built> {
  const { outputFiles } = await build({
    ...("entry" in options
      ? { entryPoints: [join(ROOT, options.entry)] }
      : { stdin: { contents: options.text, loader: "ts", sourcefile: "a.ts" } }),
    bundle: true,
    format: "esm",
    target: "es2024",
    keepNames: true,
    sourcemap: "external",
    external: ["cloudflare:*"],
    absWorkingDir: ROOT,
    outfile: join(ROOT, "bundle.js"),
    write: false,
  });
  const [map, code] = outputFiles.map(({ text }) => text);
  return { code: code ?? "", map: JSON.parse(map ?? "") as SourceMapText };
}

function mark({ code, map }: Built, cited: Parameters<typeof setMarks>[2]): Marked {
  return setMarks(
    code,
    parse(code),
    cited,
    firstPositions(map, (source) => source),
  );
}

/** Runs `text` with a mark at each line after a citing comment; gives the names of those that `call` ran, and its result. */
async function run(text: string, call: string): Promise<[ran: string[], result: unknown]> {
  const lines = text.split("\n");
  const cited = lines.flatMap((line, index) => {
    const [, name] = new RegExp(`${CITES}\\.(\\w+)`).exec(line) ?? [];
    return name === undefined ? [] : [{ file: "a.ts", line: index + 2, code: "", ids: [name] }];
  });
  const built = await bundle({ text: `${text}\nglobalThis.result = () => ${call};` });
  const { code, marks } = mark(built, cited);
  const ran: string[] = [];
  const start = runInThisContext(`(wireTouch, globalThis) => {${code}\n}`) as (
    touch: (n: number) => void,
    scope: { result?: () => unknown },
  ) => void;
  const scope: { result?: () => unknown } = {};
  start((n) => ran.push(...(marks[n]?.ids ?? [])), scope);
  ran.length = 0;
  return [ran, await scope.result?.()];
}

it.each([
  [
    "a statement",
    `function f(a) {\n${CITES}.one\nif (a) return 1;\n${CITES}.two\nreturn 2;\n}`,
    "f(true)",
    ["one"],
    1,
  ],
  [
    "one after it",
    `function f(a) {\n${CITES}.one\nif (a) return 1;\n${CITES}.two\nreturn 2;\n}`,
    "f(false)",
    ["one", "two"],
    2,
  ],
  [
    "a branch without braces, not taken",
    `function f(a) {\nif (a)\n${CITES}.one\nreturn 1;\nreturn 2;\n}`,
    "f(false)",
    [],
    2,
  ],
  [
    "a branch without braces",
    `function f(a) {\nif (a)\n${CITES}.one\nreturn 1;\nreturn 2;\n}`,
    "f(true)",
    ["one"],
    1,
  ],
  [
    "half of a condition",
    `const f = (a) =>\na\n${CITES}.one\n? "yes"\n${CITES}.two\n: "no";`,
    "f(false)",
    ["two"],
    "no",
  ],
  [
    "the other half",
    `const f = (a) =>\na\n${CITES}.one\n? "yes"\n${CITES}.two\n: "no";`,
    "f(true)",
    ["one"],
    "yes",
  ],
  [
    "a function, when it runs",
    `${CITES}.one\nfunction f() { return 1; }\nfunction g() { return 2; }`,
    "g() + f()",
    ["one"],
    3,
  ],
  [
    "an arrow under a name",
    `function f() {\n${CITES}.one\nconst g = (n) => n + 1;\nreturn g;\n}`,
    "f() && 3",
    [],
    3,
  ],
  [
    "a method",
    `class A {\n${CITES}.one\nasync m({ a } = { a: 4 }) { return a; }\n}`,
    "new A().m()",
    ["one"],
    4,
  ],
  [
    "a member of an object",
    `function f(a) {\nif (!a) return {};\nreturn {\n${CITES}.one\nb: a,\n};\n}`,
    "f(1).b",
    ["one"],
    1,
  ],
  [
    "a case",
    `function f(a) {\nswitch (a) {\n${CITES}.one\ncase 1: return 5;\ndefault: return 6;\n}\n}`,
    "f(1)",
    ["one"],
    5,
  ],
  [
    "a loop",
    `function f() {\nlet n = 0;\n${CITES}.one\nfor (const x of [1, 2]) n += x;\nreturn n;\n}`,
    "f()",
    ["one"],
    3,
  ],
  ["a table that is made once", `const t = {\n${CITES}.one\na: 1,\n};`, "t.a", [], 1],
])("%s", async (_, text, call, ran, result) => {
  expect(await run(text, call)).toEqual([ran, result]);
});

it("of this Worker almost every cited line of code is marked, and the bundle can still be read", async () => {
  const cited = readCitedLines(ROOT);
  const built = await bundle({ entry: "src/index.ts" });
  const { code, marks } = mark(built, cited);
  expect(cited.length).toBeGreaterThan(200);
  const unmarked = cited.filter((one) => !marks.includes(one));
  const constants = /^(export )?(const|type|interface)\b|^readonly |^\||^\w+: |^\["|^if \(!URL/;
  expect(unmarked.filter((one) => !constants.test(one.code))).toEqual([]);
  const statements = (text: string): number => (parse(text)["body"] as unknown[]).length;
  expect(statements(code)).toBe(statements(built.code));
  // The lines stay where they were: stacks name them.
  expect(code.split("\n")).toHaveLength(built.code.split("\n").length);
});
