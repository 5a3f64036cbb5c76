/**
 * Set up before every test file in workerd: nothing that was sealed or signed in it may appear in what it logged.
 * Tokens, codes and cookies all end in an output of `encrypt` or `sign`, client secrets are random bytes, so those three
 * are listened to, whoever calls them; the key ring of the tests is a secret from the start.
 */

import { env } from "cloudflare:workers";
import { afterAll, expect, vi } from "vitest";
import { encodeBase64url } from "../src/base/bytes.ts";
import { emptyStorage } from "./world/empty-storage.ts";

/** Characters at the end of a secret by which it is recognised. */
const TAIL = 20;

interface Heard {
  readonly tails: Set<string>;
  readonly lines: string[];
}

/** What was made and logged so far. Test files share a workerd, so this is set up once and outlives each of them. */
const shared = globalThis as { barewireSecrets?: Heard };
shared.barewireSecrets ??= startListening({ tails: new Set(), lines: [] });
const { tails, lines } = shared.barewireSecrets;

for (const { KEYS = "" } of [env as { KEYS?: string }]) registerSecret(KEYS.replaceAll(/[=]/g, ""));

function startListening(heard: Heard): Heard {
  const note = (secret: string): void => {
    if (secret.length >= TAIL) heard.tails.add(secret.slice(-TAIL));
  };
  for (const name of ["encrypt", "sign"] as const) {
    const real = crypto.subtle[name].bind(crypto.subtle) as (
      ...args: unknown[]
    ) => Promise<ArrayBuffer>;
    const listening = async (...args: unknown[]): Promise<ArrayBuffer> => {
      const made = await real(...args);
      note(encodeBase64url(new Uint8Array(made)));
      return made;
    };
    Object.defineProperty(crypto.subtle, name, { value: listening, configurable: true });
  }
  // Client secrets are plain random bytes; shorter ones are ids, which may be told.
  const fill = crypto.getRandomValues.bind(crypto) as (bytes: Uint8Array) => Uint8Array;
  const listeningFill = (bytes: Uint8Array): Uint8Array => {
    fill(bytes);
    if (bytes.byteLength >= 32) note(encodeBase64url(bytes));
    return bytes;
  };
  Object.defineProperty(crypto, "getRandomValues", { value: listeningFill, configurable: true });
  for (const name of ["log", "info", "warn", "error", "debug"] as const) {
    const real = console[name].bind(console);
    console[name] = (...args: unknown[]) => {
      heard.lines.push(args.map(String).join(" "));
      real(...args);
    };
  }
  return heard;
}

/** Makes `secret` one that no log line may hold. */
export function registerSecret(secret: string): void {
  if (secret.length >= TAIL) tails.add(secret.slice(-TAIL));
}

/** The lines that hold a secret. */
export function linesWithSecrets(of: readonly string[] = lines): string[] {
  return of.filter((line) => {
    for (let at = TAIL; at <= line.length; at++)
      if (tails.has(line.slice(at - TAIL, at))) return true;
    return false;
  });
}

// A file finds nothing of the files before it, and no clock of theirs. Before it is loaded: a stub that it makes then would
// be broken by this.
vi.useRealTimers();
await emptyStorage();

afterAll(() => {
  const found = linesWithSecrets();
  lines.length = 0;
  expect(found).toEqual([]);
});
