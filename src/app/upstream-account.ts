/** With a credential: asks an upstream in the caller's own name. The key comes from the vault and goes nowhere else. */

import * as z from "zod/mini";
import { PublicError } from "../server/content.ts";
import { tool, type Tool } from "../server/define.ts";
import { memberAt, UPSTREAM, type KeyedService } from "./sign-in/api-key.ts";
import { getJson } from "./upstream.ts";

const ABOUT = z.record(z.string(), z.json());

export function upstreamAccount({ name, url, account }: KeyedService): Tool {
  return tool({
    name: "upstream_account",
    description: `Whose account at ${name} this person's key opens`,
    annotations: { readOnlyHint: true, openWorldHint: true },
    output: z.object({ service: z.string(), account: z.string() }),
    async handler(_args, context) {
      const kept = await context.vault.get(UPSTREAM.service, UPSTREAM.name);
      if (kept === undefined) throw new PublicError(`No key of yours for ${name} is kept: sign in again with one`);
      const { key } = kept.reveal() as { key: string };
      const about = await getJson(context, name, ABOUT, url, { authorization: `Bearer ${key}` });
      const id = about && memberAt(about, account);
      if (typeof id !== "string" && typeof id !== "number")
        throw new PublicError(`${name} does not say whose key it is: tell whoever runs this server`);
      return { structuredContent: { service: name, account: String(id) } };
    },
  });
}
