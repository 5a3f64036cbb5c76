/** How the tools here ask an upstream for JSON, and what a caller is told when it fails: a sentence for each way. */

import * as z from "zod/mini";
import { PublicError } from "../server/content.ts";
import type { Context } from "../server/context.ts";

const LIMITS = { accept: "application/json", maxBytes: 262_144, timeoutMs: 5_000 };

/** By the reasons of net/fetch.ts. */
const FAILED: Readonly<Record<string, string>> = {
  "fetch.timeout": "took too long",
  "fetch.large": "sent more than can be read",
  "fetch.type": "sent something else than JSON",
  "fetch.utf8": "sent something else than text",
  "fetch.redirect": "sent us elsewhere, where we do not go",
};

/** What is at `url`, when it has the shape; undefined when nothing is (404). `service` is its name in sentences. */
export async function getJson<Shape extends z.ZodMiniType>(
  context: Pick<Context, "fetch">,
  service: string,
  shape: Shape,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<z.infer<Shape> | undefined> {
  const answer = await context.fetch(url, { ...LIMITS, headers });
  if (!answer.ok) throw new PublicError(`${service} ${FAILED[answer.error] ?? "cannot be reached"}: try again later`);
  const { status, json } = answer.value;
  if (status === 404) return undefined;
  if (status === 429) throw new PublicError(`${service} is asked too often: wait a minute`);
  if (status === 401 || status === 403) {
    const next =
      headers["authorization"] === undefined
        ? "tell whoever runs this server"
        : "sign in again, with a key that it takes";
    throw new PublicError(`${service} does not let us in (${status}): ${next}`);
  }
  if (status >= 300) throw new PublicError(`${service} has a problem (${status}): try again later`);
  const read = z.safeParse(shape, json);
  if (!read.success) throw new PublicError(`${service} sent something that we cannot read: try again later`);
  return read.data;
}
