/**
 * What the official client asks of a program that lets it log in: a place to keep things, and a browser to send people
 * to. Here the browser is the test's: `asked` is the address, `finish` takes the query of the one it came back to.
 * Every secret that the client comes to hold is one that no server may log.
 */

import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type OAuthClientProvider,
} from "@modelcontextprotocol/client";
import { registerSecrets } from "./secrets.node.ts";

export interface PendingClientLogin {
  /** Where the person must go. */
  readonly authorizationUrl: URL;
  /** How often the client was given tokens by now. */
  tokens(): number;
  /** Goes on with the query of the redirect: the client redeems the code and connects. */
  finishLogin(answer: URLSearchParams): Promise<Client>;
}

/** A client that meets a closed door at `url`: it discovers, registers as `name`, and wants a person. */
export async function beginClientLogin(
  url: URL,
  redirectUrl: string,
  mode: "auto" | "legacy" = "auto",
  name: string = "Test visitor",
): Promise<PendingClientLogin> {
  const kept = new Map<string, unknown>();
  let asked: URL | undefined;
  let given = 0;
  const provider: OAuthClientProvider = {
    redirectUrl,
    clientMetadata: {
      client_name: name,
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    },
    state: () => "state-of-the-visitor",
    clientInformation: () => kept.get("client") as never,
    saveClientInformation: (client) => {
      if ("client_secret" in client) registerSecrets(client.client_secret);
      kept.set("client", client);
    },
    tokens: () => kept.get("tokens") as never,
    saveTokens: (tokens) => {
      registerSecrets(tokens.access_token, tokens.refresh_token);
      kept.set("tokens", tokens);
      given += 1;
    },
    redirectToAuthorization: (to) => {
      asked = to;
    },
    saveCodeVerifier: (verifier) => {
      registerSecrets(verifier);
      kept.set("verifier", verifier);
    },
    codeVerifier: () => kept.get("verifier") as string,
  };
  const connect = async (transport: StreamableHTTPClientTransport): Promise<Client> => {
    const client = new Client(
      { name: "visitor", version: "1.0.0" },
      { versionNegotiation: { mode } },
    );
    await client.connect(transport);
    return client;
  };
  const first = new StreamableHTTPClientTransport(url, { authProvider: provider });
  const refused = await connect(first).catch((error: unknown) => error);
  if (!(refused instanceof UnauthorizedError) || asked === undefined)
    throw new Error("The door was open", { cause: refused });
  return {
    authorizationUrl: asked,
    tokens: () => given,
    async finishLogin(answer) {
      registerSecrets(answer.get("code"));
      await first.finishAuth(answer);
      return connect(new StreamableHTTPClientTransport(url, { authProvider: provider }));
    },
  };
}
