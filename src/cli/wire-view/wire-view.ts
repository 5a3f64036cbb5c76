/** The wire view of `make dev`, put together: a bundle that is watched, what it sends, and what is served of that. */

import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { ROOT } from "../environment.mjs";
import type { BundleEvent } from "../watched-env.ts";
import { readCitedLines } from "./citations.ts";
import { createCollector } from "./collector.ts";
import { watchBundle } from "./dev-bundle.ts";
import type { WireRecord } from "./entries.ts";
import { setMarks, type Marked } from "./marks.ts";
import { findParser, type Parse } from "./parser.ts";
import { redactBody } from "./redact.ts";
import { firstPositions, type SourceMapText } from "./source-lines.ts";
import { answerView, takenResponse } from "./view-routes.ts";

export interface WireViewOptions {
  readonly port: number;
  /** What a request for what was recorded must carry. */
  readonly key: string;
  readonly tokenCommand: string;
  /** Texts that are secrets wherever they stand: asked again with each record. */
  readonly knownSecrets: () => readonly string[];
  /** Is told, in a sentence and once, that a record was lost and why: the runtime says nothing of it. */
  readonly onLost: (text: string) => void;
}

/** What makes the bundle that is served of the one that wrangler made. */
export async function openWireView(
  options: WireViewOptions,
): Promise<(event: BundleEvent) => BundleEvent> {
  const parse = await findParser();
  const collector = createCollector(options.knownSecrets);
  let coverage = { watched: 0, cited: 0 };
  let bundles = 0;
  let hasLost = false;
  return (event) => {
    bundles += 1;
    const bundle = String(bundles);
    return watchBundle(event, bundle, {
      view: (request) => answerView(request, { ...options, collector, coverage: () => coverage }),
      async records(request) {
        try {
          collector.add((await request.json()) as WireRecord);
        } catch (error) {
          if (!hasLost) options.onLost(lostText(error));
          hasLost = true;
        }
        return takenResponse();
      },
      mark(code, path) {
        const cited = readCitedLines(ROOT);
        const marked = markBundle(parse, code, path, cited);
        coverage = { watched: marked.marks.length, cited: cited.length };
        collector.setMarks(bundle, marked.marks);
        return marked.code;
      },
    });
  };
}

/** An error may quote the record. */
function lostText(error: unknown): string {
  const text = redactBody(String(error), "text/plain");
  return `/wire lost what it was to record, and says so once: ${text}`;
}

function markBundle(
  parse: Parse | undefined,
  code: string,
  path: string,
  cited: ReturnType<typeof readCitedLines>,
): Marked {
  const unmarked = { code, marks: [] };
  if (parse === undefined) return unmarked;
  try {
    const map = JSON.parse(readFileSync(`${path}.map`, "utf8")) as SourceMapText;
    const pathOf = (source: string): string =>
      relative(ROOT, resolve(dirname(path), source)).replaceAll("\\", "/");
    return setMarks(code, parse(code), cited, firstPositions(map, pathOf));
  } catch {
    // What cannot be marked is served all the same, and the page says that no line is watched.
    return unmarked;
  }
}
