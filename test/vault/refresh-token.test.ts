/** Upstream tokens on a real database: renewed by one, for all, and never lost; the upstream's answers are this test's. */

import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { secret } from "../../src/base/secret.ts";
import type { CredentialId } from "../../src/vault/types.ts";
import { thrownMessage } from "../world/thrown-message.ts";
import { callStateless } from "../transport/session/client.ts";
import { createVault } from "../../src/vault/vault.ts";
import { ringOf } from "../crypto/keys.ts";
import {
  credentialRow,
  db,
  makeTables,
  tamper,
  uniqueCredential,
  vault,
  watchedDatabase,
} from "./database.ts";

const NOW = 1_763_700_000_000;
const upstream = {
  // An empty one, as `"".split(",")` gives it, is nobody's word.
  finalErrors: ["Own_Word", "20037", ""],
  tokenUrl: "https://up.test/token",
  clientId: "c:1",
  clientSecret: secret("s/2"),
};
const TOKEN = {
  kind: "oauth",
  access_token: "at-1",
  refresh_token: "rt-1",
  expires: NOW - 1,
  scope: "read",
};

/** Requests that the upstream got. */
let asked: Request[] = [];
let answer: (count: number) => Response | Promise<Response>;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const json = (body: JsonObject, status: number = 200): Response => Response.json(body, { status });

