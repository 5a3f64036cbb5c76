/**
 * Which of some lines of src/ a running Worker executes: a breakpoint at each, which notes that it was reached and does not
 * stop, set by workerd's inspector, and found by the bundle's source map. The Worker is loaded by its first request, so that
 * what runs only then is seen too.
 */

import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A place in a bundle; both count from 0. */
interface Position {
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** A bundle that is not minified, and where the lines of src/ went: "src/a.ts:12" to the first place of each. */
export interface MappedBundle {
  readonly code: string;
  readonly positions: ReadonlyMap<string, Position>;
}

/** Bundles the Worker at `entry`, a path from the repository's top, whose Durable Object classes are `classes`. */
export async function bundleMapped(
  entry: string,
  classes: readonly string[],
): Promise<MappedBundle> {
  const outfile = resolve(ROOT, "dist/spec/worker.js");
  const { outputFiles } = await build({
    entryPoints: [resolve(ROOT, entry)],
    external: ["cloudflare:*"],
    bundle: true,
    format: "cjs",
    target: "es2024",
    sourcemap: "external",
    outfile,
    write: false,
  });
  const textOf = (ending: string): string =>
    outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? "";
  const map = JSON.parse(textOf(".map")) as SourceMapText;
  const files = map.sources.map((source) =>
    relative(ROOT, resolve(outfile, "..", source)).replaceAll("\\", "/"),
  );
  const [before, after] = loader(classes);
  return {
    code: `${before}\n${textOf(".js")}\n${after}`,
    // The loader's first line stands before those that are mapped.
    positions: firstPositions(`;${map.mappings}`, files),
  };
}

/** What stands around a bundle so that it is a module which loads it when it is first needed. */
function loader(classes: readonly string[]): [before: string, after: string] {
  const exported = classes.map(
    (name) =>
      `export class ${name} extends workers.DurableObject { constructor(state, env) { super(state, env); return new (loadBundle().${name})(state, env); } }`,
  );
  return [
    'import * as workers from "cloudflare:workers"; const bundled = { exports: undefined }; const runBundle = (module, require) => {',
    [
      "};",
      "const loadBundle = () => { if (bundled.exports === undefined) runBundle(bundled, () => workers); return bundled.exports; };",
      "export default { fetch: (...args) => loadBundle().default.fetch(...args) };",
      ...exported,
    ].join("\n"),
  ];
}

interface SourceMapText {
  readonly sources: readonly string[];
  readonly mappings: string;
}

/** The first place in the bundle of each line of src/. Reads the mappings of a source map, ECMA-426 section 9. */
function firstPositions(mappings: string, files: readonly string[]): Map<string, Position> {
  const positions = new Map<string, Position>();
  let [source, line] = [0, 0];
  for (const [lineNumber, segments] of mappings.split(";").entries()) {
    let columnNumber = 0;
    for (const segment of segments.split(",").filter((text) => text !== "")) {
      const [column = 0, sourceStep, lineStep] = decodeVlq(segment);
      columnNumber += column;
      if (sourceStep === undefined || lineStep === undefined) continue;
      source += sourceStep;
      line += lineStep;
      const place = `${files[source]}:${line + 1}`;
      if (place.startsWith("src/") && !positions.has(place))
        positions.set(place, { lineNumber, columnNumber });
    }
  }
  return positions;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Numbers in base 64: five bits in each character, the lowest first, then whether more follow; the lowest bit of all is the sign. */
function decodeVlq(text: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const character of text) {
    const digit = BASE64.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

/** Knows which of its places a workerd executes. */
export interface Coverage {
  /** Of the places, those that a breakpoint could be set at. */
  readonly known: ReadonlySet<string>;
  /** The places that were executed since the last time this was asked. */
  take(): Promise<ReadonlySet<string>>;
  close(): void;
}

type Command = (method: string, params?: object) => Promise<Record<string, unknown>>;

/** Begins to watch `places`, such as "src/a.ts:12" with its text, in the Worker of `bundle`, whose inspector listens on `port`. */
export async function startCoverage(
  port: number,
  bundle: MappedBundle,
  places: ReadonlyMap<string, string>,
): Promise<Coverage> {
  const { command, contextId, scriptId, close } = await connectInspector(port);
  // Where two stand in the middle of one statement, one breakpoint is for both.
  const placesByLocation = new Map<string, string[]>();
  for (const [place, text] of places) {
    const start = bundle.positions.get(place);
    const location = start && (await breakLocation(command, scriptId, start, text));
    if (location === undefined) continue;
    const key = JSON.stringify({ scriptId, ...location });
    placesByLocation.set(key, [...(placesByLocation.get(key) ?? []), place]);
  }
  for (const [location, these] of placesByLocation) {
    const noted = `for (const place of ${JSON.stringify(these)}) globalThis.executedPlaces.add(place);`;
    const condition = `(() => { globalThis.executedPlaces ??= new Set(); ${noted} return false; })()`;
    await command("Debugger.setBreakpoint", {
      location: JSON.parse(location) as object,
      condition,
    });
  }
  const expression =
    "(() => { const places = [...(globalThis.executedPlaces ?? [])]; globalThis.executedPlaces = new Set(); return JSON.stringify(places); })()";
  return {
    known: new Set([...placesByLocation.values()].flat()),
    async take() {
      const { result } = await command("Runtime.evaluate", { expression, contextId });
      const executed = JSON.parse((result as { value: string }).value) as string[];
      return new Set(executed);
    },
    close,
  };
}

/** Lines of the longest statement. */
const MAX_STATEMENT_LINES = 60;

/** The middle of a statement: a member of an object or a list, or the rest of an expression. Else it is the head of what follows. */
const IS_MEMBER = /^(["'`]|\.\.\.|[?:&|.(]|[\w$]+(:|,$|\?\.))/;

/**
 * Where a breakpoint for a line of source, `text`, can stand that is at `start` in the bundle: there, or at the beginning of the
 * statement that it is in the middle of, or in the function that it is the head of.
 */
async function breakLocation(
  command: Command,
  scriptId: string,
  { lineNumber, columnNumber }: Position,
  text: string,
): Promise<Position | undefined> {
  const find = async (from: Position, to: Position): Promise<Position[]> => {
    const [start, end] = [
      { scriptId, ...from },
      { scriptId, ...to },
    ];
    const found = await command("Debugger.getPossibleBreakpoints", { start, end });
    const { locations = [] } = found as { locations?: Position[] };
    return locations.map((one) => ({
      lineNumber: one.lineNumber,
      columnNumber: one.columnNumber,
    }));
  };
  const nextLine = { lineNumber: lineNumber + 1, columnNumber: 0 };
  const [there] = await find({ lineNumber, columnNumber }, nextLine);
  if (there !== undefined) return there;
  if (!IS_MEMBER.test(text)) {
    const latest = { lineNumber: lineNumber + MAX_STATEMENT_LINES, columnNumber: 0 };
    return (await find({ lineNumber, columnNumber }, latest))[0];
  }
  const earliest = { lineNumber: Math.max(0, lineNumber - MAX_STATEMENT_LINES), columnNumber: 0 };
  return (await find(earliest, { lineNumber, columnNumber })).at(-1);
}

/** A connection to the inspector, and the Worker's script behind it. */
async function connectInspector(
  port: number,
): Promise<{ command: Command; contextId: number; scriptId: string; close: () => void }> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const address = targets[0]?.webSocketDebuggerUrl.replace("localhost", "127.0.0.1");
  const socket = new WebSocket(address ?? "");
  await new Promise((opened, failed) => {
    socket.addEventListener("open", opened);
    socket.addEventListener("error", failed);
  });
  let [lastId, contextId, scriptId] = [0, 0, ""];
  const answers = new Map<number, (result: Record<string, unknown>) => void>();
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as {
      id?: number;
      result?: Record<string, unknown>;
      method?: string;
      params?: { url?: string; scriptId?: string; context?: { id: number } };
    };
    const { method, params = {} } = message;
    if (message.id !== undefined) answers.get(message.id)?.(message.result ?? {});
    if (method === "Debugger.scriptParsed" && params.url === "worker.js")
      scriptId = params.scriptId ?? "";
    if (method === "Runtime.executionContextCreated") contextId = params.context?.id ?? 0;
  });
  const command: Command = (method, params = {}) =>
    new Promise((answered) => {
      lastId += 1;
      answers.set(lastId, answered);
      socket.send(JSON.stringify({ id: lastId, method, params }));
    });
  await command("Debugger.enable");
  await command("Runtime.enable");
  return { command, contextId, scriptId, close: () => socket.close() };
}
