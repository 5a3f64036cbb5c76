/** A service that takes API keys and says whose they are, on loopback; well, or with one of the troubles such have. */

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { registerSecrets } from "../client/secrets.node.ts";

/** Two keys of one account, and one of another. */
export const KEYS = {
  first: "lw-live-8f0c2b4d6e1a3957",
  second: "lw-live-b7d9e1f3a5c70246",
  other: "lw-live-0a1b2c3d4e5f6a7b",
} as const;
export const UNKNOWN_KEY = "lw-live-ffffffffffffffff";
registerSecrets(...Object.values(KEYS), UNKNOWN_KEY);

const ACCOUNTS: Readonly<Record<string, number>> = {
  [KEYS.first]: 1815,
  [KEYS.second]: 1815,
  [KEYS.other]: 1852,
};
const JSON_TYPE = { "content-type": "application/json" };

export type UpstreamFailure = "down" | "slow" | "page" | "broken" | "nobody" | "elsewhere";

/** What the service can suffer from: how it answers then. */
const TROUBLES: Readonly<Record<UpstreamFailure, (response: ServerResponse) => unknown>> = {
  down: (response) => response.writeHead(500, JSON_TYPE).end('{"error":"down"}'),
  slow: (response) => response.writeHead(200, JSON_TYPE).write('{"account":'),
  page: (response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>Hello"),
  broken: (response) => response.writeHead(200, JSON_TYPE).end('{"account":'),
  nobody: (response) => response.writeHead(200, JSON_TYPE).end('{"account":{}}'),
  elsewhere: (response) => response.writeHead(302, { location: "/elsewhere" }).end(),
};

export interface ApiKeyService {
  /** The variables that make the app ask it. */
  readonly variables: Readonly<Record<string, string>>;
  /** From now on; none: it is well again. */
  setFailure(trouble?: UpstreamFailure): void;
  stop(): Promise<void>;
}

export async function serveApiKeyService(): Promise<ApiKeyService> {
  let trouble: UpstreamFailure | undefined;
  const server = createServer((request, response) => {
    if (trouble !== undefined) {
      TROUBLES[trouble](response);
      return;
    }
    const id = ACCOUNTS[request.headers.authorization?.replace(/^Bearer /, "") ?? ""];
    if (request.url !== "/me" || id === undefined) {
      response.writeHead(401).end();
      return;
    }
    response.writeHead(200, JSON_TYPE).end(JSON.stringify({ account: { id, plan: "free" } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    variables: {
      SIGN_IN: "api-key",
      UPSTREAM_NAME: "Loopback Weather",
      UPSTREAM_ACCOUNT: "account.id",
      UPSTREAM_URL: `http://127.0.0.1:${port}/me`,
    },
    setFailure: (next) => (trouble = next),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
