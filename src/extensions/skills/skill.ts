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

/** A file as it is served. */
export interface ServedFile {
  readonly resource: ResourceSpec;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Skill {
  readonly name: string;
  /** Of its folder, with a slash at the end. */
  readonly folderUri: string;
  readonly frontMatter: JsonObject;
  readonly files: readonly ServedFile[];
}

/** What makes a folder a skill. */
export const SKILL_FILE = "SKILL.md";
const SCHEME = "skill://";
/** What front matter must say, where it says it: agentskills.io/specification. The first two must be there. */
const FIELDS: Readonly<Record<string, RegExp>> = {
  // spec: skills.path.naming
  name: /^(?=.{1,64}$)[a-z0-9]+(?:-[a-z0-9]+)*$/,
  // spec: skills.format.conforms
  description: /^.{1,1024}$/u,
  compatibility: /^.{1,500}$/u,
  license: /./,
  "allowed-tools": /./,
};
/** A path that needs no escape in a URI and leads to no other folder. */
const PATH = /^[\w~-][\w.~-]*(?:\/[\w~-][\w.~-]*)*$/;
/** A file is read in one message, in which it may become twice as long. */
const MAX_FILE_BYTES = 900_000;

/** Defines a skill, for `skills()`. @throws on what is wrong, and says what would be right. */
export function skill({ files, prefix, cache }: SkillSpec): Skill {
  const { [SKILL_FILE]: main } = files;
  // spec: skills.format.file
  if (typeof main !== "string") throw new Error(`A skill needs a text ${SKILL_FILE}`);
  const frontMatter = readFrontMatter(main);
  const { name, description } = frontMatter as { name: string; description: string };
  const fault = faultOf(frontMatter);
  if (fault !== undefined) throw new Error(`Skill "${name}": ${fault}`);
  // spec: skills.uri.scheme, skills.path.name
  const folderUri = `${SCHEME}${prefix === undefined ? "" : `${prefix}/`}${name}/`;
  const toServedFile = ([path, file]: [string, SkillFile]): ServedFile => {
    const { content, mimeType } = withMediaType(path, file);
    const bytes = typeof content === "string" ? encodeUtf8(content) : content;
    const uri = folderUri + path;
    // spec: skills.path.authority
    if (!PATH.test(uri.slice(SCHEME.length)) || bytes.length > MAX_FILE_BYTES)
      throw new Error(`${uri} must match ${PATH} and have at most ${MAX_FILE_BYTES} bytes`);
    return {
      bytes,
      resource: resource({
        uri,
        // spec: skills.resource.name, skills.resource.description
        ...(path === SKILL_FILE ? { name, description } : { name: baseName(path) }),
        mimeType,
        size: bytes.length,
        ...(cache && { cache }),
        read: () => (typeof content === "string" ? content : { blob: content }),
      }),
    };
  };
  return { name, folderUri, frontMatter, files: Object.entries(files).map(toServedFile) };
}

/** The last segment of a path or URI. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function withMediaType(path: string, file: SkillFile): Exclude<SkillFile, string> {
  if (typeof file !== "string") return file;
  // spec: skills.resource.type
  return { mimeType: path.endsWith(".md") ? "text/markdown" : "text/plain", content: file };
}

/** What is wrong with fields that the text knows; others are the author's. */
function faultOf(frontMatter: JsonObject): string | undefined {
  const fields: JsonObject = { name: "", description: "", ...frontMatter };
  for (const [field, pattern] of Object.entries(FIELDS)) {
    const value = fields[field];
    if (value !== undefined && (typeof value !== "string" || !pattern.test(value)))
      return `its ${field} must match ${pattern}`;
  }
  const { metadata = {} } = frontMatter;
  // spec: skills.metadata.reserved
  return isObject(metadata) &&
    Object.entries(metadata).every(
      ([key, value]) => typeof value === "string" && !key.startsWith("io.modelcontextprotocol/"),
    )
    ? undefined
    : "its metadata must be texts, none of them io.modelcontextprotocol/";
}
