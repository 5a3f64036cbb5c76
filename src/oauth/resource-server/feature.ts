/** An outside authorization server as a part of the Worker: its tokens are taken, people sign in there. */

import type { AuthFeature } from "../../server/feature.ts";
import { protectedResource } from "./authority.ts";
import { externalTokenVerifier } from "./external-issuer.ts";

/** Its settings. */
export interface ExternalIssuerEnv {
  /** An outside authorization server, by its issuer identifier; empty: this is not how callers come in. */
  readonly AUTH_ISSUER?: string;
  /** "client_id:client_secret" at AUTH_ISSUER, to ask it about opaque tokens (RFC 7662). A secret. */
  readonly AUTH_INTROSPECTION?: string;
  /** "1" also takes JWTs of AUTH_ISSUER whose type does not say that they are access tokens (RFC 9068). */
  readonly ACCEPT_ANY_JWT_TYPE?: string;
}

/** Takes the tokens of AUTH_ISSUER, where that is set. */
export function externalIssuer(): AuthFeature {
  return {
    start({ server, settings }) {
      const issuer = settings.text("AUTH_ISSUER");
      const introspection = settings.text("AUTH_INTROSPECTION") || undefined;
      const acceptsAnyJwtType = settings.isOn("ACCEPT_ANY_JWT_TYPE");
      if (introspection !== undefined && !/^[^:\s]+:\S+$/.test(introspection))
        settings.reject('AUTH_INTROSPECTION must be "client_id:client_secret"');
      if (issuer === "" && (introspection !== undefined || acceptsAnyJwtType))
        settings.reject("AUTH_ISSUER is needed by AUTH_INTROSPECTION and ACCEPT_ANY_JWT_TYPE");
      if (issuer === "") return undefined;
      // RFC 8414 section 2; http is for a machine's own network.
      if (!URL.canParse(issuer) || !/^https?:\/\/[^@?#\s]+$/.test(issuer))
        settings.reject(
          "AUTH_ISSUER must be an http or https URL without user, query and fragment",
        );
      const verify = externalTokenVerifier({ issuer, introspection, acceptsAnyJwtType });
      return {
        mode: "external",
        ...protectedResource(server, verify, () => issuer),
        isPage: () => false,
      };
    },
  };
}
