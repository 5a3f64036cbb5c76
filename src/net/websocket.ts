/**
 * The one way to open a WebSocket outwards, to an address that the operator configured (RFC 6455, by way of fetch).
 * Refuses what does not upgrade within the time. Whoever holds one keeps the object that it lives in awake.
 */

import { startTimer } from "../base/time.ts";
import { err, ok, type Result } from "../base/result.ts";

const CONNECT_TIMEOUT_MS = 5_000;

/** A socket that is accepted, or why there is none: "url.scheme", "socket.refused", "socket.timeout", "socket.failed". */
export async function openWebSocket(url: string): Promise<Result<WebSocket, string>> {
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) return err("url.scheme");
  const controller = new AbortController();
  const cancelTimeout = startTimer(CONNECT_TIMEOUT_MS, () => controller.abort());
  try {
    const headers = { upgrade: "websocket", "user-agent": "barewire" };
    const response = await fetch(url.replace(/^ws/, "http"), {
      headers,
      signal: controller.signal,
      redirect: "manual",
    });
    if (response.webSocket === null) {
      // An answer left unread would hold one of the few connections.
      controller.abort();
      return err("socket.refused");
    }
    response.webSocket.accept();
    return ok(response.webSocket);
  } catch {
    return err(controller.signal.aborted ? "socket.timeout" : "socket.failed");
  } finally {
    cancelTimeout();
  }
}
