/** With a credential: asks an upstream in the caller's own name. The key comes from the vault and goes nowhere else. */

import {
  type ApiKeyService,
  CREDENTIAL_ID,
  defineTool,
  jsonSchema,
  object,
  PublicError,
  type Tool,
  valueAtPath,
} from "../../api.ts";
import { getJson } from "../upstream.ts";

const ACCOUNT_SCHEMA = jsonSchema({ type: "object" });

/** The tool that uses the caller's key from the vault. */
export function upstreamAccount({ name, url, account }: ApiKeyService): Tool {
  return defineTool({
    name: "upstream_account",
    description: `Whose account at ${name} this person's key opens`,
    annotations: { readOnlyHint: true, openWorldHint: true },
    output: jsonSchema(object({ service: { type: "string" }, account: { type: "string" } })),
    async handler(_args, context) {
      const credential = await context.vault.get(CREDENTIAL_ID.service, CREDENTIAL_ID.name);
      if (credential === undefined)
        throw new PublicError(`Your key for ${name} is not kept: sign in again`);
      const { key } = credential.reveal() as { key: string };
      const accountJson = await getJson(context, name, ACCOUNT_SCHEMA, url, {
        authorization: `Bearer ${key}`,
      });
      const id = accountJson && valueAtPath(accountJson, account);
      if (typeof id !== "string" && typeof id !== "number")
        throw new PublicError(
          `${name} does not say whose key it is: tell whoever runs this server`,
        );
      return { structuredContent: { service: name, account: String(id) } };
    },
  });
}
