/**
 * A real outside issuer: BetterAuth with its OAuth provider, on a free port of loopback, all in memory. Its packages are
 * installed beside this file and not with the rest, so that whoever only builds or deploys does without them.
 */

import { createServer } from "node:http";
import { oauthProvider } from "@better-auth/oauth-provider";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { getAuthTables } from "better-auth/db";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";

/** Listens at once, so that its issuer identifier is known; serves when `open` was told what it issues tokens for. */
export async function serveBetterAuth() {
  let handle = (_request, response) => response.writeHead(503).end();
  const requested = [];
  const server = createServer((request, response) => {
    requested.push(`${request.method} ${request.url}`);
    return handle(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const rows = {};
  let auth;
  return {
    issuer: `${origin}/api/auth`,
    requested,
    /** `opaque`: tokens that mean something to the issuer alone. */
    open(resource, { opaque = false } = {}) {
      const options = settings(origin, rows, resource, opaque);
      for (const { modelName } of Object.values(getAuthTables(options))) rows[modelName] = [];
      auth = betterAuth(options);
      handle = toNodeHandler(auth);
    },
    /** A JWT of any claims under the issuer's own key. */
    sign: async (payload) => (await auth.api.signJWT({ body: { payload } })).token,
    /** From now on there is another key, and the old one is gone. */
    rotate: () => {
      rows.jwks.splice(0);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

function settings(baseURL, rows, resource, opaque) {
  return {
    baseURL,
    secret: "for tests alone, kept by nobody: kN8vQ2xR7mT4wZ9p",
    database: memoryAdapter(rows),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: "error" },
    plugins: [
      ...(opaque ? [] : [jwt()]),
      oauthProvider({
        loginPage: "/login",
        consentPage: "/consent",
        allowDynamicClientRegistration: true,
        allowUnauthenticatedClientRegistration: true,
        scopes: ["openid", "offline_access", "read"],
        resources: [resource],
        clientRegistrationDefaultResources: [resource],
        disableJwtPlugin: opaque,
      }),
    ],
  };
}
