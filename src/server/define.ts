/**
 * How a fork says what its server offers: tools, resources, templates and prompts, written once for every revision.
 * Definitions are checked here, when the module loads, so that a wrong one stops the server and not a client.
 */

import * as z from "zod";
import type { JsonObject } from "../base/json.ts";
import { ok, type Result } from "../base/result.ts";
import type { CacheHint } from "../base/outcome.ts";
import type { Implementation } from "../revision/envelope.ts";
import type { MirroredParam } from "../revision/mirror.ts";
import { readMirroredParams } from "../revision/mirrored-params.ts";
import { compileSchema } from "../schema/compile.ts";
import type { Annotations, ContentBlock, Icon, PromptMessage, ResourceContents, ToolResult } from "./content.ts";
import type { Context } from "./context.ts";
import { compileTemplate, type Template } from "./template.ts";

/** A zod schema, or JSON Schema 2020-12 that is shown to clients exactly as written. */
export type Schema = z.ZodType | JsonObject;
export type Checked<S extends Schema> = S extends z.ZodType ? z.infer<S> : JsonObject;
type Promised<T> = T | Promise<T>;

interface Described {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly icons?: Icon[];
  readonly _meta?: JsonObject;
}

export interface ToolSpec<In extends Schema, Out extends Schema> extends Described {
  readonly annotations?: JsonObject;
  /** Arguments; left out for a tool that takes none. */
  readonly input?: In;
  /** What `structuredContent` must fit. */
  readonly output?: Out;
  readonly handler: (args: Checked<In>, context: Context) => Promised<string | ContentBlock[] | ToolResult>;
}

export type Check = (value: unknown) => Result<unknown, string>;

export interface Tool {
  readonly name: string;
  /** The tool as `tools/list` shows it. */
  readonly listing: JsonObject;
  readonly mirrored: readonly MirroredParam[];
  readonly checkInput: Check;
  readonly checkOutput: Check | undefined;
  readonly run: (args: never, context: Context) => Promised<string | ContentBlock[] | ToolResult>;
}

const NO_ARGUMENTS: JsonObject = { type: "object", additionalProperties: false };

/** Defines a tool. Throws when the name, a schema or an `x-mcp-header` declaration is wrong. */
export function tool<In extends Schema = JsonObject, Out extends Schema = JsonObject>(spec: ToolSpec<In, Out>): Tool {
  const { handler, input = NO_ARGUMENTS, output, ...described } = spec;
  // spec: tools.name.characters, tools.name.length
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(spec.name))
    throw new Error(`Tool name "${spec.name}" must be 1 to 128 of A-Z a-z 0-9 _ - .`);
  const inputSchema = schemaOf(input, "input");
  // spec: tools.schema.input
  if (inputSchema["type"] !== "object") throw new Error(`Input schema of tool "${spec.name}" must have type "object"`);
  const mirrored = readMirroredParams(inputSchema);
  if (!mirrored.ok) throw new Error(`Tool "${spec.name}": ${mirrored.error}`);
  const outputSchema = output === undefined ? {} : { outputSchema: schemaOf(output, "output") };
  return {
    name: spec.name,
    listing: { ...described, inputSchema, ...outputSchema } as unknown as JsonObject,
    mirrored: mirrored.value,
    checkInput: checkOf(input, `input schema of tool "${spec.name}"`),
    checkOutput: output === undefined ? undefined : checkOf(output, `output schema of tool "${spec.name}"`),
    run: handler,
  };
}

function schemaOf(schema: Schema, io: "input" | "output"): JsonObject {
  // spec: schema.dialect.default
  return isZod(schema) ? (z.toJSONSchema(schema, { io }) as JsonObject) : schema;
}

/** A check of values against `schema`; the reason is a sentence per fault that a model can act on. */
export function checkOf(schema: Schema, what: string, formats: boolean = false): Check {
  if (isZod(schema)) {
    return (value) => {
      const parsed = schema.safeParse(value);
      if (parsed.success) return ok(parsed.data);
      return {
        ok: false,
        error: parsed.error.issues.map((issue) => `${pointer(issue.path)} ${issue.message}`).join("; "),
      };
    };
  }
  const compiled = compileSchema(schema, { formats });
  if (!compiled.ok)
    throw new Error(`The ${what} is not usable: ${compiled.error.path || "/"} ${compiled.error.message}`);
  const validate = compiled.value;
  return (value) => {
    const violations = validate(value);
    if (violations.length === 0) return ok(value);
    return { ok: false, error: violations.map(({ path, message }) => `${path || "/"} ${message}`).join("; ") };
  };
}

export function isZod(schema: Schema): schema is z.ZodType {
  return schema instanceof z.ZodType;
}

function pointer(path: readonly PropertyKey[]): string {
  return `/${path.map(String).join("/")}`;
}

export type Read = string | { blob: string } | ResourceContents[];

export interface ResourceSpec extends Described {
  readonly uri: string;
  readonly mimeType?: string;
  readonly annotations?: Annotations;
  readonly size?: number;
  readonly cache?: CacheHint;
  readonly read: (context: Context) => Promised<Read | undefined>;
}

/** Suggestions for one argument, best first. `others` holds the arguments that are already filled in. */
export type Complete = (
  value: string,
  others: Readonly<Record<string, string>>,
  context: Context,
) => Promised<readonly string[]>;

export interface TemplateSpec extends Described {
  /** RFC 6570. */
  readonly uriTemplate: string;
  readonly mimeType?: string;
  readonly annotations?: Annotations;
  readonly cache?: CacheHint;
  readonly complete?: Readonly<Record<string, Complete>>;
  /** The contents, or undefined when no such resource exists for this caller. */
  readonly read: (
    variables: Readonly<Record<string, string>>,
    uri: string,
    context: Context,
  ) => Promised<Read | undefined>;
}

export interface PromptSpec extends Described {
  readonly arguments?: readonly {
    name: string;
    title?: string;
    description?: string;
    required?: boolean;
    complete?: Complete;
  }[];
  readonly handler: (args: Readonly<Record<string, string>>, context: Context) => Promised<string | PromptMessage[]>;
}

export interface ResourceTemplate extends TemplateSpec {
  readonly template: Template;
}

/** What a fork offers. Order is kept: it is the order clients see. */
export interface ServerSpec {
  readonly info: Implementation;
  readonly instructions?: string;
  readonly tools?: readonly Tool[];
  readonly resources?: readonly ResourceSpec[];
  readonly templates?: readonly ResourceTemplate[];
  readonly prompts?: readonly PromptSpec[];
  /** Entries a page of every list; default 100. */
  readonly pageSize?: number;
  /** How long lists may be cached; default five minutes, by anyone. */
  readonly listCache?: CacheHint;
}

/** Defines a resource with a fixed URI. */
export function resource(spec: ResourceSpec): ResourceSpec {
  // spec: resources.scheme.custom
  if (!URL.canParse(spec.uri)) throw new Error(`Resource URI "${spec.uri}" is not absolute (RFC 3986)`);
  return spec;
}

/** Defines a family of resources by a URI template. */
export function template(spec: TemplateSpec): ResourceTemplate {
  const compiled = compileTemplate(spec.uriTemplate);
  if (!compiled.ok) throw new Error(`URI template "${spec.uriTemplate}": ${compiled.error}`);
  return { ...spec, template: compiled.value };
}

export function prompt(spec: PromptSpec): PromptSpec {
  return spec;
}
