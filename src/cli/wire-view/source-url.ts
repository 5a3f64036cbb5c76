/** The URL of what a ledger entry is from, by the rules of spec/revisions.json. */

export interface Sources {
  readonly [text: string]: {
    readonly about: string;
    readonly pattern: string;
    readonly url: string;
  };
}

/** What is read of an entry of the ledger. */
export interface SourceOf {
  readonly source: string;
  /** The last revision in which it holds. */
  readonly until?: string | undefined;
}

/** Undefined for a source that fits no rule. MCP's pages are those of `until`, or of the newest revision. */
export function sourceUrl(
  sources: Sources,
  revisions: readonly string[],
  { source, until }: SourceOf,
): string | undefined {
  const rule = sources[source.slice(0, source.indexOf(":"))];
  const found = rule === undefined ? undefined : new RegExp(rule.pattern, "u").exec(source)?.groups;
  if (rule === undefined || found === undefined) return undefined;
  const { page = "", section, anchor = section === undefined ? "" : `section-${section}` } = found;
  const url = rule.url
    .replace("{revision}", until ?? revisions.at(-1) ?? "")
    .replace("{page}", page);
  return new URL(anchor === "" ? url.replace("#{anchor}", "") : url.replace("{anchor}", anchor))
    .href;
}
