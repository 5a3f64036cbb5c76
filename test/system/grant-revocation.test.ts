/** A grant that ends takes everything along that lived by it, also when the hub cannot be reached at first. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MAX_ATTEMPTS } from "../../src/base/retry.ts";
import type { Caller } from "../../src/base/caller.ts";
import { revocationEndpoint } from "../../src/oauth/authorization-server/revocation.ts";
import { tokenEndpoint } from "../../src/oauth/authorization-server/token.ts";
import { HUB_SHARDS } from "../../src/hub/client.ts";
import {
  addRegistryRow,
  initialize,
  openGetStream,
  openSession,
  ping,
  registryRows,
  shards,
} from "../hub/hub.ts";
import type { EventReader } from "../transport/session/client.ts";
import { closedGrants, faults } from "../world/faults.ts";
import {
  createAuthorizationServer,
  grantStub,
  openGrant,
  identifiers,
  formRequest,
  VERIFIER,
  type TestAuthorizationServer,
} from "../oauth/authorization-server.ts";

afterEach(() => {
  vi.useRealTimers();
  faults.hub.revoke = 0;
});

const redirect_uri = "https://client.test/callback";
const alarmOf = (id: string): Promise<number | null> =>
  runInDurableObject(grantStub(id), (_, { storage }) => storage.getAlarm());
const rowOf = (id: string): Promise<unknown> =>
  runInDurableObject(grantStub(id), (_, { storage }) => storage.kv.get("grant"));

interface Live {
  readonly desk: TestAuthorizationServer;
  readonly id: string;
  readonly code: string;
  readonly by: Caller;
  readonly session: Awaited<ReturnType<typeof openSession>>;
  readonly stream: EventReader;
  readonly heard: string[];
  ask(form: Record<string, string>): Promise<Response>;
  revoke(client?: string): Promise<Response>;
}

/** A grant with a session and a stream under it, and the tokens of a client. */
async function live(): Promise<Live & { readonly refresh: string }> {
  const heard: string[] = [];
  const desk = createAuthorizationServer(
    {},
    {
      hooks: {
        onRevoke: async (...who) => {
          heard.push(who.join(" "));
        },
      },
    },
  );
  const { id, code } = await openGrant(desk);
  const by = { issuer: identifiers.issuer, subject: "ada", client: "cli", scopes: [], grant: id };
  const session = await openSession(by);
  const stream = await openGetStream(by, session);
  const ask = (form: Record<string, string>): Promise<Response> =>
    tokenEndpoint(desk, formRequest("/token", { client_id: "cli", ...form }), identifiers);
  const redeemed = await ask({
    grant_type: "authorization_code",
    code,
    code_verifier: VERIFIER,
    redirect_uri,
  });
  const { refresh_token: refresh = "" } = await redeemed.json<Record<string, string>>();
  return {
    desk,
    id,
    code,
    by,
    session,
    stream,
    heard,
    ask,
    refresh,
    revoke: (client = "cli") =>
      revocationEndpoint(
        desk,
        formRequest("/revoke", { client_id: client, token: refresh }),
        identifiers,
      ),
  };
}

async function expectEnded({ id, by, session, stream }: Live): Promise<void> {
  expect(await stream.next()).toBeUndefined();
  expect(await ping(by, session)).toBe(404);
  expect((await registryRows("")).map((row) => row.id)).not.toContain(session.id);
  expect((await initialize(by)).status).toBe(401);
  expect(await rowOf(id)).toBe("ended");
}

