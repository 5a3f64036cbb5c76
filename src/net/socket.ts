/**
 * The one way to open a WebSocket outwards, to an address that the operator configured (RFC 6455, by way of fetch).
 * Refuses what does not upgrade within the time. Whoever holds one keeps the object that it lives in awake.
 */

import { after } from "../base/clock.ts";
import { err, ok, type Result } from "../base/result.ts";

const TIMEOUT_MS = 5_000;

/** A socket that is accepted, or why there is none: "url.scheme", "socket.refused", "socket.timeout", "socket.failed". */
export async function openSocket(url: string): Promise<Result<WebSocket, string>> {
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) return err("url.scheme");
  const controller = new AbortController();
  const giveUp = after(TIMEOUT_MS, () => controller.abort());
  try {
    const headers = { upgrade: "websocket", "user-agent": "barewire" };
    const answer = await fetch(url.replace(/^ws/, "http"), { headers, signal: controller.signal, redirect: "manual" });
    if (answer.webSocket === null) {
      // An answer left unread would hold one of the few connections.
      controller.abort();
      return err("socket.refused");
    }
    answer.webSocket.accept();
    return ok(answer.webSocket);
  } catch {
    return err(controller.signal.aborted ? "socket.timeout" : "socket.failed");
  } finally {
    giveUp();
  }
}
