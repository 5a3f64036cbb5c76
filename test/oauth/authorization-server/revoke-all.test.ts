/** The account page takes back every app at once, says what it took back, and listens to nobody but the person on it. */

import { MAX_PENDING_LOGINS } from "../../../src/oauth/limits.ts";
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { accountObjectName } from "../../../src/oauth/authorization-server/account-object.ts";
import { createAccountRows } from "../../../src/oauth/authorization-server/account-rows.ts";
import {
  buryEndedGrants,
  enterAccount,
} from "../../../src/oauth/authorization-server/revocation.ts";
import {
  bindings,
  EPOCH,
  createAuthorizationServer,
  openGrant,
  identifiers,
  CHALLENGE,
  REDIRECT,
  measureCost,
} from "../authorization-server.ts";
import {
  authorizeUrl,
  openConsentPage,
  createBrowser,
  type BrowserPage,
  type TestBrowser,
} from "../browser.ts";

const ACCOUNT = "/account";
const SIGN_IN = "/authorize/sign-in";
let count = 0;
/** People whom no other test knows. */
const somebody = (): string => `all ${count++}`;

/** What the app was told of. */
const told: string[] = [];
const hooks = {
  onRevoke: async (subject: string, client: string) => {
    told.push(`${subject} ${client}`);
  },
};
const desk = createAuthorizationServer({}, { hooks });

async function kept(name: string, at: TestBrowser = createBrowser(desk)): Promise<TestBrowser> {
  const begun = await at.request(authorizeUrl({ prompt: "login" }));
  await at.request(SIGN_IN, { ...begun.hidden, name, word: "open", remember: "on" });
  return at;
}

/** Agrees as who is signed in at `at`; the id of the grant, whose code is not redeemed yet. */
async function agree(at: TestBrowser): Promise<string> {
  const { hidden } = await at.request(authorizeUrl());
  const { to } = await at.request("/authorize/consent", { ...hidden, decision: "allow" });
  return to?.searchParams.get("code")?.split(".")[1] ?? "";
}

async function grantTo(at: TestBrowser): Promise<string> {
  const id = await agree(at);
  const code = {
    client: "cli",
    resource: identifiers.resource,
    redirectUri: REDIRECT,
    challenge: CHALLENGE,
    requestId: "redeemed",
    epoch: EPOCH,
  };
  await desk.grants.get(desk.grants.idFromString(id)).redeem(code);
  return id;
}

const isOver = async (id: string): Promise<boolean> =>
  (await desk.grants.get(desk.grants.idFromString(id)).status()) === undefined;

/** Sends the form, and looks at the page that it leads to. */
async function send(at: TestBrowser, form: Record<string, string>): Promise<BrowserPage> {
  const { status, to } = await at.request(ACCOUNT, form);
  expect(status).toBe(303);
  return at.request(to ?? "");
}

/** The grants, of which some cannot be reached. */
function grantsWithout(isUnreached: (id: string) => boolean): typeof desk.grants {
  const get = (id: DurableObjectId): ReturnType<typeof desk.grants.get> => {
    const stub = desk.grants.get(id);
    const fails = () => Promise.reject(new Error("The grant cannot be reached"));
    return isUnreached(id.toString()) ? new Proxy(stub, { get: () => fails }) : stub;
  };
  return new Proxy(desk.grants, {
    get: (target, name): unknown => (name === "get" ? get : Reflect.get(target, name)),
  });
}

