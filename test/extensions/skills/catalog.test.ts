// The skills of a server together, over HTTP: pages, digests of what is served, and what stops the start.
import { expect, it } from "vitest";
import { decodeBase64, encodeUtf8 } from "../../../src/base/bytes.ts";
import { createCatalog } from "../../../src/extensions/skills/catalog.ts";
import { skills } from "../../../src/extensions/skills/feature.ts";
import { skill, type Skill, type SkillFile } from "../../../src/extensions/skills/skill.ts";
import { readReply, serveStatelessly, type SendRequest } from "../../server/stateless-server.ts";

type Files = Readonly<Record<string, SkillFile>>;
const define = (name: string, files: Files = {}, prefix?: string): Skill =>
  skill({
    files: { "SKILL.md": `---\nname: ${name}\ndescription: Text\n---\n`, ...files },
    ...(prefix !== undefined && { prefix }),
  });

interface Entry {
  readonly uri: string;
  readonly resources: readonly {
    readonly uri: string;
    readonly digest: string;
    readonly size: number;
  }[];
}

/** The members `member` of all pages, and how many pages there were. */
async function readPages<T>(
  send: SendRequest,
  method: string,
  member: string,
  params: object = {},
): Promise<{ all: T[]; pages: number }> {
  const all: T[] = [];
  let cursor: unknown;
  let pages = 0;
  do {
    const { result } = await readReply(
      await send(method, { ...params, ...(cursor === undefined ? {} : { cursor }) }),
    );
    all.push(...((result?.[member] ?? []) as T[]));
    cursor = result?.["nextCursor"];
    pages += 1;
  } while (cursor !== undefined);
  return { all, pages };
}

it("gives digests and sizes of the bytes that are read, whatever is in them", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const files: Files = {
    "text.md": 'Zeile\r\nmit "Größe", \u0000, \u2028, \uFEFF und 😀\n',
    "half.txt": "a\uD83D, cut in half",
    "empty.txt": "",
    "all.bin": { mimeType: "application/octet-stream", content: bytes },
  };
  const send = serveStatelessly({}, {}, [skills([define("one", files)])]);
  const { all } = await readPages<Entry>(send, "skills/list", "skills");
  expect(all.map(({ uri }) => uri)).toEqual(["skill://one/SKILL.md"]);
  const listed = all.flatMap(({ resources }) => resources);
  expect(listed).toHaveLength(5);
  for (const { uri, digest, size } of listed) {
    const { result } = await readReply(await send("resources/read", { uri }));
    const [content] = (result?.["contents"] ?? []) as [{ text?: string; blob?: string }];
    const read =
      content.text === undefined ? decodeBase64(content.blob ?? "") : encodeUtf8(content.text);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", read ?? new Uint8Array()));
    const hex = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    expect({ uri, digest, size }).toEqual({ uri, digest: `sha256:${hex}`, size: read?.length });
  }
});

it("has pages of skills and of folders, which leave nothing out and repeat nothing", async () => {
  const many = Array.from({ length: 25 }, (_, index) => define(`skill-${index}`));
  const files = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`f/${index}.md`, ""]));
  const send = serveStatelessly({ pageSize: 3 }, {}, [skills([define("first", files), ...many])]);
  const list = await readPages<Entry>(send, "skills/list", "skills");
  expect(list.pages).toBe(9);
  expect(list.all.map(({ uri }) => uri)).toEqual(
    ["first", ...many.map(({ name }) => name)].map((name) => `skill://${name}/SKILL.md`),
  );
  const folder = { uri: "skill://first/f" };
  const children = await readPages<Entry>(send, "resources/directory/read", "resources", folder);
  expect(children.pages).toBe(3);
  expect(children.all.map(({ uri }) => uri)).toEqual(
    Object.keys(files).map((path) => `skill://first/${path}`),
  );
  const wrong = await readReply(await send("skills/list", { cursor: "none" }));
  expect(wrong.error?.code).toBe(-32602);
});

it("keeps a page of the largest skills within one message", async () => {
  const path = "a".repeat(200);
  const files = Object.fromEntries(
    Array.from({ length: 511 }, (_, index) => [`${path}/${index}`, ""]),
  );
  const many = Array.from({ length: 12 }, (_, index) => define(`skill-${index}`, files));
  const send = serveStatelessly({}, {}, [skills(many)]);
  const { all, pages } = await readPages<Entry>(send, "skills/list", "skills");
  expect([pages, all.length, all.at(-1)?.resources.length]).toEqual([2, 12, 512]);
});

it("declares the extension to the stateless revisions, and the resources beside the app's own", async () => {
  const send = serveStatelessly({}, {}, [skills([define("one")])]);
  const { result } = await readReply(await send("server/discover", {}));
  expect(result?.["capabilities"]).toMatchObject({
    resources: {},
    extensions: { "io.modelcontextprotocol/skills": { directoryRead: true } },
  });
});

it("two skills of one name stop the start", () => {
  expect(() => skills([define("one"), define("one", {}, "other")])).toThrow(
    'Two skills are named "one"',
  );
});

it("a server without a skill stops the start", () => {
  expect(() => skills([])).toThrow("skills() needs a skill");
});

it("a skill that is larger than hosts must take stops the start", () => {
  const files = (count: number, size: number): Files =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`${index}.txt`, "a".repeat(size)]),
    );
  expect(() => createCatalog([define("one", files(511, 1))])).not.toThrow();
  expect(() => createCatalog([define("one", files(512, 1))])).toThrow("more than 512 files");
  expect(() => createCatalog([define("one", files(19, 900_000))])).toThrow("or 16777216 bytes");
  // Those of a skill inside count.
  const inner = define("inner", files(300, 1), "one");
  expect(() => createCatalog([define("one", files(300, 1)), inner])).toThrow(
    "skill://one/ has more than 512 files",
  );
});

it("a path that is a file and a folder stops the start", () => {
  expect(() => createCatalog([define("one", { a: "", "a/b": "" })])).toThrow(
    "skill://one/a is a file and a folder",
  );
  expect(() => createCatalog([define("one", { two: "" }), define("two", {}, "one")])).toThrow(
    "skill://one/two is a file and a folder",
  );
});
