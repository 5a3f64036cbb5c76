/**
 * A real upstream provider: `oidc-provider`, which is certified for OpenID Connect, on a free port of loopback with its
 * own pages, all in memory. Whoever gives a login and any password is that person.
 */

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

/** Characters that HTTP Basic carries only when they are encoded. */
const SECRET = "a secret: of +the+ client, 100%/yours";

/** Listens at once, so that its issuer identifier is known; serves when `open` was told where people come from. */
export async function serveOpenId() {
  let handle = (_request, response) => response.writeHead(503).end();
  const server = createServer((request, response) => handle(request, response));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const kept = { minted: [], holding: false, held: undefined };
  return {
    issuer,
    client: { id: "barewire", secret: SECRET },
    /** Codes and tokens so far. */
    minted: kept.minted,
    open(callback) {
      const provider = new Provider(issuer, settings(callback));
      provider.use(watch(callback, kept));
      handle = provider.callback();
    },
    /** The next answer stays here: its address, once somebody logged in. The browser is told nothing. */
    hold: () => {
      Object.assign(kept, { holding: true, held: undefined });
    },
    held: () => kept.held,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

function settings(callback) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const client = { client_id: "barewire", client_secret: SECRET, redirect_uris: [callback] };
  return {
    clients: [client],
    cookies: { keys: ["for tests alone"] },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig" }] },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@people.example`, email_verified: true }),
    }),
  };
}

/** Notes what leaves the provider, and keeps an answer back when it was told to. */
function watch(callback, kept) {
  return async (context, next) => {
    await next();
    const { access_token, id_token } = (context.path === "/token" && context.body) || {};
    const location = context.response.get("location") ?? "";
    const code = location.startsWith(callback)
      ? new URL(location).searchParams.get("code")
      : undefined;
    kept.minted.push(...[access_token, id_token, code].filter((one) => typeof one === "string"));
    if (!kept.holding || !location.startsWith(callback)) return;
    Object.assign(kept, { holding: false, held: location });
    context.remove("location");
    context.status = 200;
    context.body = "Held back";
  };
}