beforeAll(makeTables);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  asked = [];
  answer = (count) =>
    json({ access_token: `at-${count + 1}`, refresh_token: `rt-${count + 1}`, expires_in: 3_600 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push(request.clone());
    return answer(asked.length);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function kept(value: JsonObject = TOKEN): Promise<CredentialId> {
  const id = uniqueCredential("mail");
  await vault.put(id, value);
  return id;
}

/** The token, or the reason why there is none. */
async function token(id: CredentialId): Promise<string | undefined> {
  const got = await vault.token(id, upstream);
  return got.ok ? got.value?.reveal() : got.error.reason;
}

async function value(id: CredentialId): Promise<unknown> {
  const got = await vault.get(id);
  return got.ok ? got.value?.reveal() : got.error;
}

it("gives a token that lasts without asking anybody", async () => {
  const id = await kept({ ...TOKEN, expires: NOW + 61_000 });
  expect([await token(id), asked.length]).toEqual(["at-1", 0]);
  expect(await token(uniqueCredential())).toBeUndefined();
});

it("renews one that is about to expire, and keeps all that it does not replace", async () => {
  const id = await kept({ ...TOKEN, expires: NOW + 59_000, refresh_token: "rt-1" });
  vi.setSystemTime(NOW + 30_000);
  expect(await token(id)).toBe("at-2");
  expect(await value(id)).toEqual({
    ...TOKEN,
    access_token: "at-2",
    refresh_token: "rt-2",
    expires: NOW + 3_630_000,
  });
  const [request] = asked;
  expect(request?.headers.get("authorization")).toBe(`Basic ${btoa("c%3A1:s%2F2")}`);
  expect(await request?.text()).toBe("grant_type=refresh_token&refresh_token=rt-1");
  expect(await token(id)).toBe("at-2");
  expect(asked).toHaveLength(1);
});

it("keeps the refresh token of an upstream that does not rotate", async () => {
  const id = await kept();
  answer = () => json({ access_token: "at-9", expires_in: 3_600 });
  expect(await token(id)).toBe("at-9");
  expect(await value(id)).toMatchObject({ refresh_token: "rt-1" });
});

it("sends a secret in the form where the upstream wants it there", async () => {
  const id = await kept();
  await vault.token(id, { ...upstream, clientSecretMethod: "client_secret_post" });
  const [request] = asked;
  expect(request?.headers.has("authorization")).toBe(false);
  expect(await request?.text()).toBe(
    "grant_type=refresh_token&refresh_token=rt-1&client_id=c%3A1&client_secret=s%2F2",
  );
});

it("sends a public client's id in the form", async () => {
  const id = await kept();
  await vault.token(id, { tokenUrl: upstream.tokenUrl, clientId: "c" });
  expect(await asked[0]?.text()).toContain("client_id=c");
  expect(asked[0]?.headers.has("authorization")).toBe(false);
});

it("of a short life is not renewed by everybody in turn", async () => {
  const id = await kept();
  answer = () => json({ access_token: "at-short", expires_in: 30 });
  for (let count = 0; count < 5; count++) expect(await token(id)).toBe("at-short");
  expect(asked).toHaveLength(1);
});

it.each<[text: string, seconds: number]>([
  ["3600", 3_600],
  ['"120"', 120],
  ["1e999", 31_536_000],
  ["1e308", 31_536_000],
  ["31536001", 31_536_000],
  ["0", 3_600],
  ["-1", 3_600],
  ["-1e999", 3_600],
  ["null", 3_600],
  ['"soon"', 3_600],
  ["{}", 3_600],
])(
  "an upstream that says expires_in %s gives a token for %i s, and the next one after it",
  async (text, seconds) => {
    const id = await kept();
    const headers = { "content-type": "application/json" };
    answer = (count) =>
      new Response(`{"access_token":"at-${count + 1}","expires_in":${text}}`, { headers });
    expect(await token(id)).toBe("at-2");
    expect(await value(id)).toMatchObject({ expires: NOW + seconds * 1_000 });
    vi.setSystemTime(NOW + seconds * 1_000 - 61_000);
    expect([await token(id), asked.length]).toEqual(["at-2", 1]);
    vi.setSystemTime(NOW + seconds * 1_000);
    expect([await token(id), asked.length]).toEqual(["at-3", 2]);
  },
);

it("of which nobody said when it expires is renewed after an hour, where it can be", async () => {
  const { expires: _, ...unsaid } = TOKEN;
  for (const value of [unsaid, { ...unsaid, expires: null }]) {
    asked = [];
    const id = await kept(value);
    expect([await token(id), asked.length]).toEqual(["at-1", 0]);
    vi.setSystemTime(Date.now() + 3_600_000);
    const works = answer;
    answer = () => json({}, 503);
    // It may be good all the same.
    expect([await token(id), asked.length]).toEqual(["at-1", 1]);
    answer = () => works(1);
    expect([await token(id), asked.length]).toEqual(["at-2", 2]);
    answer = works;
  }
  const id = await kept({ kind: "oauth", access_token: "at-1" });
  vi.setSystemTime(Date.now() + 365 * 86_400_000);
  expect(await token(id)).toBe("at-1");
});

it("that the upstream refused is renewed once, for all who say so", async () => {
  const id = await kept({ ...TOKEN, expires: NOW + 3_600_000 });
  const refused = secret("at-1");
  const again = async (): Promise<string | undefined> => {
    const given = await vault.token(id, upstream, refused);
    return given.ok ? given.value?.reveal() : given.error.reason;
  };
  answer = async (count) => {
    await pause(50);
    return json({ access_token: `at-${count + 1}`, refresh_token: "rt-2", expires_in: 3_600 });
  };
  expect([await again(), asked.length]).toEqual(["at-1", 0]);
  vi.setSystemTime(NOW + 11_000);
  const all = await Promise.all([again(), again(), again()]);
  expect([...all, await again(), asked.length]).toEqual(["at-2", "at-2", "at-2", "at-2", 1]);
  // What the upstream does not give, is not given.
  vi.setSystemTime(NOW + 22_000);
  answer = () => json({}, 500);
  const next = await vault.token(id, upstream, secret("at-2"));
  expect(next.ok ? next.value : next.error.reason).toBe("upstream");
});

it("an upstream that refuses what it has just given is asked again after a while", async () => {
  const id = await kept({ ...TOKEN, expires: NOW + 3_600_000 });
  answer = async () => {
    await pause(50);
    return json({ access_token: "at-1", expires_in: 3_600 });
  };
  vi.setSystemTime(NOW + 11_000);
  for (const count of [1, 1, 2]) {
    const all = [1, 2, 3].map(() => vault.token(id, upstream, secret("at-1")));
    for (const given of await Promise.all(all))
      expect(given.ok && given.value?.reveal()).toBe("at-1");
    expect(asked).toHaveLength(count);
    vi.setSystemTime(Date.now() + 6_000);
  }
});

it("a credential that was kept with an endless life is good again", async () => {
  const id = await kept({ ...TOKEN, expires: null });
  expect([await token(id), asked.length]).toEqual(["at-1", 0]);
});

describe("when many ask at once", () => {
  it("the upstream is asked once, and all have the new token", async () => {
    const id = await kept();
    answer = async () => {
      await pause(200);
      return json({ access_token: "at-2", refresh_token: "rt-2", expires_in: 3_600 });
    };
    const all = await Promise.all(Array.from({ length: 20 }, () => token(id)));
    expect(new Set(all)).toEqual(new Set(["at-2"]));
    expect(asked).toHaveLength(1);
  });

  it("who has a token that still lasts does not wait for the new one", async () => {
    const id = await kept({ ...TOKEN, expires: NOW + 10_000 });
    await tamper(id, { updated_at_ms: NOW - 600_000, lease_until_ms: NOW + 20_000 });
    expect([await token(id), asked.length]).toEqual(["at-1", 0]);
  });

  it("a lease that a clock ahead wrote holds up nobody", async () => {
    const id = await kept();
    await tamper(id, { lease_until_ms: NOW + 3_600_000 });
    expect(await token(id)).toBe("at-2");
  });

  it.each([1, 5, 5_000, 59_000])(
    "a lease that a clock %i ms ahead wrote counts",
    async (aheadMs) => {
      const id = await kept({ ...TOKEN, expires: NOW + 10_000 });
      await tamper(id, { updated_at_ms: NOW - 600_000, lease_until_ms: NOW + 35_000 + aheadMs });
      expect([await token(id), asked.length]).toEqual(["at-1", 0]);
      await tamper(id, { lease_until_ms: 0 });
    },
  );

  it("a holder that died is replaced when its lease is over", async () => {
    const id = await kept();
    await tamper(id, { lease_until_ms: NOW + 20_000 });
    const waiting = token(id);
    await pause(150);
    expect(asked).toHaveLength(0);
    vi.setSystemTime(NOW + 20_001);
    expect(await waiting).toBe("at-2");
  });
});

describe("a database and an upstream that use up their time", () => {
  it("are waited for, and the refresh token is sent once", async () => {
    const id = await kept();
    const renewing = Promise.withResolvers<void>();
    const otherAsked = Promise.withResolvers<void>();
    const slow = watchedDatabase(async (text) => {
      if (text.includes("SET lease_until_ms = ?6")) vi.setSystemTime(NOW + 9_900);
      if (!text.includes("version = ?7")) return;
      vi.setSystemTime(NOW + 29_700);
      renewing.resolve();
      await otherAsked.promise;
    });
    answer = (count) => {
      vi.setSystemTime(NOW + 19_800);
      if (count > 1) return json({ error: "invalid_grant" }, 400);
      return json({ access_token: "at-2", refresh_token: "rt-2", expires_in: 3_600 });
    };
    const first = createVault(slow, ringOf("a")).token(id, upstream);
    await renewing.promise;
    // Who comes last finds the lease taken, and waits.
    let questionCount = 0;
    const second = createVault(
      watchedDatabase(async (text) => {
        if (text.startsWith("SELECT")) questionCount += 1;
        if (questionCount === 2) otherAsked.resolve();
      }),
      ringOf("a"),
    ).token(id, upstream);
    const tokens = await Promise.all([first, second]);
    expect(tokens.map((got) => got.ok && got.value?.reveal())).toEqual(["at-2", "at-2"]);
    expect(asked).toHaveLength(1);
  });

  it("leave no good token behind that counts as revoked", async () => {
    const id = await kept();
    answer = async () => {
      await tamper(id, { is_revoked: 1, lease_until_ms: NOW + 60_000 });
      return json({ access_token: "at-2", refresh_token: "rt-2", expires_in: 3_600 });
    };
    expect([await token(id), await token(id)]).toEqual(["at-2", "at-2"]);
    expect(await vault.list(id.owner)).toMatchObject({ value: [{ isRevoked: false }] });
  });
});

describe("a write of the new token that fails", () => {
  it.each([
    ["once", 1, false],
    ["three times", 3, false],
    ["though it was done", 1, true],
  ])("%s loses nothing", async (_, failureCount, isDone) => {
    const id = await kept();
    let remaining = failureCount;
    const failing = watchedDatabase(async (text, run) => {
      if (!text.includes("version = ?7") || remaining-- <= 0) return;
      if (isDone) await run();
      throw new Error("D1_ERROR: Network connection lost.");
    });
    const renewed = await createVault(failing, ringOf("a")).token(id, upstream);
    expect(renewed.ok && renewed.value?.reveal()).toBe("at-2");
    expect(await value(id)).toMatchObject({ refresh_token: "rt-2" });
    vi.setSystemTime(NOW + 3_600_000);
    expect(await token(id)).toBe("at-3");
    expect(await asked[1]?.text()).toContain("refresh_token=rt-2");
  });

  it("for as long as the lease lasts is told", async () => {
    const id = await kept();
    const failing = watchedDatabase(async (text) => {
      if (!text.includes("version = ?7")) return;
      vi.setSystemTime(Date.now() + 10_000);
      throw new Error("D1_ERROR: Network connection lost.");
    });
    expect(await createVault(failing, ringOf("a")).token(id, upstream)).toMatchObject({
      ok: false,
      error: { reason: "unavailable" },
    });
    await tamper(id, { lease_until_ms: 0 });
  });

  it("takes nothing from a credential that was put meanwhile", async () => {
    const id = await kept();
    let hasFailed = false;
    const failing = watchedDatabase(async (text) => {
      if (!text.includes("version = ?7") || hasFailed) return;
      hasFailed = true;
      await vault.put(id, { ...TOKEN, access_token: "at-new", expires: NOW + 3_600_000 });
      throw new Error("D1_ERROR: Network connection lost.");
    });
    const renewed = await createVault(failing, ringOf("a")).token(id, upstream);
    expect(renewed.ok && renewed.value?.reveal()).toBe("at-new");
  });
});

it.each<[string, (body: string) => Response]>([
  [
    "201",
    (body) => new Response(body, { status: 201, headers: { "content-type": "application/json" } }),
  ],
  ["as text", (body) => new Response(body)],
  [
    "with a name that is no UTF-8",
    (body) =>
      new Response(Uint8Array.from(`{"name":"Jos\xe9",${body.slice(1)}`, (c) => c.charCodeAt(0))),
  ],
  ["behind a byte order mark", (body) => new Response(`\uFEFF${body}`)],
])("an upstream that answers in its own way has its new refresh token kept: %s", async (_, say) => {
  answer = (count) =>
    say(
      JSON.stringify({
        access_token: `at-${count + 1}`,
        refresh_token: `rt-${count + 1}`,
        expires_in: 60,
      }),
    );
  const id = await kept();
  expect(await token(id)).toBe("at-2");
  vi.setSystemTime(NOW + 3_600_000);
  expect(await token(id)).toBe("at-3");
  const forms = await Promise.all(asked.map((request) => request.text()));
  expect(forms.map((form) => new URLSearchParams(form).get("refresh_token"))).toEqual([
    "rt-1",
    "rt-2",
  ]);
});

it("a renewal whose caller hangs up comes to its end, and the refresh token that the upstream rotated is kept", async () => {
  vi.useRealTimers();
  answer = async (count) => {
    await pause(500);
    return json({
      access_token: `at-${count + 1}`,
      refresh_token: `rt-${count + 1}`,
      expires_in: 3_600,
    });
  };
  await (await callStateless(1, "spec_token", { keep: true })).text();
  const caller = new AbortController();
  const left = thrownMessage(async () =>
    callStateless(2, "spec_token", { keep: false }, {}, caller.signal),
  );
  await vi.waitUntil(() => asked.length > 0, 10_000);
  caller.abort();
  expect(await left).toContain("abort");
  expect(await (await callStateless(3, "spec_token", { keep: false })).text()).toContain(
    '"text":"at-2"',
  );
  expect(asked).toHaveLength(1);
});

it.each(["", " "])(
  "a refresh token of an upstream that is %j takes the place of none",
  async (empty) => {
    answer = () => json({ access_token: "at-2", refresh_token: empty, expires_in: 60 });
    const id = await kept();
    expect(await token(id)).toBe("at-2");
    vi.setSystemTime(NOW + 3_600_000);
    expect(await token(id)).toBe("at-2");
    const forms = await Promise.all(asked.map((request) => request.text()));
    expect(forms.map((form) => new URLSearchParams(form).get("refresh_token"))).toEqual([
      "rt-1",
      "rt-1",
    ]);
  },
);

describe("a final no", () => {
  beforeEach(() => {
    answer = () => json({ error: "invalid_grant" }, 400);
  });

  it("is remembered, said at once, and ended by a new credential", async () => {
    const id = await kept();
    expect([await token(id), await token(id), await token(id)]).toEqual([
      "revoked",
      "revoked",
      "revoked",
    ]);
    expect(asked).toHaveLength(1);
    expect(await vault.list(id.owner)).toMatchObject({ value: [{ isRevoked: true }] });
    await vault.put(id, { ...TOKEN, access_token: "at-new", expires: NOW + 3_600_000 });
    expect(await token(id)).toBe("at-new");
    expect(await vault.list(id.owner)).toMatchObject({ value: [{ isRevoked: false }] });
  });

  it.each([
    [400, { error: "invalid_grant" }],
    [403, { error: "invalid_grant" }],
    [200, { error: "bad_refresh_token" }],
    [400, { error: "bad_refresh_token" }],
    [403, { error: "unauthorized_client", error_description: "refresh_token is invalid" }],
    [200, { ok: false, error: "invalid_refresh_token" }],
    [400, { error: "interaction_required", error_description: "AADSTS50076: …" }],
    [
      400,
      { error: "invalid_request", error_description: "Value passed for the token was invalid." },
    ],
    [400, { status: "BAD_REFRESH_TOKEN", message: "missing or invalid refresh token" }],
    [400, { error: "invalid_grant", access_token: null }],
    [400, { error: "invalid_grant", access_token: "" }],
    [400, { error: "OWN_WORD" }],
    [400, { code: 20_037, message: "expired" }],
    [400, { error: null, status: "BAD_REFRESH_TOKEN" }],
    [400, { error: "Bad Request", status: 400, message: "Invalid refresh token" }],
    [400, { error: "invalid_request", error_description: "Invalid refresh token" }],
    ...[
      "This request requires an active refresh_token",
      "Invalid parameter: refresh token expired",
      "The refresh token is missing, invalid or expired",
    ].map((words): [number, JsonObject] => [
      400,
      { error: "invalid_request", error_description: words },
    ]),
    [400, { errors: [{ errorType: "invalid_grant", message: "…" }], success: false }],
    [400, { message: "Bad Request", errors: [{ resource: "a" }, { code: "own_word" }] }],
    [400, { error: { code: 400, status: "INVALID_GRANT" } }],
    [400, { errors: [{ resource: "Own_Word", field: "refresh_token", code: "invalid" }] }],
  ])("is one in the words of this upstream too: %i %j", async (status, said) => {
    const id = await kept();
    answer = () => json(said, status);
    expect([await token(id), await token(id)]).toEqual(["revoked", "revoked"]);
    expect(asked).toHaveLength(1);
  });

  it("to one is a no to all who wait", async () => {
    const id = await kept();
    answer = async () => {
      await pause(100);
      return json({ error: "invalid_grant" }, 400);
    };
    const all = await Promise.all(Array.from({ length: 10 }, () => token(id)));
    expect(new Set(all)).toEqual(new Set(["revoked"]));
    expect(asked).toHaveLength(1);
  });

  it("about a credential that was replaced meanwhile is none", async () => {
    const id = await kept();
    answer = async () => {
      await vault.put(id, { ...TOKEN, access_token: "at-new", expires: NOW + 3_600_000 });
      return json({ error: "invalid_grant" }, 400);
    };
    expect(await token(id)).toBe("at-new");
  });
});

describe("an upstream that fails", () => {
  it.each<[string, () => Response | Promise<Response>]>([
    ["is down", () => Promise.reject(new TypeError("down"))],
    ["answers 500", () => json({}, 500)],
    [
      "says that the way to the token endpoint is invalid",
      () =>
        json(
          {
            error: "invalid_request",
            error_description: "The token endpoint authentication method is invalid",
          },
          400,
        ),
    ],
    [
      "says that a parameter is wrong",
      () =>
        json(
          {
            error: "invalid_request",
            error_description: "refresh_token parameter is missing or invalid",
          },
          400,
        ),
    ],
    ...[
      "The refresh token request is invalid",
      "Invalid refresh_token grant",
      "The refresh_token grant type is invalid for this client",
      "Cannot use the refresh token: client secret expired",
      "refresh token: invalid redirect_uri",
    ].map((words): [string, () => Response] => [
      `says: ${words}`,
      () => json({ error: "invalid_request", error_description: words }, 400),
    ]),
    [
      "says it of something else, or behind ten others",
      () =>
        json(
          { errors: [...Array<null>(10).fill(null), { code: "invalid_grant" }], error: [] },
          400,
        ),
    ],
    ["answers 500 with words of a final no", () => json({ error: "invalid_grant" }, 500)],
    ["answers 429", () => json({}, 429)],
    ["asks to wait with words of a final no", () => json({ error: "invalid_grant" }, 429)],
    ["refuses the client", () => json({ error: "invalid_client" }, 401)],
    ["refuses its grant type", () => json({ error: "unauthorized_client" }, 400)],
    [
      "says that its grant type is off",
      () =>
        json(
          {
            error: "unauthorized_client",
            error_description: "Grant type 'refresh_token' not allowed for the client.",
          },
          403,
        ),
    ],
    ["refuses the request", () => json({ error: "invalid_request" }, 400)],
    [
      "says what is wrong with the request",
      () =>
        json(
          {
            error: "invalid_request",
            error_description: "The token request is invalid: client_id is missing",
          },
          400,
        ),
    ],
    ["sends a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    [
      "redirects",
      () => new Response(null, { status: 302, headers: { location: "http://10.0.0.1/" } }),
    ],
    [
      "sends too much",
      () =>
        new Response(`{"access_token":"${"x".repeat(70_000)}"}`, {
          headers: { "content-type": "application/json" },
        }),
    ],
    ["sends no token", () => json({ token_type: "Bearer" })],
  ])("and %s loses nothing, and may be asked again", async (_what, fails) => {
    const id = await kept();
    answer = fails;
    const got = await vault.token(id, upstream);
    expect(got).toMatchObject({ ok: false, error: { reason: "upstream" } });
    expect(JSON.stringify(got)).not.toMatch(/rt-1|at-1|s\/2/);
    expect(await value(id)).toEqual(TOKEN);
    answer = () => json({ access_token: "at-2", expires_in: 60 });
    expect(await token(id)).toBe("at-2");
  });

  it("does not matter while the old token lasts", async () => {
    const id = await kept({ ...TOKEN, expires: NOW + 10_000 });
    await tamper(id, { updated_at_ms: NOW - 600_000 });
    answer = () => json({}, 500);
    expect([await token(id), asked.length]).toEqual(["at-1", 1]);
  });
});

it("a renewal overwrites nothing that was put meanwhile, and brings nothing back that was forgotten", async () => {
  const id = await kept();
  answer = async (count) => {
    await vault.put(id, { ...TOKEN, access_token: "at-mine", expires: NOW + 3_600_000 });
    return json({ access_token: `at-${count}`, expires_in: 3_600 });
  };
  expect(await token(id)).toBe("at-mine");
  const other = await kept();
  answer = async () => {
    await vault.delete(other);
    return json({ access_token: "at-2", expires_in: 3_600 });
  };
  expect(await token(other)).toBeUndefined();
  expect(await credentialRow(other)).toBeNull();
});

it("a credential of another kind is a handler's mistake", async () => {
  const id = await kept({ kind: "key", key: "k" });
  await expect(vault.token(id, upstream)).rejects.toThrow(/no OAuth credential/);
});

// Beyond the 20 s that a test above wrote.
it("leaves no lease behind", async () => {
  const { results } = await db
    .prepare("SELECT lease_until_ms FROM credentials WHERE lease_until_ms > ?")
    .bind(NOW + 20_000)
    .all();
  expect(results).toEqual([]);
});

it("takes an upstream as it is at the call, also an object of a class", async () => {
  class Shop {
    host = "up";
    get tokenUrl(): string {
      return `https://${this.host}.test/token`;
    }
    get clientId(): string {
      return this.host;
    }
  }
  const id = await kept();
  const shop = new Shop();
  const answered = vault.token(id, shop);
  shop.host = "other";
  expect(await answered).toMatchObject({ ok: true });
  expect(asked.map(({ url }) => url)).toEqual(["https://up.test/token"]);
  expect(await asked[0]?.text()).toContain("client_id=up");
});
