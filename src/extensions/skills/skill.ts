/**
 * How an app says what a skill is: its files, checked when the module loads, as resources that every revision can read.
 * modelcontextprotocol/ext-skills, "Skill Format" and "Resource Mapping"; agentskills.io/specification.
 * Refuses names, front matter and paths that are wrong. Not checked: what the Markdown says.
 */

import { encodeUtf8 } from "../../base/bytes.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { CacheHint } from "../../protocol/outcome.ts";
import { resource, type ResourceSpec } from "../../server/define.ts";
import { readFrontMatter } from "./front-matter.ts";

export interface SkillSpec {
  /** Its files by their path in its folder, such as `references/forms.md`. `SKILL.md` is one of them. */
  readonly files: Readonly<Record<string, SkillFile>>;
  /** The folders above its own, such as `acme/billing`. */
  readonly prefix?: string;
  /** How long its files may be cached; not at all when left out. */
  readonly cache?: CacheHint;
}

/** A text, Markdown where its path ends in .md and plain otherwise; or anything else, with its media type. */
export type SkillFile =
  | string
  | { readonly mimeType: string; readonly content: string | Uint8Array<ArrayBuffer> };

/** What is known of a resource that is a file of a skill. */
export interface SkillFileInfo {
  /** Exactly what is served. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of SKILL.md alone. */
  readonly frontMatter: JsonObject | undefined;
}

/** What makes a folder a skill. */
export const SKILL_FILE = "SKILL.md";
/** Most characters of each text that may stand in front matter. */
const MOST: Readonly<Record<string, number>> = {
  description: 1024,
  compatibility: 500,
  license: Infinity,
  "allowed-tools": Infinity,
};
/** A path that needs no escape in a URI and leads to no other folder. */
const PATH = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[\w.~-]+(?:\/[\w.~-]+)*$/;

const skillFiles = new WeakMap<ResourceSpec, SkillFileInfo>();

/** What `one` is as a file of a skill; undefined for any other resource. */
export function skillFileInfo(one: ResourceSpec): SkillFileInfo | undefined {
  return skillFiles.get(one);
}

/** The files of a skill as resources, for `resources` of the app. @throws on what is wrong, and says what would be right. */
export function skill({ files, prefix, cache }: SkillSpec): ResourceSpec[] {
  const { [SKILL_FILE]: main } = files;
  // spec: skills.format.file
  if (typeof main !== "string") throw new Error(`A skill must have ${SKILL_FILE}, which is a text`);
  const frontMatter = readFrontMatter(main);
  const { name, description } = checkFrontMatter(frontMatter);
  // spec: skills.path.name, skills.entry.name
  const folder = prefix === undefined ? name : `${prefix}/${name}`;
  return Object.entries(files).map(([path, file]) => {
    const { content, mimeType } = withMediaType(path, file);
    if (!PATH.test(`${folder}/${path}`) || (typeof content === "string" && !content.isWellFormed()))
      throw new Error(
        `Skill "${name}": "${folder}/${path}" must be a text or bytes, at a path of A-Z a-z 0-9 _ . ~ - and /`,
      );
    const isMain = path === SKILL_FILE;
    const bytes = typeof content === "string" ? encodeUtf8(content) : content;
    const spec = resource({
      uri: `skill://${folder}/${path}`,
      // spec: skills.resource.name, skills.resource.description
      ...(isMain ? { name, description } : { name: path.slice(path.lastIndexOf("/") + 1) }),
      mimeType,
      size: bytes.length,
      ...(cache && { cache }),
      read: () => (typeof content === "string" ? content : { blob: content }),
    });
    skillFiles.set(spec, { bytes, frontMatter: isMain ? frontMatter : undefined });
    return spec;
  });
}

function withMediaType(path: string, file: SkillFile): Exclude<SkillFile, string> {
  if (typeof file !== "string") return file;
  // spec: skills.resource.type
  return { mimeType: path.endsWith(".md") ? "text/markdown" : "text/plain", content: file };
}

/** What is wrong with known fields stops the Worker; others are the author's. */
function checkFrontMatter(frontMatter: JsonObject): { name: string; description: string } {
  const { name, description, metadata = {} } = frontMatter;
  // spec: skills.path.naming
  if (typeof name !== "string" || !/^(?=.{1,64}$)[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name))
    throw new Error(
      `Skill ${JSON.stringify(name)}: its name must be 1 to 64 of a-z 0-9 and single hyphens between them`,
    );
  for (const [field, most] of Object.entries(MOST)) {
    const value = frontMatter[field] ?? (field === "description" ? "" : "-");
    if (typeof value !== "string" || value === "" || value.length > most)
      throw new Error(`Skill "${name}": its ${field} must be a text of at most ${most} characters`);
  }
  // spec: skills.metadata.reserved
  if (
    !isObject(metadata) ||
    Object.entries(metadata).some(
      ([key, value]) => typeof value !== "string" || key.startsWith("io.modelcontextprotocol/"),
    )
  )
    throw new Error(
      `Skill "${name}": its metadata must be texts, by keys that do not begin with io.modelcontextprotocol/`,
    );
  return { name, description: description as string };
}
