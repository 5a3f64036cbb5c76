/**
 * Skills, judged by other people's programs: the Inspector's check of a server's skills, and a whole YAML parser, which must
 * read front matter as it is read here.
 */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { readFrontMatter } from "../../src/extensions/skills/front-matter.ts";
import { serveBareApp, serveChanged, serveWorld, type TestServer } from "../client/servers.node.ts";
import { randomFrom } from "../random.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const INSPECTOR = "node_modules/@modelcontextprotocol/inspector/clients/cli/build/index.js";

interface Checked {
  readonly code: number;
  readonly printed: string;
}

/** What the Inspector says of the skills of a server. */
async function inspect(starting: Promise<TestServer>): Promise<Checked> {
  const server = await starting;
  const words = "--transport http --protocol-era modern --method skills/list --verify";
  const args = [join(folder, INSPECTOR), server.url.href, ...words.split(" "), "--require-digests"];
  const env = { ...process.env, HOME: server.folder, NO_COLOR: "1" };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    return { code: 0, printed: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, printed: stdout + stderr };
  } finally {
    await server.stop();
  }
}

it("the Inspector verifies every skill of the world, and of the example", async () => {
  const world = await inspect(serveWorld());
  expect(world.printed).toContain("Verified 3 skills and 9 files: no conformance errors.");
  expect(world.code).toBe(0);
  const app = await inspect(serveBareApp({ AUTH: "none" }));
  expect(app.printed).toContain("Verified 1 skill and 1 file: no conformance errors.");
  expect(app.code).toBe(0);
});

it("the Inspector finds a digest of other bytes, and front matter that is not the file's", async () => {
  const spoil = async (from: string, to: string): Promise<Checked> => {
    const alter = (bundle: string): string => {
      expect(bundle).toContain(from);
      return bundle.replace(from, to);
    };
    return inspect(serveChanged("test/world/worker.ts", { AUTH: "none" }, { alter }));
  };
  const digests = await spoil("await sha256Hex(bytes)", "await sha256Hex(bytes.slice(1))");
  expect([digests.code, digests.printed.includes("mismatch")]).toEqual([7, true]);
  const fields = await spoil("frontmatter: frontMatter", "frontmatter: { ...frontMatter, a: 1 }");
  expect(fields.code).toBe(7);
});

type Parse = (text: string, options: { readonly version: "1.1" | "1.2" }) => unknown;

it("a whole YAML parser reads front matter as it is read here, in both versions of YAML", async () => {
  const name = "yaml";
  const { parse } = (await import(name)) as { readonly parse: Parse };
  const seed = 20_261_129;
  const random = randomFrom(seed);
  const one = (of: readonly string[]): string => of[Math.floor(random() * of.length)] ?? "";
  // What is special in YAML, in many places; much of it is refused here, and must then not be compared.
  const PIECES = [
    "a",
    "B",
    "é",
    "0",
    "1.5",
    "true",
    "no",
    "null",
    "~",
    "2026-09-01",
    "0x1F",
    "1e3",
    "😀",
    " ",
    ": ",
    ":",
    " #",
    "#",
    "- ",
    "-",
    "'",
    '"',
    '\\"',
    "\\\\",
    "\\n",
    "[",
    "]",
    "{",
    "}",
    "&",
    "*",
    "!",
    "|",
    ">",
    "%",
    "@",
    "`",
    ",",
    "?",
    "=",
    "<<",
    "\t",
    "\u00a0",
    "\u2028",
    ".",
  ];
  const text = (): string => Array.from({ length: 1 + random() * 4 }, () => one(PIECES)).join("");
  const value = (): string => (random() < 0.3 ? `"${text()}"` : text());
  const line = (): string =>
    `${one(["", "", "", "  ", "  ", "    "])}${one(["a", "b", "c", "d/e.f", "y", "on", text()])}:${one([" ", " ", " ", ""])}${random() < 0.2 ? "" : value()}`;
  let compared = 0;
  for (let round = 0; round < 150_000; round += 1) {
    const yaml = Array.from({ length: 1 + random() * 4 }, () => line()).join("\n");
    let read: unknown;
    try {
      read = readFrontMatter(`---\n${yaml}\n---\n`);
    } catch {
      continue;
    }
    for (const version of ["1.1", "1.2"] as const)
      expect(parse(yaml, { version }) ?? {}, `seed ${seed}, YAML ${version}:\n${yaml}`).toEqual(
        read,
      );
    compared += 1;
  }
  expect(compared).toBeGreaterThan(2_000);
});