describe("taking back all", () => {
  it("ends every grant of the person, a code that waits included, and all that lives by them", async () => {
    const [ada, eve] = [await kept(somebody()), await kept(somebody())];
    const theirs = await grantTo(eve);
    const ids = [await grantTo(ada), await grantTo(ada), await agree(ada)];
    const before = await ada.request(ACCOUNT);
    expect(before.html).toContain('<button name="all" value="1">Take back all</button>');
    expect(before.html).toContain("Each must ask you again. What it is doing now is cut off.");
    const after = await send(ada, { ...before.hidden, all: "1" });
    expect(after.html).toContain("No app has access.");
    expect(after.html).toContain('role="status">3 apps can no longer use');
    expect(await Promise.all(ids.map(isOver))).toEqual([true, true, true]);
    expect(desk.closedGrants.filter((id) => ids.includes(id))).toEqual(ids);
    expect(told.slice(-3)).toEqual(Array(3).fill(`all 0 cli`));
    expect([await isOver(theirs), desk.closedGrants.includes(theirs)]).toEqual([false, false]);
  });

  it("waits for no hook of the app's", async () => {
    let heard = 0;
    const end = Promise.withResolvers<void>();
    const onRevoke = (): Promise<void> => {
      heard += 1;
      return end.promise;
    };
    const at = await kept(
      somebody(),
      createBrowser(createAuthorizationServer({}, { hooks: { onRevoke } })),
    );
    const ids = [await grantTo(at), await grantTo(at), await grantTo(at)];
    const { hidden } = await at.request(ACCOUNT);
    expect((await send(at, { ...hidden, all: "1" })).html).toContain("3 apps can no longer use");
    expect([heard, ...(await Promise.all(ids.map(isOver)))]).toEqual([3, true, true, true]);
    end.resolve();
  });

  it("ends the others where the app's hook fails, or one grant cannot be asked", async () => {
    let unreached = "";
    const grants = grantsWithout((id) => id === unreached);
    const own = createAuthorizationServer(
      {},
      { grants, hooks: { onRevoke: () => Promise.reject(new Error("the app's database")) } },
    );
    const at = await kept(somebody(), createBrowser(own));
    const ids = [await grantTo(at), await grantTo(at), await grantTo(at)];
    const { hidden } = await at.request(ACCOUNT);
    [, unreached = ""] = ids;
    const { html } = await send(at, { ...hidden, all: "1" });
    expect(html).toContain("2 apps can no longer use");
    expect(html).toContain("1 app could not be cut off at once");
    expect(html).toContain("1 app cannot be shown: try again.");
    expect(html).not.toContain("No app has access");
    expect(await Promise.all(ids.map(isOver))).toEqual([true, false, true]);
    unreached = "";
    const later = await at.request(ACCOUNT);
    expect(later.html).toContain(`value="${ids[1]}"`);
    expect(later.html).not.toContain('role="status"');
  });

  it("stops at nothing that others are still asked about", async () => {
    const name = somebody();
    const at = await kept(name);
    const waiting = await openConsentPage(createBrowser(desk), authorizeUrl(), name);
    await grantTo(at);
    const { hidden } = await at.request(ACCOUNT);
    expect((await send(at, { ...hidden, all: "1" })).html).toContain(
      "“<bdi>Public</bdi>” can no longer use",
    );
    expect(waiting.status).toBe(200);
    expect((await send(at, { ...hidden, all: "1" })).html).not.toContain('role="status"');
  });

  it("is not to be had for other browsers, other sites, other pages, or somebody else in the same browser", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const at = await kept(ada);
    const id = await grantTo(at);
    const { hidden } = await at.request(ACCOUNT);
    const consent = await at.request(authorizeUrl());
    const twin = await kept(ada);
    const refused = [
      await twin.request(ACCOUNT, { ...hidden, all: "1" }),
      await createBrowser(desk).request(ACCOUNT, { ...hidden, all: "1" }),
      await at.request(ACCOUNT, { ...hidden, all: "1" }, { origin: "https://evil.test" }),
      await at.request(ACCOUNT, { ...consent.hidden, all: "1" }),
      await at.request(ACCOUNT, { all: "1" }),
    ];
    // The browser is the same, and so is its id: only the person is another.
    await kept(eve, at);
    refused.push(
      await at.request(ACCOUNT, { ...hidden, all: "1" }),
      await at.request(ACCOUNT, { ...hidden, grant: id }),
    );
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 400));
    expect([await isOver(id), desk.closedGrants.includes(id)]).toEqual([false, false]);
    await kept(ada, at);
    expect((await send(at, { ...hidden, grant: id })).html).toContain("can no longer use");
  });

  it("has no way by GET", async () => {
    const at = await kept(somebody());
    const id = await grantTo(at);
    const { hidden } = await at.request(ACCOUNT);
    for (const parameters of [{ all: "1" }, { grant: id }])
      await at.request(
        `${ACCOUNT}?${new URLSearchParams({ ...hidden, ...parameters }).toString()}`,
      );
    expect(await isOver(id)).toBe(false);
  });
});

