/**
 * Empties what tests have stored. The platform's `reset` leaves objects as they are that it has unloaded, as it does after
 * some 10 s without a request: on a busy machine a test then finds what an earlier one wrote. So they are loaded first.
 */

import { listDurableObjectIds, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { underWay } from "./counting.ts";

/** Namespaces whose objects have no names: one that was emptied is never used again. There are thousands. */
const UNNAMED: ReadonlySet<string> = new Set(["SESSION", "GRANT", "TASK"]);
const DATABASES = ["VAULT"];
const MAX_TRIES = 5;

/** The unnamed ones that were emptied. Test files share a workerd, so this outlives each of them. */
const shared = globalThis as { barewireEmptied?: Set<string> };
shared.barewireEmptied ??= new Set();
const emptied = shared.barewireEmptied;

/** Empties every object, database and namespace of keys, whoever filled them. */
export async function emptyStorage(): Promise<void> {
  await Promise.all(underWay);
  for (const stub of await unloadedObjects()) await runInDurableObject(stub, () => undefined);
  // Once in some hundred runs the platform's reset left a database as it was (seen in CI: 105 rows of the file before).
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    await reset();
    if (await areDatabasesEmpty()) return;
    console.warn("The storage of the file before is still there: reset again.");
  }
  throw new Error("The storage of the file before could not be emptied.");
}

async function unloadedObjects(): Promise<DurableObjectStub[]> {
  const stubs: DurableObjectStub[] = [];
  for (const [name, namespace] of namespaces()) {
    for (const id of await listDurableObjectIds(namespace)) {
      if (emptied.has(String(id))) continue;
      if (UNNAMED.has(name)) emptied.add(String(id));
      stubs.push(namespace.get(id));
    }
  }
  return stubs;
}

async function areDatabasesEmpty(): Promise<boolean> {
  for (const name of DATABASES) {
    const database = (env as Partial<Record<string, D1Database>>)[name];
    const tables = await database?.prepare("SELECT name FROM sqlite_master").all();
    if (tables?.results.some((table) => !String(table["name"]).startsWith("_cf_"))) return false;
  }
  return true;
}

/** The bindings that are namespaces of Durable Objects, with their names. */
export function namespaces(): [name: string, namespace: DurableObjectNamespace][] {
  return Object.entries(env).filter((entry): entry is [string, DurableObjectNamespace] =>
    isNamespace(entry[1]),
  );
}

function isNamespace(binding: unknown): binding is DurableObjectNamespace {
  // Service bindings answer to every name, so only the constructor tells.
  return binding instanceof Object && binding.constructor.name.endsWith("DurableObjectNamespace");
}
