/** Every module that a fork may do without, for Workers of tests that have them all. */

import type { OptionalModules } from "../../src/worker/runtime.ts";
import { createStorageClient } from "../../src/storage/client.ts";
import { createTracer } from "../../src/telemetry/tracer.ts";
import { rotateKeys } from "../../src/worker/admin.ts";
import { createVault } from "../../src/vault/vault.ts";

export const optionalModules: OptionalModules = {
  storage: createStorageClient,
  vault: { open: createVault, rotate: rotateKeys },
  telemetry: createTracer,
};
