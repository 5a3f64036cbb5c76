/**
 * The ledger in the shape of the official suite's traceability manifest (modelcontextprotocol/conformance,
 * src/traceability/types.ts), for programs that read that. Where the suite has the number of a SEP, here a page of a text
 * stands, and where it has the id of a check, the id of an entry: the ledger goes by texts, not by proposals.
 */

import { pageOf, type EntryStatus } from "./status.node.ts";

/** What became of the statements of one page. */
interface Traced {
  /** Where they are declared. */
  readonly yaml: string | null;
  readonly specUrl: string | null;
  readonly requirements: readonly {
    readonly check: string;
    readonly status: "tested" | "untested";
    readonly text?: string;
    readonly url?: string;
  }[];
  readonly excluded: readonly { readonly text: string; readonly reason: string }[];
  readonly unkeyed: readonly { readonly text: string }[];
  readonly untracked: readonly string[];
  readonly summary: Readonly<
    Record<"tested" | "untested" | "excluded" | "untracked" | "unkeyed", number>
  >;
}

export interface Manifest {
  readonly schemaVersion: 1;
  readonly docs: string;
  /** What was tried: barewire at a commit. */
  readonly source: string | null;
  readonly seps: Readonly<Record<string, Traced>>;
}

/** "tested": an exchange or a vector proves the entry, as a check of the suite that was emitted. */
export function traceability(
  entries: readonly EntryStatus[],
  commit: string | undefined,
): Manifest {
  const pages = [...new Set(entries.map(pageOf))].toSorted();
  return {
    schemaVersion: 1,
    docs: "spec/README.md#for-programs",
    source: commit === undefined ? null : `barewire@${commit}`,
    seps: Object.fromEntries(
      pages.map((page) => [page, tracePage(entries.filter((entry) => pageOf(entry) === page))]),
    ),
  };
}

function tracePage(entries: readonly EntryStatus[]): Traced {
  const requirements = entries
    .filter(({ status }) => status !== "excluded")
    .map(({ id, status, text, url }) => ({
      check: id,
      status: status === "shown" ? ("tested" as const) : ("untested" as const),
      text,
      url,
    }));
  const excluded = entries
    .filter(({ status }) => status === "excluded")
    .map((entry) => ({ text: entry.text, reason: entry.excluded?.reason ?? "" }));
  const tested = requirements.filter(({ status }) => status === "tested").length;
  return {
    yaml: "spec/requirements",
    specUrl: entries[0]?.url.replace(/#.*$/, "") ?? null,
    requirements,
    excluded,
    unkeyed: [],
    untracked: [],
    summary: {
      tested,
      untested: requirements.length - tested,
      excluded: excluded.length,
      untracked: 0,
      unkeyed: 0,
    },
  };
}
