/** What every authority does for the MCP endpoint, whoever issues the tokens: challenges and resource metadata. */

import type { ServerIdentifiers } from "../../base/identifiers.ts";
import type { Authority } from "../../server/feature.ts";
import type { Server } from "../../server/registry.ts";
import { isRead } from "../../wire/response.ts";
import { oauthMethodNotAllowed } from "../errors.ts";
import { defaultScopes } from "../../server/scopes.ts";
import { accessRevoked, authenticate, insufficientScope, type TokenVerifier } from "./bearer.ts";
import { resourceMetadataResponse } from "./metadata.ts";

/** The protected resource in front of `server`. `issuerOf` names the authorization server that clients are sent to. */
export function protectedResource(
  { info, scopes }: Pick<Server, "info" | "scopes">,
  verify: TokenVerifier,
  issuerOf: (identifiers: ServerIdentifiers) => string,
): Pick<Authority, "authenticate" | "accessRevoked" | "insufficientScope" | "route"> {
  const resource = { name: info.title ?? info.name, scopes: defaultScopes(scopes) };
  return {
    authenticate: (http, identifiers) => authenticate(http, identifiers, verify, resource.scopes),
    accessRevoked: (identifiers) => accessRevoked(identifiers, resource.scopes),
    insufficientScope,
    route: (http, { pathname }, identifiers) => {
      const metadata = resourceMetadataResponse(
        pathname,
        identifiers,
        issuerOf(identifiers),
        resource,
      );
      return metadata === undefined || isRead(http) ? metadata : oauthMethodNotAllowed("GET, HEAD");
    },
  };
}
