/** The watcher of one file: what counts as a change of it. */

import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readFileIfAny, watchFile } from "../../src/cli/watch-file.ts";

const folder = mkdtempSync(join(tmpdir(), "barewire-watch-"));
const [file, aside] = [join(folder, "vars"), join(folder, "aside")];
let changeCount = 0;
let stop = (): void => undefined;

beforeAll(() => {
  writeFileSync(file, "A=1");
  const watcher = watchFile(file, () => {
    changeCount += 1;
  });
  stop = () => watcher.close();
});
afterAll(() => {
  stop();
  rmSync(folder, { recursive: true });
});

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

it("that was moved away is read as empty, and is a change once it is back, whatever it says", async () => {
  // A watcher that slept through the absence saw none: it is moved again.
  for (let tries = 0; tries < 100 && changeCount === 0; tries += 1) {
    renameSync(file, aside);
    expect(readFileIfAny(file)).toBe("");
    await pause();
    expect(changeCount).toBe(0);
    renameSync(aside, file);
    await pause();
  }
  expect(changeCount).toBe(1);
});