describe("while the hub cannot be reached", () => {
  it("a revocation says that it is not done, and asked again it does it", async () => {
    const one = await live();
    faults.hub.revoke = 2 * HUB_SHARDS;
    for (let round = 0; round < 2; round++) {
      const response = await one.revoke();
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await response.json()).toMatchObject({ error: "temporarily_unavailable" });
      expect(await ping(one.by, one.session)).toBe(200);
    }
    // What can be said without the hub is said at once.
    expect(await grantStub(one.id).status()).toBeUndefined();
    expect(
      (await one.ask({ grant_type: "refresh_token", refresh_token: one.refresh })).status,
    ).toBe(400);
    expect((await one.revoke()).status).toBe(200);
    await expectEnded(one);
    expect((await one.revoke()).status).toBe(200);
    expect(one.heard).toEqual([`ada cli ${one.id}`]);
  });

  it("nobody needs to ask again: the alarm does it", async () => {
    const one = await live();
    faults.hub.revoke = 3 * HUB_SHARDS;
    expect((await one.revoke()).status).toBe(503);
    const pauses: number[] = [];
    for (let round = 0; round < 3; round++) {
      await evictDurableObject(grantStub(one.id));
      pauses.push(Math.round(((await alarmOf(one.id)) ?? 0) - Date.now()) / 1000);
      expect(await runDurableObjectAlarm(grantStub(one.id))).toBe(true);
    }
    await expectEnded(one);
    for (const [index, seconds] of [5, 10, 20].entries()) {
      expect(pauses[index]).toBeGreaterThan(seconds - 5);
      expect(pauses[index]).toBeLessThanOrEqual(seconds);
    }
    // What is left outlives every form that could name it, and goes.
    expect(await alarmOf(one.id)).toBeGreaterThan(Date.now() + 900_000);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_000_000 });
    await runDurableObjectAlarm(grantStub(one.id));
    expect(await rowOf(one.id)).toBeUndefined();
  });

  it.each(["code", "refresh token"] as const)(
    "a replayed %s is refused, and the alarm ends what it gave",
    async (what) => {
      const one = await live();
      faults.hub.revoke = HUB_SHARDS;
      if (what === "refresh token") {
        await one.ask({ grant_type: "refresh_token", refresh_token: one.refresh });
        vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 11_000 });
      }
      const replay = (): Promise<Response> =>
        what === "code"
          ? one.ask({
              grant_type: "authorization_code",
              code: one.code,
              code_verifier: VERIFIER,
              redirect_uri,
            })
          : one.ask({ grant_type: "refresh_token", refresh_token: one.refresh });
      expect((await replay()).status).toBe(400);
      expect(await ping(one.by, one.session)).toBe(200);
      expect(await runDurableObjectAlarm(grantStub(one.id))).toBe(true);
      await expectEnded(one);
      expect(one.heard).toEqual([`ada cli ${one.id}`]);
    },
  );

  it("a code that is replayed once more ends it too", async () => {
    const one = await live();
    faults.hub.revoke = HUB_SHARDS;
    const replay = (): Promise<Response> =>
      one.ask({
        grant_type: "authorization_code",
        code: one.code,
        code_verifier: VERIFIER,
        redirect_uri,
      });
    expect((await replay()).status).toBe(400);
    expect(await rowOf(one.id)).toEqual({ client: "cli", attempts: 0 });
    expect((await replay()).status).toBe(400);
    await expectEnded(one);
  });

  it("another client learns nothing of it, and repeats nothing", async () => {
    const one = await live();
    faults.hub.revoke = HUB_SHARDS;
    expect((await one.revoke()).status).toBe(503);
    const before = closedGrants.length;
    expect((await one.revoke("once")).status).toBe(200);
    expect(closedGrants.length).toBe(before);
    expect(await grantStub(one.id).revoke("web")).toEqual({ isComplete: true });
    expect(await rowOf(one.id)).toEqual({ client: "cli", attempts: 0 });
  });

  it("it is given up some day, however often a client asks meanwhile", async () => {
    const one = await live();
    faults.hub.revoke = Infinity;
    for (let round = 0; round < 3; round++) expect((await one.revoke()).status).toBe(503);
    expect(await rowOf(one.id)).toEqual({ client: "cli", attempts: 0 });
    for (let round = 1; round < MAX_ATTEMPTS; round++) {
      await runDurableObjectAlarm(grantStub(one.id));
      expect(await rowOf(one.id)).toEqual({ client: "cli", attempts: round });
    }
    const pause = ((await alarmOf(one.id)) ?? 0) - Date.now();
    expect([pause > 3_500_000, pause <= 3_600_000]).toEqual([true, true]);
    await runDurableObjectAlarm(grantStub(one.id));
    expect(await rowOf(one.id)).toBe("ended");
  });
});

describe("what cannot be reached", () => {
  it("one shard that fails keeps no other from ending what it has", async () => {
    const one = await live();
    // Whichever shard is asked first fails.
    faults.hub.revoke = 1;
    expect((await one.revoke()).status).toBe(503);
    expect((await one.revoke()).status).toBe(200);
    await expectEnded(one);
  });

  it("one session that fails keeps no other from ending, and is tried again", async () => {
    const one = await live();
    const share = JSON.stringify([identifiers.issuer, "ada", "cli"]);
    // No id: whatever is asked of it throws. It comes first.
    await addRegistryRow(share, "!", Date.now(), JSON.stringify([one.id]));
    expect((await one.revoke()).status).toBe(503);
    expect(await one.stream.next()).toBeUndefined();
    expect(await ping(one.by, one.session)).toBe(404);
    for (const shard of shards())
      await runInDurableObject(shard, (_hub, { storage }) => {
        storage.sql.exec("DELETE FROM sessions WHERE id = '!'");
      });
    expect(await runDurableObjectAlarm(grantStub(one.id))).toBe(true);
    expect(await rowOf(one.id)).toBe("ended");
  });

  it("replays at once ask the hub once", async () => {
    const one = await live();
    const before = closedGrants.length;
    const replay = (): Promise<Response> =>
      one.ask({
        grant_type: "authorization_code",
        code: one.code,
        code_verifier: VERIFIER,
        redirect_uri,
      });
    const answers = await Promise.all(Array.from({ length: 20 }, replay));
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(20);
    expect(closedGrants.length - before).toBe(1);
    await expectEnded(one);
  });
});
