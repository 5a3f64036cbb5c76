// A file that holds secrets is its owner's alone, whatever lay there before.
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeSecrets } from "../../src/cli/local-settings.ts";
import { replaceFile } from "../../src/cli/replace-file.ts";

const folder = mkdtempSync(join(tmpdir(), "barewire-file-"));
const path = join(folder, "kept");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (file: string): number => statSync(file).mode & 0o777;

it("is its owner's alone, also where others could read what lay there, and is alone", () => {
  for (const text of ["old", "new"]) {
    replaceFile(path, text);
    expect([readFileSync(path, "utf8"), modeOf(path)]).toEqual([text, 0o600]);
    chmodSync(path, 0o644);
  }
  // Left by a program with the same number that was ended in the middle.
  writeFileSync(`${path}.${process.pid}.new`, "half", { mode: 0o644 });
  replaceFile(path, "again");
  expect([readFileSync(path, "utf8"), modeOf(path)]).toEqual(["again", 0o600]);
  expect(readdirSync(folder)).toEqual(["kept"]);
});

it("is the one that a link leads to, which stays a link", () => {
  const link = join(folder, "link");
  symlinkSync(path, link);
  replaceFile(link, "shared");
  expect([readFileSync(path, "utf8"), lstatSync(link).isSymbolicLink()]).toEqual(["shared", true]);
  expect(readdirSync(folder).toSorted()).toEqual(["kept", "link"]);
});

it("secrets of local use are made where they are missing; a passphrase only where the app has one", () => {
  const vars = join(folder, ".dev.vars");
  makeSecrets(vars, false);
  expect(readFileSync(vars, "utf8")).toMatch(/^KEYS=dev:\S+\n$/);
  chmodSync(vars, 0o644);
  makeSecrets(vars, true);
  const text = readFileSync(vars, "utf8");
  expect(text).toMatch(/^KEYS=dev:\S+\n# passphrase: \S+\nPASSPHRASE=pbkdf2\S+\n$/);
  expect(modeOf(vars)).toBe(0o600);
  makeSecrets(vars, true);
  expect(readFileSync(vars, "utf8")).toBe(text);
});
