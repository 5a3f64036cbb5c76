/** A client in what is shown to a person: its own name for itself, and what is known of who it is. */

import { isLoopback } from "../clients/redirect-uri.ts";
import type { ClientView } from "../pages/views.ts";
import type { AuthorizationRequest } from "./authorization-request.ts";

/** The client as a person should see it. A private scheme has no host worth showing: any app may claim it. */
export function describeClient({
  client,
  clientName,
  clientHost,
  redirectUri,
}: Pick<AuthorizationRequest, "client" | "clientName" | "clientHost" | "redirectUri">): ClientView {
  const { protocol, host } = new URL(redirectUri);
  const isHttp = /^https?:$/.test(protocol);
  return {
    name: clientName,
    isConfigured: clientHost === undefined && !client.startsWith("dcr:"),
    metadataHost: clientHost,
    redirectHost: isHttp ? host : protocol,
    isLocal: !isHttp || isLoopback(redirectUri),
  };
}
