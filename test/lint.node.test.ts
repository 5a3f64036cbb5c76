/**
 * Every lint gate that guards against a bug of ours is seen red once: a file with one planted fault, the real
 * configuration, and the rule that must name it. A rule that is switched off or renamed fails here.
 */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, it } from "vitest";

const FAULTS: Readonly<Record<string, string>> = {
  "typescript(no-floating-promises)": "export function f(p: Promise<void>): void {\n  p;\n}",
  // The async WebSocket listener: its rejection is nobody's, and the socket stays open.
  "typescript(no-misused-promises)":
    'export function f(s: WebSocket): void {\n  s.addEventListener("message", async () => {});\n}',
  "typescript(await-thenable)":
    "export async function f(n: number): Promise<void> {\n  await n;\n}",
  "typescript(return-await)":
    "export async function f(p: Promise<void>): Promise<void> {\n  try {\n    return p;\n  } catch {}\n}",
  "typescript(no-explicit-any)": "export function f(x: any): void {\n  void x;\n}",
  "typescript(no-unsafe-member-access)":
    "export function f(t: string): unknown {\n  return JSON.parse(t).a;\n}",
  "typescript(no-non-null-assertion)":
    "export function f(x: string | undefined): string {\n  return x!;\n}",
  "typescript(switch-exhaustiveness-check)":
    'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n  }\n}',
  "typescript(only-throw-error)": 'export function f(): never {\n  throw "no";\n}',
  "import(no-default-export)": "export default 1;",
  "eslint(no-nested-ternary)":
    "export function f(n: number): string {\n  return n > 1 ? 'a' : n > 0 ? 'b' : 'c';\n}",
  "eslint(no-duplicate-imports)":
    'import { join } from "node:path";\nimport { resolve } from "node:path";\nexport const both = [join, resolve];',
  "eslint(no-void)": "export const f = (n: number): void => void n.toFixed();",
  "eslint(no-multi-assign)":
    "export function f(n: number): number {\n  let a;\n  const b = (a = n);\n  return a + b;\n}",
  "eslint(no-sequences)": "export function f(n: number[]): void {\n  n.push(1), n.push(2);\n}",
  "eslint(no-return-assign)": "export function f(n: { a: number }): number {\n  return n.a = 1;\n}",
  "unicorn(no-useless-spread)":
    "export function f(n: number[]): number[] {\n  return [1, ...[2, 3], ...n];\n}",
  "eslint(max-lines-per-function)": `export function f(): void {${"\n  void 0;".repeat(60)}\n}`,
};

// A project of its own with our configuration: faults planted in src/ would be seen by the other tests.
const project = mkdtempSync(join(tmpdir(), "barewire-lint-"));
afterAll(() => rmSync(project, { recursive: true }));
for (const name of [".oxlintrc.json", "tsconfig.json"]) cpSync(name, join(project, name));
symlinkSync(resolve("node_modules"), join(project, "node_modules"));
mkdirSync(join(project, "src"));

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

const files = Object.fromEntries(
  Object.keys(FAULTS).map((rule, index) => [rule, `src/fault-${index}.ts`]),
);
for (const [rule, text] of Object.entries(FAULTS))
  writeFileSync(join(project, files[rule] ?? ""), `${text}\n`);
const diagnostics = lint();

it.each(Object.keys(FAULTS))("%s is red on its fault", (rule) => {
  expect(
    diagnostics.filter(({ filename }) => filename === files[rule]).map(({ code }) => code),
  ).toContain(rule);
});

function lint(): readonly Diagnostic[] {
  const oxlint = resolve("node_modules/.bin/oxlint");
  let output: string;
  try {
    output = execFileSync(oxlint, ["--type-aware", "--format=json", "src"], {
      cwd: project,
      encoding: "utf8",
    });
  } catch (error) {
    // It exits with 1 because it found something, which is the point.
    output = String((error as { stdout?: unknown }).stdout);
  }
  return (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
}
