/** Makes entries of the records that the Worker of `make dev` sends. A secret is taken out before anything is kept. */

import type { CitedLine } from "./citations.ts";
import {
  addRequestBody,
  addResponse,
  addResponseBody,
  eventEntry,
  exchangeEntry,
  objectEntry,
  thrownText,
  type ExchangeEntry,
  type WireEntry,
  type WireRecord,
} from "./entries.ts";
import { createEntryStore, type Changes, type EntryStore } from "./entry-store.ts";

/** Bundles whose marks are remembered: what began before a save ends after it. */
const MAX_BUNDLES = 4;
/** Exchanges whose end never came, such as those of a Worker that was replaced. */
const MAX_OPEN = 1_000;

export interface RecordCollector {
  add(record: WireRecord): void;
  /** Says what the marks of a bundle stand for, by their numbers. */
  setMarks(bundle: string, marks: readonly CitedLine[]): void;
  /** As EntryStore has it. */
  readonly changesAfter: (...since: Parameters<EntryStore["changesAfter"]>) => Promise<Changes>;
  exchange(n: number): ExchangeEntry | undefined;
}

/** `knownSecrets` gives the texts that are secrets wherever they stand. */
export function createCollector(knownSecrets: () => readonly string[] = () => []): RecordCollector {
  // An exchange may have ended before the copy of its body was read, and it may stream for longer than it is listed.
  const exchanges = new Map<string, ExchangeEntry>();
  const store = createEntryStore((entry) => {
    if (entry.kind === "exchange" && hasEnded(entry)) exchanges.delete(entry.id);
  });
  const marksByBundle = new Map<string, readonly CitedLine[]>();
  let lastNumber = 0;
  const nextNumber = (): number => {
    lastNumber += 1;
    return lastNumber;
  };
  const idsOf = ({ bundle, marks = [] }: WireRecord): readonly string[] =>
    marks.flatMap((mark) => marksByBundle.get(bundle)?.[mark]?.ids ?? []);
  const keep = (entry: WireEntry, record: WireRecord): void => {
    const threw = thrownText(record, knownSecrets());
    if (record.ms !== undefined) entry.ms = record.ms;
    if (threw !== undefined) entry.threw = threw;
    entry.ids = [...new Set([...entry.ids, ...idsOf(record)])];
    store.keep(entry);
  };
  const begin = (record: WireRecord): void => {
    if (record.exchange === undefined) return keep(objectEntry(nextNumber(), record), record);
    const entry = exchangeEntry(nextNumber(), record, knownSecrets());
    exchanges.set(entry.id, entry);
    for (const id of exchanges.keys()) if (exchanges.size > MAX_OPEN) exchanges.delete(id);
    keep(entry, record);
  };
  return {
    add(record) {
      if (record.exchange === undefined || record.what === "request") return begin(record);
      const entry = exchanges.get(record.exchange);
      if (entry === undefined) return;
      const known = knownSecrets();
      addToExchange(entry, record, known);
      if (record.what === "event") store.keep(eventEntry(nextNumber(), entry, record, known));
      if (store.find(entry.n) !== undefined) keep(entry, record);
      else if (hasEnded(entry)) exchanges.delete(entry.id);
    },
    setMarks(bundle, marks) {
      marksByBundle.set(bundle, marks);
      for (const name of marksByBundle.keys())
        if (marksByBundle.size > MAX_BUNDLES) marksByBundle.delete(name);
    },
    changesAfter: (...since) => store.changesAfter(...since),
    exchange(n) {
      const found = store.find(n);
      return found?.kind === "exchange" ? found : undefined;
    },
  };
}

function hasEnded({ state }: ExchangeEntry): boolean {
  return state === "ended" || state === "left";
}

function addToExchange(entry: ExchangeEntry, record: WireRecord, known: readonly string[]): void {
  if (record.what === "request-body") addRequestBody(entry, record, known);
  if (record.what === "response") addResponse(entry, record, known);
  if (record.what === "response-body") addResponseBody(entry, record, known);
  if (record.what === "event") entry.events += 1;
  if (record.what === "end") entry.state = record.left === true ? "left" : "ended";
}
