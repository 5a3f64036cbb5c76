/**
 * The bundle of `make dev`, watched: beside wrangler's own bundle stand the two recorders and a module that wraps what is
 * exported. It is made of the finished bundle, when that is handed to the runtime: nothing of it is in any file, and
 * production builds never come here.
 */

import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { BundleEvent, ServiceFunction } from "../watched-env.ts";

/** They stand in the bundle under their own names. */
const RECORDERS = ["recorder.mjs", "object-recorder.mjs"];

export interface Watching {
  /** Serves /wire. */
  readonly view: ServiceFunction;
  /** Takes a record. */
  readonly records: ServiceFunction;
  /** The text of the bundle at this path, with marks; its source map lies beside it. */
  readonly mark: (code: string, path: string) => string;
}

/** `event` with a bundle that is watched, and that its records call `name`; the event itself where it is no module. */
export function watchBundle(event: BundleEvent, name: string, watching: Watching): BundleEvent {
  const { bundle, config } = event;
  if (bundle.type !== "esm") return event;
  const code = watching.mark(bundle.entrypointSource, bundle.path);
  const app = basename(bundle.path);
  const folder = dirname(bundle.path);
  const flags = (config["compatibilityFlags"] ?? []) as readonly string[];
  const bindings = {
    ...bindingsOf(config),
    WIRE_VIEW: { type: "fetcher", fetcher: watching.view },
    WIRE_RECORDS: { type: "fetcher", fetcher: watching.records },
  };
  return {
    ...event,
    config: {
      ...config,
      bindings,
      // The recorder needs AsyncLocalStorage. The flag adds that module and changes nothing else.
      compatibilityFlags: [...new Set([...flags, "nodejs_als"])],
    },
    bundle: {
      ...bundle,
      path: join(folder, "wire-entry.mjs"),
      entrypointSource: entryText(app, name, classesIn(config)),
      modules: [
        ...(bundle.modules as readonly Module[]),
        // Last, so that no line of the bundle moves: stacks name its lines.
        esm(app, bundle.path, `${code}\nimport { touch as wireTouch } from "./recorder.mjs";\n`),
        ...RECORDERS.map((name) => esm(name, join(folder, name), readRecorder(name))),
      ],
    },
  };
}

function readRecorder(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}

/** A module as the runtime takes it. */
interface Module {
  readonly name: string;
  readonly filePath: string;
  readonly content: string;
  readonly type: "esm";
}

function esm(name: string, filePath: string, content: string): Module {
  return { name, filePath, content, type: "esm" };
}

/** A binding, as far as it is read. */
interface Binding {
  readonly type: string;
  readonly class_name?: string;
  /** Of a class that another Worker has. */
  readonly script_name?: string;
}

function bindingsOf(config: BundleEvent["config"]): Readonly<Record<string, Binding>> {
  return (config["bindings"] ?? {}) as Readonly<Record<string, Binding>>;
}

/** The classes of this Worker's own Durable Objects. */
function classesIn(config: BundleEvent["config"]): string[] {
  const names = Object.values(bindingsOf(config))
    .filter(({ type }) => type === "durable_object_namespace")
    .flatMap(({ class_name: name, script_name: script }) =>
      name === undefined || script !== undefined ? [] : [name],
    );
  return [...new Set(names)];
}

/** What is exported here hides what the bundle exports under the same name. */
function entryText(app: string, bundle: string, classes: readonly string[]): string {
  return [
    `import * as app from "./${app}";`,
    'import { watchHandlers } from "./recorder.mjs";',
    'import { watchObject } from "./object-recorder.mjs";',
    `export * from "./${app}";`,
    `export default watchHandlers(app.default, "${bundle}");`,
    ...classes.map(
      (name) => `export const ${name} = watchObject(app.${name}, "${name}", "${bundle}");`,
    ),
  ].join("\n");
}
