/**
 * The valve between a handler and its client: open while the handler runs, and never a flood.
 * MCP patterns/progress#implementation-notes, server/utilities/logging#implementation-considerations.
 * What exceeds the flow is dropped: notices inform, they carry nothing that the result does not.
 */

import type { Cancellation } from "../base/cancellation.ts";
import { now } from "../base/clock.ts";
import type { Sink } from "../base/outcome.ts";

/** Notices that may go out at once, and how many a second follow. */
export const NOTICE_BURST = 200;
export const NOTICES_PER_SECOND = 50;

export interface Valve {
  readonly sink: Sink;
  /** Nothing passes after this. */
  close(): void;
}

export function valve(sink: Sink, cancel: Cancellation): Valve {
  let open = true;
  let tokens = NOTICE_BURST;
  let filled = now();
  return {
    sink: (notice) => {
      // spec: progress.stop, cancel.silent
      if (!open || cancel.aborted) return;
      // spec: progress.rate, logging.rate.limited
      const at = now();
      tokens = Math.min(NOTICE_BURST, tokens + ((at - filled) * NOTICES_PER_SECOND) / 1_000);
      filled = at;
      if (tokens < 1) return;
      tokens -= 1;
      sink(notice);
    },
    close: () => void (open = false),
  };
}
