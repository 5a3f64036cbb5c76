/**
 * Changes as events of a stream opened by GET, and the one event that stands for all of them.
 * MCP server/*#list-changed-notification, server/resources#subscriptions.
 */

import { toNotification, type Change } from "../../protocol/change.ts";
import { writeNotification } from "../../wire/jsonrpc.ts";
import type { SessionRuntime } from "./types.ts";

/** The notification of a change, as text. */
export function changeNotification(change: Change): string {
  const { method, params } = toNotification(change);
  return writeNotification(method, params);
}

/** How the events begin that are told anew where one may be lost. */
export const CHANGE_PREFIXES: readonly string[] = [
  ...(["tools", "prompts", "resources"] as const).map((list) => changeNotification({ list })),
  changeNotification({ uri: "" }),
].map((text) => text.replace(/,"params".*|}$/, ""));

/**
 * Says that all may have changed that the session's client listens for: one row, whatever the client watches. It begins like
 * a change, so that it goes with them.
 */
export const EVERYTHING_MAY_HAVE_CHANGED: string = `${CHANGE_PREFIXES[0]},"params":{"_meta":{"everything":true}}}`;

/** What a client is sent for an event: its data, or a notification for each list and each URI that the client watches. */
export function messagesOfEvent({ dependencies, store }: SessionRuntime, data: string): string[] {
  if (data !== EVERYTHING_MAY_HAVE_CHANGED) return [data];
  const lists = [...dependencies.server.changeableLists].map((list) => ({ list }));
  const resources = store.subscriptions().map((uri) => ({ uri }));
  return [...lists, ...resources].map(changeNotification);
}
