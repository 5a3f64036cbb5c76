/** Upstream tokens where everything is real: an upstream that listens, and a database. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { copyDatabases, ROOT, startDevServer, VAULT_ID, type DevServer } from "./serve.node.ts";

const KEYS = `k1:${Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64")}`;
const EXPIRED = {
  kind: "oauth",
  access_token: "at-1",
  refresh_token: "rt-1",
  expires: 1,
  scope: "read",
};
const folder = mkdtempSync(join(tmpdir(), "barewire-vault-"));

let upstream: Server;
let served: DevServer;
/** What the upstream got. */
let asked: { readonly authorization: string | undefined; readonly form: URLSearchParams }[] = [];
/** How it answers, and after how long. */
let status = 200;
let delay = 0;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  writeFileSync(
    join(folder, "main.ts"),
    `export { worker as default } from "${ROOT}test/vault/worker.ts";`,
  );
  writeFileSync(
    join(folder, "wrangler.toml"),
    `name = "vault"
main = "main.ts"
compatibility_date = "2026-11-02"
compatibility_flags = ["enable_request_signal", "global_fetch_strictly_public"]
vars = { KEYS = "${KEYS}" }
[[d1_databases]]
binding = "VAULT"
database_name = "vault"
database_id = "${VAULT_ID}"
migrations_dir = "${ROOT}src/vault/migrations"
`,
  );
  copyDatabases(folder);
  served = await startDevServer(folder);
}, 90_000);

afterAll(async () => {
  await served.stop();
  upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  [asked, status, delay] = [[], 200, 0];
  await fetch(served.origin, { method: "POST", body: JSON.stringify(EXPIRED) });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  asked.push({ authorization: request.headers.authorization, form: await formOf(request) });
  const count = asked.length + 1;
  await pause(delay);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      access_token: `at-${count}`,
      refresh_token: `rt-${count}`,
      expires_in: 3_600,
    }),
  );
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

const tokenUrl = (): string =>
  `${served.origin}/token?url=http://127.0.0.1:${(upstream.address() as AddressInfo).port}/token`;
const json = async (url: string, init?: RequestInit): Promise<unknown> =>
  (await fetch(url, init)).json();

it("twenty at once ask a listening upstream once, as it is written", async () => {
  delay = 300;
  const all = await Promise.all(Array.from({ length: 20 }, () => json(tokenUrl())));
  expect(new Set(all)).toEqual(new Set(["at-2"]));
  expect(asked).toHaveLength(1);
  expect(Buffer.from(asked[0]?.authorization?.slice(6) ?? "", "base64").toString()).toBe(
    "c%3A1:s%2F2",
  );
  expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({
    grant_type: "refresh_token",
    refresh_token: "rt-1",
  });
  expect(await json(served.origin)).toMatchObject({
    access_token: "at-2",
    refresh_token: "rt-2",
    scope: "read",
  });
});

it("an upstream that fails costs nothing, and is asked again", async () => {
  status = 503;
  expect(await json(tokenUrl())).toBe("upstream");
  status = 200;
  expect(await json(tokenUrl())).toBe("at-3");
});

it("an upstream that does not listen is told apart", async () => {
  expect(await json(`${served.origin}/token?url=http://127.0.0.1:9/token`)).toBe("upstream");
  expect(await json(served.origin)).toEqual(EXPIRED);
});
