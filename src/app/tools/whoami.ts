/** The caller, as this server knows them. */

import { type Caller, defineTool, jsonSchema, object, type Tool } from "../../api.ts";

/** `signIn`: how people sign in here. */
export function whoami(signIn: string): Tool {
  return defineTool({
    name: "whoami",
    description: "Who is signed in here and how, by which app, with which rights",
    annotations: { readOnlyHint: true, openWorldHint: false },
    output: jsonSchema(
      object(
        {
          subject: { type: "string" },
          issuer: { type: "string" },
          client: { type: "string" },
          scopes: { type: "array", items: { type: "string" } },
          signedIn: { type: "string" },
          app: { type: "string" },
        },
        ["app"],
      ),
    ),
    handler: (_args, { caller, client }) => {
      // Never all of it: `properties` may hold secrets.
      const { subject, issuer, client: clientId, scopes } = caller;
      // What an app says of itself; nobody has checked it.
      const app = client.info === undefined ? {} : { app: client.info.name };
      return {
        structuredContent: {
          subject,
          issuer,
          client: clientId,
          scopes: [...scopes],
          signedIn: signInMethod(caller, signIn),
          ...app,
        },
      };
    },
  });
}

function signInMethod({ issuer, subject, client, grant }: Caller, signIn: string): string {
  if (issuer === "none") return "not at all";
  // Who agreed on this server's own pages has a grant here.
  if (grant !== undefined) return signIn;
  return subject === client ? "as an app, without a person" : "at the issuer";
}
