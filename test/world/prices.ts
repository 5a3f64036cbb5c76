/**
 * What a million of everything costs: the operations of one, as test/system/cost.test.ts counts them, times the prices that
 * Cloudflare publishes. The table of src/README.md is made here: `make size` prints it.
 *
 * Prices of the paid plan beyond what it includes, in US dollars, read on 2026-11-29 in stored copies of two pages, which
 * may be older: developers.cloudflare.com/workers/platform/pricing and …/durable-objects/platform/pricing.
 */

import type { Costs } from "./counting.ts";

/** What is billed by the piece. */
export type Operations = Omit<Costs, "objectsCreated">;

/** Of a million. An alarm is a request to its object; of messages on WebSockets, twenty are one. */
export const PRICES: Readonly<Record<keyof Operations, number>> = {
  workerRequests: 0.3,
  requests: 0.15,
  alarms: 0.15,
  messages: 0.15 / 20,
  rowsRead: 0.001,
  rows: 1,
};

/** Of a gigabyte in objects for a month, which is a million kilobytes. */
export const GIGABYTE_MONTH = 0.2;

interface CostRow {
  /** In the plural. */
  readonly what: string;
  /** The operations of so many of it. */
  readonly per?: number;
  readonly operations: Operations;
}

export type CostName =
  | "statelessCall"
  | "sessionCall"
  | "streamedCall"
  | "sessionStart"
  | "sessionEnd"
  | "login"
  | "refresh"
  | "getStreamHour"
  | "listenStreamHour"
  | "change"
  | "changePerSession"
  | "task"
  | "taskStep"
  | "taskQuestion"
  | "taskPoll";

const NONE: Operations = {
  workerRequests: 0,
  requests: 0,
  alarms: 0,
  messages: 0,
  rowsRead: 0,
  rows: 0,
};

export const COSTS: Readonly<Record<CostName, CostRow>> = {
  statelessCall: {
    what: "stateless calls",
    operations: { ...NONE, workerRequests: 1 },
  },
  sessionCall: {
    what: "session calls, answered as JSON",
    operations: { ...NONE, workerRequests: 1, requests: 1 },
  },
  streamedCall: {
    what: "session calls, streamed: a notification and the answer",
    operations: { ...NONE, workerRequests: 1, requests: 2, rowsRead: 23, rows: 6 },
  },
  sessionStart: {
    what: "session starts",
    operations: { ...NONE, workerRequests: 1, requests: 2, rowsRead: 2, rows: 3 },
  },
  sessionEnd: {
    what: "session ends",
    operations: { ...NONE, workerRequests: 1, requests: 2, rowsRead: 3, rows: 5 },
  },
  login: {
    what: "logins, and the ends of their grants",
    operations: { ...NONE, workerRequests: 6, requests: 3, alarms: 2, rowsRead: 7, rows: 6 },
  },
  refresh: {
    what: "refreshes of a token",
    operations: { ...NONE, workerRequests: 1, requests: 1, rowsRead: 1, rows: 1 },
  },
  getStreamHour: {
    what: "hours of a session's idle GET stream",
    per: 25,
    operations: { ...NONE, requests: 1, alarms: 1, rowsRead: 37, rows: 3 },
  },
  listenStreamHour: {
    what: "hours of an idle `subscriptions/listen`",
    operations: NONE,
  },
  change: {
    what: "changes, to any number of `subscriptions/listen`",
    operations: { ...NONE, requests: 4, rowsRead: 12 },
  },
  changePerSession: {
    what: "changes, for each session that listens",
    operations: { ...NONE, requests: 1, rowsRead: 8, rows: 2 },
  },
  task: {
    what: "tasks without a step, to their deletion",
    operations: { ...NONE, workerRequests: 1, requests: 4, alarms: 2, rowsRead: 1, rows: 8 },
  },
  taskStep: {
    what: "steps of tasks",
    operations: { ...NONE, rows: 2 },
  },
  taskQuestion: {
    what: "questions of tasks, asked and answered",
    operations: { ...NONE, workerRequests: 1, requests: 1, alarms: 1, rows: 4 },
  },
  taskPoll: {
    what: "requests about a task (`tasks/get`)",
    operations: { ...NONE, workerRequests: 1, requests: 1 },
  },
};

/** US dollars for a million times these operations. */
export function dollars(operations: Operations): number {
  return (Object.keys(PRICES) as (keyof Operations)[]).reduce(
    (sum, name) => sum + operations[name] * PRICES[name],
    0,
  );
}

/** The table of src/README.md, line by line. */
export function costTable(): string[] {
  const row = (...cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
  const rows = Object.values(COSTS).map(({ what, per = 1, operations }) => {
    const { workerRequests, requests, alarms, messages, rowsRead, rows } = operations;
    const counts = [workerRequests, requests + alarms + messages / 20, rowsRead, rows];
    return row(what, ...counts.map((count) => count / per), (dollars(operations) / per).toFixed(2));
  });
  return [
    row(
      "a million",
      "Worker requests of one",
      "object requests",
      "rows read",
      "rows written",
      "US$",
    ),
    "|---|---|---|---|---|---|",
    ...rows,
    row("kilobytes stored in objects for a month", "", "", "", "", GIGABYTE_MONTH.toFixed(2)),
  ];
}
