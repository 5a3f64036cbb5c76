// .dev.vars is read as wrangler reads it: whatever the Worker under `make dev` gets, the other programs get too.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { unstable_getVarsForDev as varsOfWrangler } from "wrangler";
import { readDevVars, replaceDevVar } from "../../src/cli/dev-vars.ts";
import { hashPassphrase } from "../../src/cli/passphrase.mjs";
import { localSettings, passphraseIn, secretsIn } from "../../src/cli/local-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "barewire-vars-"));
const config = join(folder, "wrangler.toml");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function readAsWrangler(text: string): Record<string, unknown> {
  writeFileSync(join(folder, ".dev.vars"), text);
  const found = varsOfWrangler(config, undefined, {}, undefined, true);
  return Object.fromEntries(Object.entries(found).map(([name, { value }]) => [name, value]));
}

const TEXTS: readonly string[] = [
  "KEYS=k1:abc=,k2:d/e+f=\n",
  'KEYS="k1:abc="\n',
  "KEYS='k1:abc='\n",
  "KEYS=`k1:abc=`\n",
  "export KEYS=k1:abc=\n",
  "  export  KEYS = k1:abc=  # of today\n",
  "KEYS: k1:abc=\n",
  "KEYS=first\nKEYS=second\n",
  "KEYS=\nAUTH=none\n",
  "KEYS\nAUTH=none\n",
  "# KEYS=hidden\nAUTH=none",
  'KEYS="k1:abc=,\n k2:def="\nAUTH=none\n',
  "A=\"one\\ntwo\\r\"\nB='one\\ntwo'\nC=\"open\nD=it's\n",
  "A=1\r\nB='2'\r\nC=3\r",
  'A="with # in it" # and behind it\nB=cut#here\n',
];

describe.each(TEXTS)("%j", (text) => {
  it("reads as with wrangler", () => {
    expect(readDevVars(text)).toEqual(readAsWrangler(text));
  });

  it("reads as with wrangler after a value was replaced, and nothing else is another", () => {
    for (const [name, value] of Object.entries(readDevVars(text))) {
      if (value === "") continue;
      const replaced = replaceDevVar(text, name, "k9:new+/=");
      expect(readAsWrangler(replaced)).toEqual({ ...readDevVars(text), [name]: "k9:new+/=" });
    }
  });
});

it("keeps what stands around a value that is replaced", () => {
  const text = "# the ring\nexport KEYS='k1:abc=' # of today\n\nAUTH=none\n";
  expect(replaceDevVar(text, "KEYS", "k2:def=,k1:abc=")).toBe(
    "# the ring\nexport KEYS=k2:def=,k1:abc= # of today\n\nAUTH=none\n",
  );
  expect(() => replaceDevVar("AUTH=none\n", "KEYS", "k2:def=")).toThrow("KEYS is set nowhere");
});

it("knows a setting and a passphrase however the file writes them", () => {
  expect(localSettings("export PUBLIC_URL='https://a.test'\n")).not.toHaveProperty("PUBLIC_URL");
  expect(localSettings("# PUBLIC_URL=https://a.test\n")).toHaveProperty("PUBLIC_URL", "");
  const hash = hashPassphrase("open-sesame");
  for (const line of [`PASSPHRASE=${hash}`, `export PASSPHRASE="${hash}"`, `PASSPHRASE: ${hash}`])
    expect(passphraseIn(`# passphrase: open-sesame\n${line}\n`)).toBe("open-sesame");
  expect(passphraseIn(`# passphrase: other\nPASSPHRASE=${hash}\n`)).toBeUndefined();
});

it("knows every passphrase in a comment as a secret, in force or not, and the values that are secrets", () => {
  const vars =
    "# passphrase: old-passphrase\n# passphrase: three new words \r\nKEYS=k1:abcdefgh\nAUTH=none-of-it\n";
  expect(secretsIn(vars)).toEqual(["abcdefgh", "old-passphrase", "three new words"]);
});

it("knows the passphrase that is in force, where others stand beside it, and one of several words", () => {
  const pair = (passphrase: string): string =>
    `# passphrase: ${passphrase}\nPASSPHRASE=${hashPassphrase(passphrase)}\n`;
  expect(passphraseIn(pair("old") + pair("new"))).toBe("new");
  expect(passphraseIn(`# passphrase: newer, not in force\n${pair("old")}# passphrase: x\n`)).toBe(
    "old",
  );
  expect(passphraseIn(pair("two words"))).toBe("two words");
  expect(passphraseIn(pair("two words").replaceAll("\n", " \r\n"))).toBe("two words");
});
