/**
 * resources/read: a fixed resource, or the first template that matches.
 * MCP server/resources#reading-resources and #error-handling. Refuses URIs that are not absolute and those that
 * name nothing; there is never an empty answer for what does not exist.
 */

import { encodeBase64 } from "../base/bytes.ts";
import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import type { Server } from "./registry.ts";
import type { ResourceReadResult, ResourceSpec } from "./define.ts";
import { requireContents, requireList, requireObject } from "./handler-result.ts";
import { runHandler } from "./run-handler.ts";
import type { Call } from "./services.ts";

type ResourceReader = Pick<ResourceSpec, "mimeType" | "cache" | "read">;

/** `resources/read`: by URI, else by the first template that matches. */
export async function readResource(call: Call): Promise<Outcome> {
  const { uri } = call.request.params;
  // spec: resources.uri.validate
  if (typeof uri !== "string" || !URL.canParse(uri))
    return errorOutcome(protocolError("InvalidParams", "params.uri must be an absolute URI"));
  const reader = findResource(call.server, uri);
  // spec: resources.read.unknown, resources.read.nonempty
  const notFound = errorOutcome(protocolError("ResourceNotFound", "Resource not found", { uri }));
  if (reader === undefined) return notFound;
  return runHandler(
    call,
    (context) => reader.read(context),
    (value) => (value === undefined ? notFound : resourceOutcome(uri, reader, value)),
    (reason) => errorOutcome({ ...reason, data: { uri } }),
  );
}

function findResource({ resources, templates }: Server, uri: string): ResourceReader | undefined {
  const fixed = resources.get(uri);
  if (fixed !== undefined) return fixed;
  for (const spec of templates.values()) {
    const variables = spec.template.match(uri);
    if (variables === undefined || (uri.startsWith("file:") && hasParentSegment(variables)))
      continue;
    return { ...spec, read: (context) => spec.read(variables, uri, context) };
  }
  return undefined;
}

/** A decoded variable that leaves the folder its template stands for (`..%2F`). */
function hasParentSegment(variables: Readonly<Record<string, string>>): boolean {
  // spec: resources.path.sanitized
  return Object.values(variables).some((value) => value.split(/[/\\]/).includes(".."));
}

function resourceOutcome(
  uri: string,
  { mimeType, cache }: ResourceReader,
  value: ResourceReadResult,
): Outcome {
  const contents = Array.isArray(value)
    ? value
    : [{ uri, ...(mimeType !== undefined && { mimeType }), ...textOrBlob(value) }];
  requireList(contents, "a list of contents", requireContents);
  return { kind: "complete", result: { contents }, ...(cache && { cache }) };
}

function textOrBlob(
  value: Exclude<ResourceReadResult, unknown[]>,
): { text: string } | { blob: string } {
  if (typeof value === "string") return { text: value };
  const { blob } = requireObject(value, "a text or a blob") as typeof value;
  // spec: resources.binary.base64
  return { blob: blob instanceof Uint8Array ? encodeBase64(blob) : blob };
}
