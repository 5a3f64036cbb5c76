/** With a credential: asks an upstream in the caller's own name. The key comes from the vault and goes nowhere else. */

import * as z from "zod/mini";
import {
  CREDENTIAL_ID,
  PublicError,
  tool,
  valueAtPath,
  type ApiKeyService,
  type JsonObject,
  type Tool,
} from "../../api.ts";
import { getJson } from "../upstream.ts";

const ACCOUNT_SCHEMA = z.looseObject({});

/** The tool that uses the caller's key from the vault. */
export function upstreamAccount({ name, url, account }: ApiKeyService): Tool {
  return tool({
    name: "upstream_account",
    description: `Whose account at ${name} this person's key opens`,
    annotations: { readOnlyHint: true, openWorldHint: true },
    output: z.object({ service: z.string(), account: z.string() }),
    async handler(_args, context) {
      const credential = await context.vault.get(CREDENTIAL_ID.service, CREDENTIAL_ID.name);
      if (credential === undefined)
        throw new PublicError(`Your key for ${name} is not kept: sign in again`);
      const { key } = credential.reveal() as { key: string };
      const accountJson = await getJson(context, name, ACCOUNT_SCHEMA, url, {
        authorization: `Bearer ${key}`,
      });
      const id = accountJson && valueAtPath(accountJson as JsonObject, account);
      if (typeof id !== "string" && typeof id !== "number")
        throw new PublicError(
          `${name} does not say whose key it is: tell whoever runs this server`,
        );
      return { structuredContent: { service: name, account: String(id) } };
    },
  });
}
