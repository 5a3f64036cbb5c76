/**
 * resources/read: a fixed resource, or the first template that matches.
 * MCP server/resources#reading-resources and #error-handling. Refuses URIs that are not absolute and those that
 * name nothing; there is never an empty answer for what does not exist.
 */

import { base64 } from "../base/bytes.ts";
import { refused, type CacheHint, type Outcome } from "../base/outcome.ts";
import { refusal } from "../base/refusal.ts";
import type { Server } from "./catalog.ts";
import type { ResourceContents } from "./content.ts";
import type { Context } from "./context.ts";
import type { Read } from "./define.ts";
import { run, type Call } from "./run.ts";

interface Found {
  readonly mimeType: string | undefined;
  readonly cache: CacheHint | undefined;
  readonly read: (context: Context) => Read | undefined | Promise<Read | undefined>;
}

export async function readResource(of: Call): Promise<Outcome> {
  const { server, request } = of;
  const uri = request.params["uri"];
  // spec: resources.uri.validate
  if (typeof uri !== "string" || !URL.canParse(uri))
    return refused(refusal("InvalidParams", "params.uri must be an absolute URI"));
  const found = find(server, uri);
  if (found === undefined) return notFound(uri);
  return run(
    of,
    (context) => found.read(context),
    (value) => (value === undefined ? notFound(uri) : complete(uri, found, value)),
    (failure, message) => refused(refusal(failure === "public" ? "InvalidParams" : "InternalError", message, { uri })),
  );
}

function find(server: Server, uri: string): Found | undefined {
  const fixed = server.resources.get(uri);
  if (fixed !== undefined) return { mimeType: fixed.mimeType, cache: fixed.cache, read: fixed.read };
  for (const spec of server.templates) {
    const variables = spec.template.match(uri);
    if (variables === undefined || (uri.startsWith("file:") && climbs(variables))) continue;
    return { mimeType: spec.mimeType, cache: spec.cache, read: (context) => spec.read(variables, uri, context) };
  }
  return undefined;
}

/** A decoded variable that leaves the folder its template stands for (`..%2F`). */
function climbs(variables: Readonly<Record<string, string>>): boolean {
  // spec: resources.path.sanitized
  return Object.values(variables).some((value) => value.split(/[/\\]/).includes(".."));
}

function notFound(uri: string): Outcome {
  // spec: resources.read.unknown, resources.read.nonempty
  return refused(refusal("ResourceNotFound", "Resource not found", { uri }));
}

function complete(uri: string, { mimeType, cache }: Found, value: Read): Outcome {
  const contents = Array.isArray(value) ? value : [contentsOf(uri, mimeType, value)];
  const result = { contents: contents as never };
  return cache === undefined ? { kind: "complete", result } : { kind: "complete", result, cache };
}

function contentsOf(
  uri: string,
  mimeType: string | undefined,
  value: string | { blob: string | Uint8Array },
): ResourceContents {
  const typed = mimeType === undefined ? { uri } : { uri, mimeType };
  if (typeof value === "string") return { ...typed, text: value };
  // spec: resources.binary.base64
  return { ...typed, blob: typeof value.blob === "string" ? value.blob : base64(value.blob) };
}
