/**
 * Who listens to a task: hibernating WebSockets of the Worker, each for one stream of `subscriptions/listen`. They cost
 * nothing while nothing changes, and outlive the object's memory.
 */

import { MAX_TASK_LISTENERS } from "./limits.ts";

/** Of one that has heard the end of its task. */
export const CLOSED = 1000;
/** Of one that made room for another: its subscription ends. */
const REPLACED = 4001;
/** Kept with the socket of one that has asked. */
const TOLD = "told";
/** Those of one tag are listed the oldest first. */
const TAG = "listener";

/**
 * Attaches one more; beyond {@link MAX_TASK_LISTENERS} the oldest goes. Gives the Worker's end. It is told nothing until it asks: of
 * a hundred tasks that a stream listens to, all would wait in memory.
 */
export function attachListener(object: DurableObjectState): WebSocket {
  const { 0: client, 1: server } = new WebSocketPair();
  const earlier = object.getWebSockets(TAG);
  object.acceptWebSocket(server, [TAG]);
  for (const socket of earlier.slice(0, Math.max(0, earlier.length + 1 - MAX_TASK_LISTENERS)))
    socket.close(REPLACED);
  return client;
}

/** The Worker asks: it is told what the task is, and from now on every change. */
export function startTelling(socket: WebSocket, json: string, isEnd: boolean): void {
  socket.serializeAttachment(TOLD);
  tell(socket, json, isEnd);
}

/** Whether anybody listens. */
export function hasListener(object: DurableObjectState): boolean {
  return object
    .getWebSockets(TAG)
    .some(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
}

/** Sends the task, as JSON, to everybody who listens and has asked. Nothing follows its end. */
export function tellListeners(object: DurableObjectState, json: string, isEnd: boolean): void {
  for (const socket of object.getWebSockets())
    if (socket.deserializeAttachment() === TOLD) tell(socket, json, isEnd);
}

function tell(socket: WebSocket, json: string, isEnd: boolean): void {
  // One that is leaving is still listed.
  if (socket.readyState !== WebSocket.READY_STATE_OPEN) return;
  socket.send(json);
  if (isEnd) socket.close(CLOSED);
}
