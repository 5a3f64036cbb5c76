/**
 * resources/read: a fixed resource, or the first template that matches.
 * MCP server/resources#reading-resources and #error-handling. Refuses URIs that are not absolute and those that
 * name nothing; there is never an empty answer for what does not exist.
 */

import type { JsonObject } from "../base/json.ts";
import { encodeBase64 } from "../base/bytes.ts";
import { errorOutcome, type Outcome } from "../protocol/outcome.ts";
import { protocolError } from "../base/protocol-error.ts";
import type { ResourceReadResult, ResourceSpec } from "./define.ts";
import { requireContents, requireList, requireObject } from "./handler-result.ts";
import { runHandler } from "./run-handler.ts";
import type { Call } from "./services.ts";

/** `resources/read`: the resource with the URI, else the template that it fits. */
export async function readResource(call: Call): Promise<Outcome> {
  const { params, target } = call.request;
  const { uri } = params;
  // spec: resources.uri.validate
  if (typeof uri !== "string" || !URL.canParse(uri))
    return errorOutcome(protocolError("InvalidParams", "params.uri must be an absolute URI"));
  const { resource, template, variables = {} } = target;
  const spec = resource ?? template;
  // spec: resources.read.unknown, resources.read.nonempty
  const notFound = errorOutcome(protocolError("ResourceNotFound", "Resource not found", { uri }));
  if (spec === undefined) return notFound;
  return runHandler(
    call,
    (context) =>
      resource === undefined ? template?.read(variables, uri, context) : resource.read(context),
    (value) => (value === undefined ? notFound : resourceOutcome(uri, spec, value)),
    (reason) => errorOutcome({ ...reason, data: { uri } }),
  );
}

function resourceOutcome(
  uri: string,
  { mimeType, _meta, cache }: Pick<ResourceSpec, "mimeType" | "_meta" | "cache">,
  value: ResourceReadResult,
): Outcome {
  // spec: apps.resource.type
  const ownContents = { uri, mimeType, _meta };
  const contents = Array.isArray(value) ? value : [{ ...ownContents, ...textOrBlob(value) }];
  requireList(contents, "a list of contents", requireContents);
  // What is undefined is not written.
  return { kind: "complete", result: { contents } as JsonObject, ...(cache && { cache }) };
}

function textOrBlob(
  value: Exclude<ResourceReadResult, unknown[]>,
): { text: string } | { blob: string } {
  // spec: apps.resource.contents
  if (typeof value === "string") return { text: value };
  const { blob } = requireObject(value, "a text or a blob") as typeof value;
  // spec: resources.binary.base64
  return { blob: blob instanceof Uint8Array ? encodeBase64(blob) : blob };
}
