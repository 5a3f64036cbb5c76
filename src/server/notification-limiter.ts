/**
 * Limits the notifications of one handler: they pass while the handler runs, at a bounded rate.
 * MCP patterns/progress#implementation-notes, server/utilities/logging#implementation-considerations.
 * What exceeds the rate is dropped: notifications inform, they carry nothing that the result does not.
 */

import type { Cancellation } from "../base/cancellation.ts";
import { now } from "../base/time.ts";
import type { NotificationSink } from "../protocol/outcome.ts";

/** Notices that may go out at once, and how many a second follow. */
export const NOTIFICATION_BURST = 200;
export const NOTIFICATIONS_PER_SECOND = 50;

export interface NotificationLimiter {
  readonly sink: NotificationSink;
  /** Nothing passes after this. */
  close(): void;
}

/** Passes notifications to `sink` at a bounded rate until it is closed or the call is cancelled. */
export function limitNotifications(
  sink: NotificationSink,
  cancel: Cancellation,
): NotificationLimiter {
  let isOpen = true;
  let tokens = NOTIFICATION_BURST;
  // Nothing is to be refilled before the first: it looks at no clock.
  let refilledAtMs = 0;
  return {
    sink: (notification) => {
      // spec: progress.stop, cancel.silent
      if (!isOpen || cancel.aborted) return;
      // spec: progress.rate, logging.rate.limited
      const nowMs = now();
      tokens = Math.min(
        NOTIFICATION_BURST,
        tokens + ((nowMs - refilledAtMs) * NOTIFICATIONS_PER_SECOND) / 1_000,
      );
      refilledAtMs = nowMs;
      if (tokens < 1) return;
      tokens -= 1;
      sink(notification);
    },
    close: () => {
      isOpen = false;
    },
  };
}