describe("grants of a person beyond four hundred", () => {
  /** Puts so many grants behind those of `name` that one login more is one too many: all of them live, or none. */
  async function crowd(name: string, live: boolean): Promise<void> {
    const account = desk.accounts.getByName(await accountObjectName(name));
    const known = await account.grants();
    const add = async (): Promise<string> =>
      live ? (await openGrant(desk, { subject: name })).id : desk.grants.newUniqueId().toString();
    const more = await Promise.all(Array.from({ length: 400 - known.length }, add));
    // As so many sign-ins leave them, of which each would write all that the ones before it wrote.
    await runInDurableObject(
      bindings.ACCOUNT.getByName(await accountObjectName(name)),
      (_, { storage }) => {
        const rows = createAccountRows(storage);
        const row = rows.read();
        rows.write({ ...row, grants: [...row.grants, ...more] });
      },
    );
    expect(await account.grants()).toHaveLength(400);
  }

  it(
    "end, the oldest first, so that the page and its button reach every one that lives",
    { timeout: 120_000 },
    async () => {
      const name = somebody();
      const at = await kept(name);
      const [oldest, next] = [await grantTo(at), await grantTo(at)];
      const account = desk.accounts.getByName(await accountObjectName(name));
      // Of signing in, where nothing was agreed to.
      const [undecided = ""] = await account.grants();
      await account.dropGrants(undecided);
      await crowd(name, true);
      // Who is kept signed in is noted with the decision.
      const newest = await grantTo(at);
      expect([
        await isOver(oldest),
        await isOver(next),
        desk.closedGrants.includes(oldest),
      ]).toEqual([true, false, true]);
      // Who signs in is noted with that. All but the newest twenty are asked whether they live; then the account is asked
      // five times, the oldest grant twice, and for it each of the hub's four objects.
      const { cost } = await measureCost(() =>
        openConsentPage(createBrowser(desk), authorizeUrl(), name),
      );
      expect(cost.requests).toBe(401 - MAX_PENDING_LOGINS + 5 + 2 + 4);
      expect([await isOver(next), desk.closedGrants.includes(next)]).toEqual([true, true]);
      expect(await account.grants()).toHaveLength(400);
      const { hidden } = await at.request(ACCOUNT);
      await send(at, { ...hidden, all: "1" });
      expect(await isOver(newest)).toBe(true);
    },
  );

  it(
    "are none that ended by themselves: those make room, and one that is in use stays",
    { timeout: 30_000 },
    async () => {
      const name = somebody();
      const at = await kept(name);
      const inUse = await grantTo(at);
      await crowd(name, false);
      const newest = await grantTo(at);
      expect([await isOver(inUse), await isOver(newest)]).toEqual([false, false]);
      const known = await desk.accounts.getByName(await accountObjectName(name)).grants();
      expect([known.length < 30, known.includes(inUse), known.includes(newest)]).toEqual([
        true,
        true,
        true,
      ]);
    },
  );

  it("keep nobody out of whom one cannot be ended: that one stays noted, the others end", async () => {
    const at = await kept(somebody());
    const [unreached, ...others] = [await grantTo(at), await grantTo(at)];
    let noted = [unreached, ...others];
    const account = {
      recordSignIn: () => Promise.resolve(noted),
      grants: () => Promise.resolve([]),
      dropGrants: async (...ids: string[]) => {
        noted = noted.filter((id) => !ids.includes(id));
      },
    };
    const own = {
      ...desk,
      grants: grantsWithout((id) => id === unreached),
      accounts: { getByName: () => account } as never,
    };
    const attempt = { address: "", hasSucceeded: true, grant: "" } as const;
    expect(await enterAccount(own, "crowded", attempt)).toBe("ok");
    expect(noted).toEqual([unreached]);
    expect(await Promise.all([unreached, ...others].map(isOver))).toEqual([false, true]);
    // A later login ends it.
    expect(await enterAccount({ ...own, grants: desk.grants }, "crowded", attempt)).toBe("ok");
    expect([noted, await isOver(unreached)]).toEqual([[], true]);
  });

  it(
    "are not opened later by a form that was still to be decided on",
    { timeout: 30_000 },
    async () => {
      const name = somebody();
      const undecided = createBrowser(desk);
      const { hidden } = await openConsentPage(undecided, authorizeUrl(), name);
      await crowd(name, false);
      await openConsentPage(createBrowser(desk), authorizeUrl(), name);
      expect(
        (await undecided.request("/authorize/consent", { ...hidden, decision: "allow" })).status,
      ).toBe(400);
    },
  );
});

