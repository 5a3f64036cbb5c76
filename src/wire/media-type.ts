/**
 * Media types in headers: Content-Type (RFC 9110 section 8.3) and Accept (section 12.5.1).
 * Parsed into type and parameters, never searched as substrings. Quality 0 means "not this".
 */

/** True when `header` names exactly `type` (case-insensitive); parameters such as charset are allowed. */
export function isMediaType(header: string | null, type: string): boolean {
  // Every real client sends the bare form: spare it the parsing.
  return header === type || (header !== null && essence(header) === type);
}

/** True when `accept` allows `type`, by name or by wildcard, with a quality above 0. */
export function acceptsMediaType(accept: string, type: string): boolean {
  const typeWildcard = `${type.slice(0, type.indexOf("/"))}/*`;
  let bestMatch: { rank: number; quality: number } | undefined;
  for (const range of accept.split(",")) {
    const name = essence(range);
    const rank = ["*/*", typeWildcard, type].indexOf(name);
    const quality = Number(/;\s*q\s*=\s*([0-9.]+)/i.exec(range)?.[1] ?? 1);
    if (rank >= 0 && (bestMatch === undefined || rank > bestMatch.rank))
      bestMatch = { rank, quality };
  }
  return bestMatch !== undefined && bestMatch.quality > 0;
}

function essence(header: string): string {
  return (header.split(";", 1)[0] ?? "").trim().toLowerCase();
}
