/** Every room that a fork may do without, for Workers of tests that have them all. */

import type { Rooms } from "../../src/hall.ts";
import { stateDoor } from "../../src/state/door.ts";
import { tracerFor } from "../../src/telemetry/tracer.ts";
import { rotateKeys } from "../../src/vault/rotate.ts";
import { vaultIn } from "../../src/vault/vault.ts";

export const rooms: Rooms = {
  state: stateDoor,
  vault: { open: vaultIn, rotate: rotateKeys },
  traces: tracerFor,
};
