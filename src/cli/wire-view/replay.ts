/** Sends a recorded request again, from this process to the Worker on this machine. */

import { request as sendRequest } from "node:http";
import { messageOf } from "../errors.ts";
import type { ExchangeEntry } from "./entries.ts";
import { REDACTION } from "./redact.ts";

/** For how long an answer is read: a stream need not end. */
const READ_MS = 60_000;
const OWN_FIELDS = /^(content-length|connection|transfer-encoding)$/i;

/** What became of it: a status, or why it was not sent. `missing`: the names of the secrets that it lacks. */
export interface ReplayResult {
  readonly status?: number;
  readonly problem?: string;
  readonly missing?: readonly string[];
}

/** Sends `entry` again to `port`, with `secrets` by their names in place of what was redacted. They are not kept. */
export function replay(
  entry: ExchangeEntry,
  port: number,
  secrets: Readonly<Record<string, string>>,
): Promise<ReplayResult> {
  const { method, url, headers, body = "", bodyNote } = entry;
  if (bodyNote !== undefined)
    return Promise.resolve({ problem: `It cannot be sent again: its body is ${bodyNote}` });
  const whole = JSON.stringify([url, headers, body]);
  const names = new Set([...whole.matchAll(REDACTION)].map(([, name = ""]) => name));
  const missing = [...names].filter((name) => (secrets[name] ?? "") === "");
  if (missing.length > 0) {
    const problem = `It held secrets that the wire view does not keep: ${missing.join(", ")}`;
    return Promise.resolve({ problem, missing });
  }
  const fill = (text: string): string =>
    text.replaceAll(REDACTION, (_, name: string) => secrets[name] ?? "");
  const { pathname, search } = new URL(fill(url));
  const fields = headers.filter(([name]) => !OWN_FIELDS.test(name));
  const filled = fields.map(([name, value]) => [name, fill(value)] as const);
  const bytes = Buffer.from(fill(body));
  const sent = [
    ...filled,
    ...(body === "" ? [] : [["content-length", String(bytes.length)] as const]),
  ];
  return new Promise((resolve) => {
    try {
      const outgoing = sendRequest({
        host: "127.0.0.1",
        port,
        method,
        path: pathname + search,
        headers: Object.fromEntries(sent),
        signal: AbortSignal.timeout(READ_MS),
      });
      outgoing.once("response", (response) => {
        resolve({ status: response.statusCode ?? 0 });
        response.on("error", () => {});
        response.resume();
      });
      outgoing.on("error", (error) =>
        resolve({ problem: `It was not answered: ${error.message}` }),
      );
      outgoing.end(bytes);
    } catch (error) {
      resolve({ problem: `It cannot be sent: ${messageOf(error)}` });
    }
  });
}
