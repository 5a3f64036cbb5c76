/**
 * All skills of a server: their entries, with the digest of each file, and the folders that hold them.
 * modelcontextprotocol/ext-skills, "Skill Entries" and "Directory Resources".
 * Refuses a skill that hosts need not take, two of one name, and a path that is a file and a folder.
 */

import type { JsonObject } from "../../base/json.ts";
import { sha256Hex } from "../../crypto/seal.ts";
import { resourceEntry, type ListContents } from "../../server/registry.ts";
import { baseName, SKILL_FILE, type ServedFile, type Skill } from "./skill.ts";

/** What every host takes. */
const MAX_FILES = 512;
const MAX_BYTES = 16 * 1024 * 1024;

export interface Catalog {
  /** What `skills/list` gives. The digests are made the first time. */
  readonly listSkills: () => Promise<ListContents>;
  /** What lies in each folder, by its URI. */
  readonly folders: ReadonlyMap<string, ListContents>;
}

/** What is served of `skills`. @throws on what is wrong. */
export function createCatalog(skills: readonly Skill[]): Catalog {
  const names = skills.map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  // spec: skills.names.unique
  if (repeated !== undefined) throw new Error(`Two skills are named "${repeated}"`);
  // spec: skills.capability.resources
  if (names.length === 0) throw new Error("skills() needs a skill");
  const files = skills.flatMap((one) => one.files);
  const manifests = skills.map((one) => manifestOf(one, files));
  let list: ListContents | undefined;
  return {
    folders: foldersOf(files),
    async listSkills() {
      list ??= {
        member: "skills",
        keys: skills.map(({ folderUri }) => folderUri + SKILL_FILE),
        entries: await Promise.all(
          skills.map((one, index) => entryOf(one, manifests[index] ?? [])),
        ),
      };
      return list;
    },
  };
}

/** The files of a skill, those of skills inside it among them. */
function manifestOf({ folderUri }: Skill, files: readonly ServedFile[]): readonly ServedFile[] {
  // spec: skills.resources.complete, skills.resources.within
  const manifest = files.filter(({ resource }) => resource.uri.startsWith(folderUri));
  const size = manifest.reduce((sum, { bytes }) => sum + bytes.length, 0);
  // spec: skills.limits
  if (manifest.length > MAX_FILES || size > MAX_BYTES)
    throw new Error(`${folderUri} has more than ${MAX_FILES} files or ${MAX_BYTES} bytes`);
  return manifest;
}

async function entryOf(
  { folderUri, frontMatter }: Skill,
  manifest: readonly ServedFile[],
): Promise<JsonObject> {
  const resources = manifest.map(async ({ resource: { uri }, bytes }) => {
    // spec: skills.resources.size
    return { uri, digest: `sha256:${await sha256Hex(bytes)}`, size: bytes.length };
  });
  // spec: skills.entry.frontmatter, skills.entry.resources
  return {
    uri: folderUri + SKILL_FILE,
    frontmatter: frontMatter,
    resources: await Promise.all(resources),
  };
}

/** Every folder with its direct children: files as `resources/list` has them, and folders. */
function foldersOf(files: readonly ServedFile[]): ReadonlyMap<string, ListContents> {
  const folders = new Map<string, { member: "resources"; keys: string[]; entries: JsonObject[] }>();
  const put = (uri: string, entry: JsonObject): void => {
    const folder = uri.slice(0, uri.lastIndexOf("/"));
    // What all skills lie in is no folder.
    if (folder === "skill:/") return;
    let list = folders.get(folder);
    if (list === undefined) {
      list = { member: "resources", keys: [], entries: [] };
      folders.set(folder, list);
      // spec: skills.directory.every
      put(folder, { uri: folder, name: baseName(folder), mimeType: "inode/directory" });
    }
    list.keys.push(uri);
    list.entries.push(entry);
  };
  for (const { resource } of files) put(resource.uri, resourceEntry(resource));
  for (const { resource } of files)
    if (folders.has(resource.uri)) throw new Error(`${resource.uri} is a file and a folder`);
  return folders;
}
