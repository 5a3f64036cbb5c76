/** Storage as a part of the Worker: handlers keep values, cache and limit. Needs the Durable Object `STORE`. */

import type { Feature } from "../server/feature.ts";
import { createStorageClient } from "./client.ts";
import { storageMembers } from "./context.ts";
import type { StoreObject } from "./store-object.ts";

/** Its bindings. */
export interface StorageEnv {
  readonly STORE: DurableObjectNamespace<StoreObject>;
}

/** Adds `storage`, `createStorage`, `openStorage`, `shareStorage`, `cache` and `rateLimit` to Context. */
export function storage(): Feature {
  return {
    start({ ring, settings }) {
      const client = createStorageClient(ring, settings.objects<StoreObject>("STORE"));
      return { contextMembers: storageMembers(client) };
    },
  };
}
