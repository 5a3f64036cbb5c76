/**
 * How a fork says what its server offers: tools, resources, templates and prompts, written once for every revision.
 * Definitions are checked here, when the module loads, so that a wrong one stops the server and not a client.
 */

import type { JsonObject } from "../base/json.ts";
import { ok } from "../base/result.ts";
import type { CacheHint } from "../protocol/outcome.ts";
import type { Implementation } from "../protocol/request-meta.ts";
import type { HeaderParam } from "../protocol/request-headers.ts";
import { readHeaderParams } from "../protocol/header-params.ts";
import type {
  Annotations,
  ContentBlock,
  Icon,
  PromptMessage,
  ResourceContents,
  ToolResult,
} from "./content.ts";
import type { Context } from "./context.ts";
import { compileSchema, type Check, type RawSchema, type SchemaValue } from "./schema.ts";
import { compileTemplate, type UriTemplate } from "./uri-template.ts";

type MaybePromise<T> = T | Promise<T>;

interface BaseMetadata {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly icons?: Icon[];
  readonly _meta?: JsonObject;
}

export interface ToolSpec<In extends RawSchema, Out extends RawSchema> extends BaseMetadata {
  readonly annotations?: JsonObject;
  /** Arguments; left out for a tool that takes none. */
  readonly input?: In;
  /** What `structuredContent` must fit. */
  readonly output?: Out;
  /** All that a caller needs to call it, as declared in {@link ServerSpec.scopes}. */
  readonly scopes?: readonly string[];
  /** Seconds that a call may take, from its start to its result or its questions, in place of HANDLER_SECONDS. */
  readonly timeoutSeconds?: number;
  /**
   * It may run long: a call of a client that declared the extension becomes a task, whose steps are `once`. All others wait
   * for it, or, where it is "required", are refused in revisions that have the extension.
   */
  readonly task?: "optional" | "required";
  /** Asks what the client must answer before a task begins. The handler finds the answers by the same keys. */
  readonly prepare?: (args: SchemaValue<In>, context: Context) => MaybePromise<void>;
  readonly handler: (
    args: SchemaValue<In>,
    context: Context,
  ) => MaybePromise<string | ContentBlock[] | ToolResult>;
}

export interface Tool {
  readonly name: string;
  /** The tool as `tools/list` shows it. */
  readonly listEntry: JsonObject;
  readonly scopes: readonly string[];
  readonly timeoutSeconds: number | undefined;
  readonly task: "optional" | "required" | undefined;
  readonly prepare: ((args: never, context: Context) => MaybePromise<void>) | undefined;
  readonly headerParams: readonly HeaderParam[];
  readonly checkInput: Check;
  readonly checkOutput: Check | undefined;
  readonly run: (
    args: never,
    context: Context,
  ) => MaybePromise<string | ContentBlock[] | ToolResult>;
}

const NO_ARGUMENTS: RawSchema = {
  schema: { type: "object", properties: {} },
  // Arguments that a tool does not know are dropped, as they are where a tool has some.
  check: () => ok({}),
};

/**
 * Defines a tool whose schemas are JSON Schema with checks of their own. `tool` of `zod.ts` also takes zod's.
 * @throws when the name, a schema, an `x-mcp-header` declaration or the time is wrong, and names the tool.
 */
export function defineTool<In extends RawSchema = RawSchema, Out extends RawSchema = RawSchema>(
  spec: ToolSpec<In, Out>,
): Tool {
  return withToolName(spec.name, () => compileTool(spec));
}

/** What `define` gives. @throws what it throws, once with the tool's name before it. */
export function withToolName(name: string, define: () => Tool): Tool {
  const prefix = `Tool "${name}": `;
  try {
    return define();
  } catch (error) {
    const { message } = error as Error;
    throw message.startsWith(prefix) ? error : new Error(prefix + message, { cause: error });
  }
}

