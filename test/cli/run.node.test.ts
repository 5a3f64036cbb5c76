/**
 * `make NAME` and `npm run NAME`: the same names, the same programs, the same settings; and what is made ready before
 * them, above all which Node runs the tools. What npm installs is in dependencies.node.test.ts.
 */

import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { isOutdated, makeReady } from "../../src/cli/ready.mjs";
import { commandsOf, TARGETS } from "../../src/cli/targets.mjs";

const NAMES = Object.keys(TARGETS);
const RUN = "node src/cli/run.mjs";

describe("one list", () => {
  const makefile = readFileSync("Makefile", "utf8");

  it("make has every target, and calls the program", () => {
    expect(/^TARGETS := (.*)$/m.exec(makefile)?.[1]?.split(" ")).toEqual(NAMES);
    expect(makefile).toContain(`\n$(TARGETS):\n\t@${RUN} $@\n`);
    expect(makefile.match(/^[^#\s.][^=]*:(?!=).*$/gm)).toEqual(["$(TARGETS):"]);
  });

  it("npm run has every target, and nothing else, and calls the program", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(scripts).toEqual(Object.fromEntries(NAMES.map((name) => [name, `${RUN} ${name}`])));
  });

  it("every target says what it is for", async () => {
    const { out } = await run("node", ["src/cli/run.mjs"]);
    for (const name of NAMES) expect(out).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  });
});

describe("what they run", () => {
  const program = (name: string, ...args: string[]): string[] => [
    "node",
    `src/cli/${name}.ts`,
    ...args,
  ];
  const tool = (name: string, ...args: string[]): string[] => [
    "node",
    `test/tools/${name}.mjs`,
    ...args,
  ];
  const dev = ["--port", "8787", "--auth", "", "--url", ""];
  const audit = (...flags: string[]): string[] => [
    "node",
    "spec/runner/audit.mjs",
    "https://mcp.example.com",
    ...flags,
  ];
  const rotate = (url: string, resume: string): string[] =>
    program("rotate-keys", "--url", url, "--resume", resume);
  it.each<[name: string, settings: Record<string, string>, commands: string[][]]>([
    ["dev", {}, [program("dev", ...dev)]],
    ["dev", { PORT: "", AUTH: "" }, [program("dev", ...dev)]],
    [
      "dev",
      { PORT: "9000", AUTH: "none" },
      [program("dev", "--port", "9000", "--auth", "none", "--url", "")],
    ],
    ["token", { PORT: "9000" }, [program("token", "http://localhost:9000")]],
    ["token", { URL: "https://fox.example" }, [program("token", "https://fox.example")]],
    ["check", {}, [tool("check", "--quick")]],
    ["test", {}, [tool("check")]],
    ["parts", {}, [tool("parts")]],
    ["audit", { URL: "https://mcp.example.com" }, [audit()]],
    [
      "audit",
      {
        URL: "https://mcp.example.com",
        REVISION: "2025-11-25",
        ONLY: "tools",
        SECONDS: "60",
        JSON: "a.json",
        JUNIT: "a.xml",
        // No argument: it stays in the environment.
        TOKEN: "secret",
      },
      [
        audit(
          "--revision",
          "2025-11-25",
          "--only",
          "tools",
          "--seconds",
          "60",
          "--json",
          "a.json",
          "--junit",
          "a.xml",
        ),
      ],
    ],
    ["rotate-keys", {}, [rotate("http://localhost:8787", "")]],
    ["rotate-keys", { PORT: "9000", RESUME: "1" }, [rotate("http://localhost:9000", "1")]],
    [
      "rotate-keys",
      { URL: "https://mcp.example.com", PORT: "9000" },
      [rotate("https://mcp.example.com", "")],
    ],
    // The tables first: the new version may need them as soon as it is there.
    ["deploy", {}, [program("migrate", "--remote"), ["wrangler", "deploy"]]],
  ])("%s %j", (name, settings, commands) => expect(commandsOf(name, settings)).toEqual(commands));
});

it("every program and every test file that a target names is there", () => {
  const names = NAMES.flatMap((name) => commandsOf(name, {})).flat();
  const paths = names.filter((word) => /^(src|test|spec)\//.test(word));
  expect(paths.length).toBeGreaterThan(8);
  const isThere = (path: string): boolean =>
    ["", ".test.ts", ".node.test.ts"].some((end) => existsSync(path + end));
  expect(paths.filter((path) => !isThere(path))).toEqual([]);
});

describe("settings arrive", () => {
  // They would install first, and take the packages away from the tests that run.
  beforeAll(() => expect(isOutdated("."), "run npm ci first").toBe(false));

  const hasMake = (process.env["PATH"] ?? "")
    .split(delimiter)
    .some((folder) => existsSync(join(folder, "make")));
  const ways: Record<string, (name: string, set: string) => [string, string[], string?]> = {
    "npm run NAME X=y": (name, set) => ["npm", ["run", name, set]],
    "npm run NAME -- X=y": (name, set) => ["npm", ["run", name, "--", set]],
    "X=y npm run NAME": (name, set) => ["npm", ["run", name], set],
    // A machine without make has npm.
    ...(hasMake
      ? {
          "make NAME X=y": (name: string, set: string) => ["make", [name, set]],
          "X=y make NAME": (name: string, set: string) => ["make", [name], set],
        }
      : {}),
  };

  it.each(Object.keys(ways))("%s", async (way) => {
    // It hangs up on whoever comes: which address was called is all that counts.
    let calls = 0;
    const server = createServer((request) => {
      calls += 1;
      request.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    for (const [name, set] of [["audit", `URL=http://127.0.0.1:${port}/mcp`]] as const) {
      calls = 0;
      const [command, args, variable] = ways[way]?.(name, set) ?? ["", []];
      const { code } = await run(command, args, variable);
      expect({ name, called: calls > 0, failed: code !== 0 }).toEqual({
        name,
        called: true,
        failed: true,
      });
    }
    server.close();
  });

  it("a token, to the server and in no command line", async () => {
    const seen = new Set<string | undefined>();
    const server = createServer(({ headers }, response) => {
      seen.add(headers.authorization);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const settings = [
      `URL=http://127.0.0.1:${port}/mcp`,
      "TOKEN=one",
      "TOKEN2=two",
      "ONLY=discover.an",
    ];
    const { out } = await run("npm", ["run", "audit", ...settings]);
    server.close();
    expect(out).toContain("Callers: 2, with the tokens given.");
    expect([...seen]).toContain("Bearer one");
  });

  it("what is no setting and what is no target is refused", async () => {
    expect(await run("node", ["src/cli/run.mjs", "dev", "9000"])).toMatchObject({
      code: 1,
      errors: 'Cannot read "9000": settings are NAME=value, such as PORT=9000\n',
    });
    expect(await run("node", ["src/cli/run.mjs", "toString"])).toMatchObject({
      code: 1,
      errors: "There is no toString: make help says what there is\n",
    });
  });
});

describe("the Node that runs the tools", () => {
  const folders: string[] = [];
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

  /** A folder where everything is installed; `platform` is the Node that npm chose, if it had one. */
  function installed(platform?: string): { root: string; link: string } {
    const root = mkdtempSync(join(tmpdir(), "barewire-ready-"));
    folders.push(root);
    const link = join(root, "node_modules/.bin/node");
    mkdirSync(join(root, "node_modules/.bin"), { recursive: true });
    if (platform !== undefined) {
      const bin = join(root, "test/node/node_modules", platform, "bin");
      mkdirSync(bin, { recursive: true });
      symlinkSync(process.execPath, join(bin, "node"));
    }
    return { root, link };
  }
  const pinned = "../../test/node/node_modules/node-any-x64/bin/node";

  it("is the pinned one where the machine's own is too old", () => {
    const { root, link } = installed("node-any-x64");
    makeReady(root, "20.20.2");
    expect(readlinkSync(link)).toBe(pinned);
    makeReady(root, "20.20.2");
    expect(readlinkSync(link)).toBe(pinned);
  });

  it("is the machine's own where that is new enough, or has become so", () => {
    const { root, link } = installed("node-any-x64");
    makeReady(root, "24.0.0");
    expect(existsSync(link)).toBe(false);
    makeReady(root, "22.17.0");
    makeReady(root, "22.18.0");
    expect(existsSync(link)).toBe(false);
  });

  it("is a fork's own where a package brings one", () => {
    const { root, link } = installed("node-any-x64");
    symlinkSync("../node/bin/node", link);
    for (const own of ["20.20.2", "24.0.0"]) {
      makeReady(root, own);
      expect(readlinkSync(link)).toBe("../node/bin/node");
    }
  });

  it("is missed in a sentence where npm has none that runs", () => {
    const broken = installed("node-any-x64");
    rmSync(join(broken.root, "test/node/node_modules/node-any-x64/bin/node"));
    writeFileSync(
      join(broken.root, "test/node/node_modules/node-any-x64/bin/node"),
      "for another machine",
    );
    for (const { root } of [installed(), broken])
      expect(() => makeReady(root, "20.20.2")).toThrow(
        "The tools need Node 22.18, 24, 26 or newer; this one is 20.20.2, and npm has none for this machine " +
          "with a hash of test/node/package-lock.json",
      );
  });

  it("is missed when it has gone", () => {
    const { root, link } = installed("node-any-x64");
    makeReady(root, "20.20.2");
    rmSync(join(root, "test/node/node_modules"), { recursive: true });
    expect(() => makeReady(root, "20.20.2")).toThrow("The tools need Node");
    expect(readlinkSync.bind(undefined, link)).toThrow("ENOENT");
  });
});

/** Runs a program here to its end, with a variable such as "PORT=9000" added to the environment. */
function run(
  command: string,
  args: readonly string[],
  variable: string = "",
): Promise<{ code: number; out: string; errors: string }> {
  const [name = "", value] = variable.split("=");
  const env = {
    ...process.env,
    ...(value === undefined ? {} : { [name]: variable.slice(name.length + 1) }),
  };
  return new Promise((resolve) => {
    execFile(command, args, { env }, (error, out, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, errors });
    });
  });
}
