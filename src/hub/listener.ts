/**
 * A stateless listener at the hub: a hibernating WebSocket, and attached to it as JSON in UTF-8 what it wants to hear of.
 * MCP basic/utilities/subscriptions. Who may listen, and how many may, is decided in `hub-object.ts`.
 */

import { decodeUtf8 } from "../base/bytes.ts";
import { logError } from "../base/log.ts";
import { matchesFilter, type Change, type SubscriptionFilter } from "../protocol/change.ts";

export interface Listener {
  readonly filter: SubscriptionFilter;
  readonly caller: string;
  readonly grant?: string | undefined;
  /** A digest of the share that it counts against; none for strangers without an address. */
  readonly share?: string | undefined;
}

/** Request header that carries the {@link Listener} in base64url: an upgrade has no body. Only the Worker can reach this object. */
export const LISTENER_HEADER = "x-barewire-listener";

/** The {@link Listener} of the header's or the attachment's bytes. */
export function readListener(bytes: Uint8Array): Listener {
  return JSON.parse(decodeUtf8(bytes) ?? "") as Listener;
}

/** Listeners of all on one hub object: the platform takes 32,768, and those that are leaving count there. */
const MAX_LISTENERS = 30_000;

/** For how many more listeners each hub object has room at least. */
const listenerRoom = new WeakMap<DurableObjectState, number>();

/** Takes one more; where there is no room, the oldest make it. All are counted only where the last count leaves none. */
export function acceptListener(
  state: DurableObjectState,
  socket: WebSocket,
  tags: readonly (string | undefined)[],
  max: number = MAX_LISTENERS,
): void {
  let room = listenerRoom.get(state) ?? 0;
  if (room <= 0) {
    const sockets = state.getWebSockets();
    room = max - sockets.length;
    // Without a tag, workerd lists the newest first.
    for (const oldest of sockets.slice(max - 1)) closeSocket(oldest);
  }
  listenerRoom.set(state, room - 1);
  state.acceptWebSocket(
    socket,
    tags.filter((tag) => tag !== undefined),
  );
}

/** Sends `change`, whose JSON is `text`, to a listener that wants it and may hear of it. */
export function sendToListener(socket: WebSocket, change: Change, text: string): void {
  // One that is leaving is still listed.
  if (socket.readyState !== WebSocket.READY_STATE_OPEN) return;
  try {
    const { filter, caller } = readListener(socket.deserializeAttachment() as Uint8Array);
    const mayReceive = change.audience === undefined || change.audience === caller;
    if (mayReceive && matchesFilter(filter, change)) socket.send(text);
  } catch (error) {
    // Whoever comes after it must hear.
    logError("listener.notify_failed", error);
    closeSocket(socket);
  }
}

/** Ends a listener, or answers that it has ended. */
export function closeSocket(socket: WebSocket): void {
  try {
    socket.close(1000);
  } catch {
    // What cannot be closed is gone.
  }
}
