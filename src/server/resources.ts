/**
 * resources/read: a fixed resource, or the first template that matches.
 * MCP server/resources#reading-resources and #error-handling. Refuses URIs that are not absolute and those that
 * name nothing; there is never an empty answer for what does not exist.
 */

import { base64 } from "../base/bytes.ts";
import { refused, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import type { Server } from "./catalog.ts";
import type { Read, ResourceSpec } from "./define.ts";
import { requireContents, requireList, requireObject } from "./returned.ts";
import { run } from "./run.ts";
import type { Call } from "./types.ts";

type Found = Pick<ResourceSpec, "mimeType" | "cache" | "read">;

export async function readResource(of: Call): Promise<Outcome> {
  const { uri } = of.request.params;
  // spec: resources.uri.validate
  if (typeof uri !== "string" || !URL.canParse(uri))
    return refused(refusal("InvalidParams", "params.uri must be an absolute URI"));
  const found = find(of.server, uri);
  // spec: resources.read.unknown, resources.read.nonempty
  const notFound = refused(refusal("ResourceNotFound", "Resource not found", { uri }));
  if (found === undefined) return notFound;
  return run(
    of,
    (context) => found.read(context),
    (value) => (value === undefined ? notFound : complete(uri, found, value)),
    (reason) => refused({ ...reason, data: { uri } }),
  );
}

function find({ resources, templates }: Server, uri: string): Found | undefined {
  const fixed = resources.get(uri);
  if (fixed !== undefined) return fixed;
  for (const spec of templates.values()) {
    const variables = spec.template.match(uri);
    if (variables === undefined || (uri.startsWith("file:") && climbs(variables))) continue;
    return { ...spec, read: (context) => spec.read(variables, uri, context) };
  }
  return undefined;
}

/** A decoded variable that leaves the folder its template stands for (`..%2F`). */
function climbs(variables: Readonly<Record<string, string>>): boolean {
  // spec: resources.path.sanitized
  return Object.values(variables).some((value) => value.split(/[/\\]/).includes(".."));
}

function complete(uri: string, { mimeType, cache }: Found, value: Read): Outcome {
  const contents = Array.isArray(value)
    ? value
    : [{ uri, ...(mimeType !== undefined && { mimeType }), ...body(value) }];
  requireList(contents, "a list of contents", requireContents);
  return { kind: "complete", result: { contents }, ...(cache && { cache }) };
}

function body(value: Exclude<Read, unknown[]>): { text: string } | { blob: string } {
  if (typeof value === "string") return { text: value };
  const { blob } = requireObject(value, "a text or a blob") as typeof value;
  // spec: resources.binary.base64
  return { blob: blob instanceof Uint8Array ? base64(blob) : blob };
}