describe("what a person signed in for", () => {
  it("is not opened later where the page has forgotten it: twenty logins after it, its form is spent", async () => {
    const name = somebody();
    const undecided = createBrowser(desk);
    const { hidden } = await openConsentPage(undecided, authorizeUrl(), name);
    for (let login = 0; login < 20; login += 1)
      await openConsentPage(createBrowser(desk), authorizeUrl(), name);
    const at = await kept(name);
    await at.request(ACCOUNT);
    const { to } = await undecided.request("/authorize/consent", { ...hidden, decision: "allow" });
    const known = await desk.accounts.getByName(await accountObjectName(name)).grants();
    const id = to?.searchParams.get("code")?.split(".")[1];
    expect([id, id !== undefined && !known.includes(id)]).toEqual([undefined, false]);
  });

  it("and left to somebody else is theirs: no login of the first person ends it", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const at = createBrowser(desk);
    const shown = await openConsentPage(at, authorizeUrl(), ada);
    const asked = await at.request("/authorize/consent", { ...shown.hidden, decision: "switch" });
    const consent = await at.request(SIGN_IN, { ...asked.hidden, name: eve, word: "open" });
    const { to } = await at.request("/authorize/consent", { ...consent.hidden, decision: "allow" });
    const id = to?.searchParams.get("code")?.split(".")[1] ?? "";
    const account = desk.accounts.getByName(await accountObjectName(ada));
    expect(await account.grants()).toContain(id);
    // As with each login of hers beyond four hundred.
    const counted = async (name: string): Promise<boolean> =>
      (await buryEndedGrants(desk, name, [id])).length === 0;
    expect([await counted(ada), await counted(eve), await isOver(id)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe("what the page says that it took back", () => {
  it("is what it took back, by name where it was one", async () => {
    const at = await kept(somebody());
    const [first] = [await grantTo(at), await grantTo(at)];
    const { hidden } = await at.request(ACCOUNT);
    const { html } = await send(at, { ...hidden, grant: first });
    expect(html).toContain('role="status">“<bdi>Public</bdi>” can no longer use this server.</p>');
    expect(html).toContain('name="grant"');
  });

  it("is nothing where there was nothing to take back", async () => {
    const at = await kept(somebody());
    const { hidden } = await at.request(ACCOUNT);
    const loose = await openGrant(desk, { subject: "another" });
    for (const grant of [loose.id, "nonsense"])
      expect((await send(at, { ...hidden, grant })).html).not.toContain('role="status"');
  });

  it("is nobody else's, and nothing that a link says", async () => {
    const at = await kept(somebody());
    const { hidden } = await at.request(ACCOUNT);
    const { to } = await at.request(ACCOUNT, { ...hidden, grant: await grantTo(at) });
    const url = to ?? "";
    expect((await at.request(url)).html).toContain('role="status"');
    expect((await (await kept(somebody())).request(url)).html).not.toContain('role="status"');
    expect((await (await kept(somebody(), at)).request(url)).html).not.toContain('role="status"');
    for (const ended of ["x", hidden["form"] ?? "", '{"count":1}'])
      expect(
        (await at.request(`${ACCOUNT}?${new URLSearchParams({ ended }).toString()}`)).html,
      ).not.toContain("status");
  });
});

it("each time stands with its hour, its zone, and in the form of machines", async () => {
  const at = await kept(somebody());
  const id = await grantTo(at);
  const { createdAtMs, lastUsedAtMs } = (await desk.grants
    .get(desk.grants.idFromString(id))
    .status()) ?? {
    createdAtMs: 0,
    lastUsedAtMs: 0,
  };
  const { html } = await at.request(ACCOUNT);
  const times = [...html.matchAll(/<time datetime="([^"]*)">([^<]*)<\/time>/g)];
  expect(times.map(([, machine = ""]) => Date.parse(machine))).toEqual([createdAtMs, lastUsedAtMs]);
  for (const [, machine = "", person = ""] of times) {
    expect(machine).toMatch(/Z$/);
    expect(person).toMatch(/^\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d UTC$/);
    // What people read is the same minute.
    expect(Date.parse(person)).toBe(Math.floor(Date.parse(machine) / 60_000) * 60_000);
  }
});
