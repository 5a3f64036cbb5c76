/** How the tools here ask an upstream for JSON, and what a caller is told when it fails: a sentence for each way. */

import { JSON_LIMITS, PublicError, type Context, type RawSchema } from "../api.ts";

const FETCH_LIMITS = { ...JSON_LIMITS, maxBytes: 262_144 };

/** By the reasons of net/fetch.ts. */
const FAILURE_TEXT: Readonly<Record<string, string>> = {
  "fetch.timeout": "took too long",
  "fetch.large": "sent too much",
  "fetch.type": "sent something else than JSON",
  "fetch.utf8": "sent something else than text",
  "fetch.redirect": "sent us elsewhere",
};

/** What is at `url`, when it has the shape; undefined when nothing is (404). `service` is its name in sentences. */
export async function getJson<T>(
  context: Pick<Context, "fetch">,
  service: string,
  shape: RawSchema<T>,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<T | undefined> {
  const response = await context.fetch(url, { ...FETCH_LIMITS, headers });
  if (!response.ok)
    throw new PublicError(
      `${service} ${FAILURE_TEXT[response.error] ?? "cannot be reached"}: try again later`,
    );
  const { status, json } = response.value;
  if (status === 404) return undefined;
  if (status === 429) throw new PublicError(`${service} is asked too often: wait a minute`);
  if (status === 401 || status === 403) {
    const advice =
      headers["authorization"] === undefined
        ? "tell whoever runs this server"
        : "sign in again, with another key";
    throw new PublicError(`${service} does not let us in (${status}): ${advice}`);
  }
  if (status >= 300) throw new PublicError(`${service} has a problem (${status}): try again later`);
  const parsed = shape.check(json);
  if (!parsed.ok)
    throw new PublicError(`${service} sent something that we cannot read: try again later`);
  return parsed.value;
}
