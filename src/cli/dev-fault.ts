/** Whether a Worker under development can serve, and what is wrong where it cannot, in a sentence. */

const ANSWER_MS = 30_000;
/** How long the log line that belongs to an answer may take to come. */
const LINE_MS = 2_000;

/** What the Worker or its runtime wrote to the log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** `reason`: why the Worker cannot serve. `trace`: of a 500, whose reason is in the log alone. */
export interface WorkerAnswer {
  readonly reason?: string;
  readonly trace?: string | undefined;
}

/** Asks the Worker on `port` what no caller is needed for. */
export async function askWorker(port: number): Promise<WorkerAnswer> {
  try {
    // Named, for whoever sees it among the requests of /wire.
    const headers = { "user-agent": "make dev" };
    const options = { method: "OPTIONS", headers, signal: AbortSignal.timeout(ANSWER_MS) };
    const response = await fetch(`http://127.0.0.1:${port}/`, options);
    const text = await response.text();
    if (response.status < 500) return {};
    return { reason: text, trace: /"trace":"(\w+)"/.exec(text)?.[1] };
  } catch (error) {
    return { reason: `The Worker does not answer: ${String((error as Error).cause ?? error)}` };
  }
}

/** The line with this trace id, from `lines`, which grow meanwhile. */
export async function lineWith(
  trace: string,
  lines: readonly LogLine[],
): Promise<LogLine | undefined> {
  for (const end = performance.now() + LINE_MS; performance.now() < end;) {
    const found = lines.find(({ message }) => message.includes(trace));
    if (found !== undefined) return found;
    await new Promise((passed) => setTimeout(passed, 20));
  }
  return undefined;
}

/** A mistake, and where in the app it is, such as "src/app/server.ts:12", where that is known. */
export interface Fault {
  readonly message: string;
  readonly place?: string | undefined;
}

/**
 * What a line of the log, or of the runtime, says in a sentence, and where in the app that was. `mapped` turns positions in
 * the bundle into positions in the sources.
 */
export function faultIn(text: string, mapped: (text: string) => string): Fault {
  const plain = mapped(text.startsWith("{") ? errorIn(text) : text);
  const [first = ""] = plain.split("\n");
  const message = first
    .replace(/^service core:user:\S*: /, "")
    .replace(/^(Uncaught )?(Error: )?/, "");
  // Who wrote the mistake, not who found it: what the app calls lies elsewhere in src.
  const places = [...plain.matchAll(/([\w@./-]+\.[cm]?[jt]sx?):(\d+):\d+/g)];
  const place = places.find(([, path = ""]) =>
    /^src\/app\/|^(?!src\/|node_modules\/|\.)/.test(path),
  );
  // A setting is not where it is read.
  return {
    message,
    place: place && !message.startsWith("Configuration:") ? `${place[1]}:${place[2]}` : undefined,
  };
}

/** What went wrong, of a line of the log: its stack follows as text, where it has one. */
function errorIn(text: string): string {
  const [line = "", ...stack] = text.split("\n");
  if (stack.length > 0) return stack.join("\n");
  const { error } = JSON.parse(line) as { readonly error?: string };
  return error ?? text;
}

/** The reason and the place for which the configuration `path` cannot be read. */
export function configurationError(path: string, error: Error): Error {
  // Where wrangler wraps what it says, the reason is inside.
  const { message, location } = (error.cause ?? error) as ParseError;
  const place = location?.line === undefined ? "" : `:${location.line}:${location.column + 1}`;
  return new Error(`${path}${place}: ${message}`, { cause: error });
}

interface ParseError {
  readonly message: string;
  readonly location?: { readonly line: number; readonly column: number };
}
