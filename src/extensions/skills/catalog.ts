/**
 * The skills of a server: their entries with the digest of each file, and the folders that hold them.
 * modelcontextprotocol/ext-skills, "Skill Entries" and "Directory Resources". All is derived from the resources as they are
 * served. Refuses a skill that hosts need not take, and a path that is a file and a folder.
 */

import { log } from "../../base/log.ts";
import type { JsonObject } from "../../base/json.ts";
import { sha256Hex } from "../../crypto/seal.ts";
import { listContentsOf, type ListContents, type Server } from "../../server/registry.ts";
import { SKILL_FILE, skillFileInfo, type SkillFileInfo } from "./skill.ts";

/** What every host takes. */
const MAX_FILES = 512;
const MAX_BYTES = 16 * 1024 * 1024;

export interface Catalog {
  /** What `skills/list` gives. The digests are made the first time. */
  readonly listSkills: () => Promise<ListContents>;
  /** What lies in each folder, by its URI. */
  readonly folders: ReadonlyMap<string, ListContents>;
}

type SkillFiles = ReadonlyMap<string, SkillFileInfo>;

/** The skills among the resources of `server`. @throws where there is none, and on one that is too large. */
export function createCatalog({ resources, listsByMethod }: Server): Catalog {
  const files = new Map<string, SkillFileInfo>();
  for (const [uri, one] of resources) {
    const info = skillFileInfo(one);
    if (info !== undefined) files.set(uri, info);
  }
  const allResources = listsByMethod.get("resources/list");
  // spec: skills.capability.resources
  if (files.size === 0 || allResources === undefined)
    throw new Error("No skill is among the resources of the app: add one, or take out skills()");
  const manifests = manifestsOf(files);
  let list: ListContents | undefined;
  return {
    folders: foldersOf(allResources, files),
    async listSkills() {
      list ??= listContentsOf("skills", await entriesOf(manifests, files), (entry) => entry);
      return list;
    },
  };
}

/** The files of each skill by the URI of its SKILL.md, those of skills inside it among them. */
function manifestsOf(files: SkillFiles): ReadonlyMap<string, readonly string[]> {
  const manifests = new Map<string, readonly string[]>();
  const names = new Set<unknown>();
  for (const [uri, { frontMatter }] of files) {
    if (frontMatter === undefined) continue;
    // spec: skills.resources.complete, skills.resources.nested
    const folder = uri.slice(0, -SKILL_FILE.length);
    const members = [...files.keys()].filter((one) => one.startsWith(folder));
    const size = members.reduce((sum, one) => sum + (files.get(one)?.bytes.length ?? 0), 0);
    // spec: skills.limits
    if (members.length > MAX_FILES || size > MAX_BYTES)
      throw new Error(
        `${uri} has ${members.length} files of ${size} bytes: hosts take ${MAX_FILES} of ${MAX_BYTES}`,
      );
    // spec: skills.names.unique
    const { name = "" } = frontMatter;
    if (names.has(name)) log("warn", "skills.name.repeated", { uri });
    names.add(name);
    manifests.set(uri, members);
  }
  return manifests;
}

async function entriesOf(
  manifests: ReadonlyMap<string, readonly string[]>,
  files: SkillFiles,
): Promise<ReadonlyMap<string, JsonObject>> {
  const described = new Map<string, JsonObject>();
  for (const [uri, { bytes }] of files)
    // spec: skills.resources.size
    described.set(uri, { uri, digest: `sha256:${await sha256Hex(bytes)}`, size: bytes.length });
  const entries = new Map<string, JsonObject>();
  for (const [uri, members] of manifests) {
    const frontmatter = files.get(uri)?.frontMatter ?? {};
    // spec: skills.entry.frontmatter, skills.entry.resources
    const list = members.flatMap((one) => described.get(one) ?? []);
    entries.set(uri, { uri, frontmatter, resources: list });
  }
  return entries;
}

/** Every folder with its direct children: files as `resources/list` has them, and folders. */
function foldersOf(
  { keys, entries }: ListContents,
  files: SkillFiles,
): ReadonlyMap<string, ListContents> {
  const folders = new Map<string, Map<string, JsonObject>>();
  const put = (uri: string, entry: JsonObject): void => {
    const folder = uri.slice(0, uri.lastIndexOf("/"));
    // `skill://` itself is no folder.
    if (folder === "skill:/") return;
    if (files.has(folder)) throw new Error(`${folder} is a file of a skill, and a folder`);
    const children = folders.get(folder) ?? new Map<string, JsonObject>();
    folders.set(folder, children.set(uri, entry));
    // spec: skills.directory.folders
    const name = folder.slice(folder.lastIndexOf("/") + 1);
    put(folder, { uri: folder, name, mimeType: "inode/directory" });
  };
  for (const [index, uri] of keys.entries()) if (files.has(uri)) put(uri, entries[index] ?? {});
  const contents = new Map<string, ListContents>();
  for (const [uri, children] of folders)
    contents.set(
      uri,
      listContentsOf("resources", children, (entry) => entry),
    );
  return contents;
}