function compileTool<In extends RawSchema, Out extends RawSchema>(spec: ToolSpec<In, Out>): Tool {
  const { handler, input = NO_ARGUMENTS, output, scopes = [], ...described } = spec;
  const { timeoutSeconds, task, prepare, ...metadata } = described;
  // spec: tools.name.characters, tools.name.length
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(spec.name))
    throw new Error("its name must be 1 to 128 of A-Z a-z 0-9 _ - .");
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0 && timeoutSeconds < Infinity))
    throw new Error("its timeoutSeconds must be a number above 0");
  const { schema: inputSchema, check: checkInput } = compileSchema(input, "input");
  const compiledOutput = output && compileSchema(output, "output");
  // spec: tools.schema.input
  if (inputSchema["type"] !== "object") throw new Error('its input schema must have type "object"');
  const headerParams = readHeaderParams(inputSchema);
  if (!headerParams.ok) throw new Error(headerParams.error);
  return {
    name: spec.name,
    listEntry: {
      ...metadata,
      inputSchema,
      ...(compiledOutput && { outputSchema: compiledOutput.schema }),
    } as unknown as JsonObject,
    scopes,
    timeoutSeconds,
    task,
    prepare,
    headerParams: headerParams.value,
    checkInput,
    checkOutput: compiledOutput?.check,
    run: handler,
  };
}

/** Text, bytes (as they are or in base64), or contents in the words of the protocol. */
export type ResourceReadResult = string | { blob: string | Uint8Array } | ResourceContents[];

interface ResourceMetadata extends BaseMetadata {
  readonly mimeType?: string;
  readonly annotations?: Annotations;
  readonly cache?: CacheHint;
}

export interface ResourceSpec extends ResourceMetadata {
  readonly uri: string;
  readonly size?: number;
  readonly read: (context: Context) => MaybePromise<ResourceReadResult | undefined>;
}

/** Suggestions for one argument, best first. `others` holds the arguments that are already filled in. */
export type Completer = (
  value: string,
  others: Readonly<Record<string, string>>,
  context: Context,
) => MaybePromise<readonly string[]>;

export interface TemplateSpec extends ResourceMetadata {
  /** RFC 6570. */
  readonly uriTemplate: string;
  readonly complete?: Readonly<Record<string, Completer>>;
  /** The contents, or undefined when no such resource exists for this caller. */
  readonly read: (
    variables: Readonly<Record<string, string>>,
    uri: string,
    context: Context,
  ) => MaybePromise<ResourceReadResult | undefined>;
}

interface PromptArgument extends Pick<BaseMetadata, "name" | "title" | "description"> {
  readonly required?: boolean;
  readonly complete?: Completer;
}

export interface PromptSpec extends BaseMetadata {
  readonly arguments?: readonly PromptArgument[];
  readonly handler: (
    args: Readonly<Record<string, string>>,
    context: Context,
  ) => MaybePromise<string | PromptMessage[]>;
}

export interface ResourceTemplate extends TemplateSpec {
  readonly template: UriTemplate;
}

/** The scopes of a server by name. */
export type Scopes = Readonly<Record<string, ScopeInfo>>;
export interface ScopeInfo {
  /** What it allows, as the person who consents reads it. */
  readonly description: string;
  /** False: for clients that ask for it by name, and no part of what others get or are told to ask for. */
  readonly isDefault?: boolean;
  /** Narrower scopes that this one includes, with all that they include. */
  readonly implies?: readonly string[];
}

/** What a fork offers. Order is kept: it is the order clients see. */
export interface ServerSpec {
  readonly info: Implementation;
  readonly instructions?: string;
  readonly tools?: readonly Tool[];
  readonly resources?: readonly ResourceSpec[];
  readonly templates?: readonly ResourceTemplate[];
  readonly prompts?: readonly PromptSpec[];
  readonly scopes?: Scopes;
  /** Entries a page of every list; default 100. */
  readonly pageSize?: number;
  /** How long lists may be cached; default five minutes, by anyone. */
  readonly listCache?: CacheHint;
}

/** Defines a resource with a fixed URI. */
export function resource(spec: ResourceSpec): ResourceSpec {
  // spec: resources.scheme.custom
  if (!URL.canParse(spec.uri))
    throw new Error(`Resource URI "${spec.uri}" is not absolute (RFC 3986)`);
  return spec;
}

/** Defines a family of resources by a URI template. */
export function template(spec: TemplateSpec): ResourceTemplate {
  const compiled = compileTemplate(spec.uriTemplate);
  if (!compiled.ok) throw new Error(`URI template "${spec.uriTemplate}": ${compiled.error}`);
  const { names } = compiled.value;
  const misspelt = Object.keys(spec.complete ?? {}).find((name) => !names.includes(name));
  if (misspelt !== undefined)
    throw new Error(`URI template "${spec.uriTemplate}" completes "${misspelt}", which it has not`);
  return { ...spec, template: compiled.value };
}

/** A prompt, as it is. Not checked, but that its name is the only one of its kind, when the server is built. */
export function prompt(spec: PromptSpec): PromptSpec {
  return spec;
}
