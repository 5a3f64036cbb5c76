/** Access tokens: what is read of them, what is not believed, and what checking one costs. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { decodeBase64url, encodeUtf8 } from "../../../src/base/bytes.ts";
import type { Caller } from "../../../src/base/caller.ts";
import { open, seal } from "../../../src/crypto/seal.ts";
import {
  blockGrantInThisIsolate,
  sealAccessToken,
  builtinTokenVerifier,
  openAccessToken,
} from "../../../src/oauth/authorization-server/access-token.ts";
import { signRefreshToken } from "../../../src/oauth/authorization-server/grant-reference.ts";
import { ringOf } from "../../crypto/keys.ts";
import {
  ageGrant,
  CHALLENGE,
  measureCost,
  createAuthorizationServer,
  EPOCH,
  grantStub,
  openGrant,
  identifiers,
  REDIRECT,
  corruptions,
} from "../authorization-server.ts";

const desk = createAuthorizationServer();
const { ring } = desk;
const caller: Caller = {
  issuer: identifiers.issuer,
  subject: "ada",
  client: "cli",
  scopes: ["read"],
  properties: { shoe: "42" },
};
const NOW = 1_763_700_000_000;
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
const read = (token: string, resource: string = identifiers.resource, at: number = NOW) =>
  openAccessToken(ring, token, resource, at);

afterEach(() => {
  vi.useRealTimers();
});

describe("readAccess", () => {
  it("gives back the caller, until its last second and not in it", async () => {
    const token = await sealAccessToken(ring, caller, identifiers.resource, NOW / 1000 + 900);
    expect(await read(token)).toEqual({
      ok: true,
      value: { caller, resource: identifiers.resource, expires: NOW / 1000 + 900 },
    });
    expect(await read(token, identifiers.resource, NOW + 899_999)).toMatchObject({ ok: true });
    for (const late of [900_000, 900_001, 9e12])
      expect(await read(token, identifiers.resource, NOW + late)).toEqual({
        ok: false,
        error: "token.expired",
      });
  });

  it.each([
    "https://other.test/mcp",
    "https://mcp.test",
    "https://mcp.test/mcp/",
    "https://MCP.test/mcp",
    "",
  ])("is for its one resource: not for %s", async (resource) => {
    const token = await sealAccessToken(ring, caller, resource, NOW / 1000 + 900);
    expect(await read(token)).toEqual({ ok: false, error: "token.audience" });
  });

  it("leaves one chance in 2 to the 128th to whoever guesses, and names of grants one in 2 to the 256th", async () => {
    const payload = { caller, resource: identifiers.resource, expires: NOW / 1000 + 900 };
    const IV_BYTES = 12;
    const seen = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const sealed = await sealAccessToken(ring, caller, payload.resource, payload.expires);
      const bytes = decodeBase64url(sealed.split(".")[1] ?? "");
      const proof = (bytes?.length ?? 0) - encodeUtf8(JSON.stringify(payload)).length - IV_BYTES;
      expect(proof * 8).toBe(128);
      seen.add(sealed);
    }
    expect(seen.size).toBe(20);
    const { id, code } = await openGrant(desk);
    for (const signed of [code, await signRefreshToken(ring, id, 1)])
      expect((decodeBase64url(signed.split(".").at(-1) ?? "")?.length ?? 0) * 8).toBe(256);
  });

  it("believes nothing that was truncated, flipped or lengthened", async () => {
    const token = await sealAccessToken(ring, caller, identifiers.resource, NOW / 1000 + 900);
    for (const bad of corruptions(token))
      expect(await read(bad)).toEqual({ ok: false, error: "token.forged" });
    const bytes = token.length - 2;
    for (let at = 2; at < bytes; at += 7) {
      const flipped = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
      expect(await read(flipped)).toEqual({ ok: false, error: "token.forged" });
    }
  });

  it("believes nothing of another key, purpose or kind", async () => {
    const said = {
      caller: { ...caller, scopes: ["read"] } as never,
      resource: identifiers.resource,
      expires: NOW / 1000 + 900,
    };
    const foreign = await sealAccessToken(
      ringOf("z"),
      caller,
      identifiers.resource,
      NOW / 1000 + 900,
    );
    const none = [
      foreign,
      `a${foreign.slice(1)}`,
      await seal(ring, "client", said),
      await seal(ring, "request-state", said),
      await seal(ring, "access", said, identifiers.resource),
      "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
      "a.",
      ".",
      "",
    ];
    for (const token of none)
      expect(await read(token)).toEqual({ ok: false, error: "token.forged" });
    expect(await open(ring, "access", await seal(ring, "access", said))).toMatchObject({
      ok: true,
    });
  });

  it("opens under an older key until that leaves the ring", async () => {
    const token = await sealAccessToken(ring, caller, identifiers.resource, NOW / 1000 + 900);
    expect(await openAccessToken(ringOf("b", "a"), token, identifiers.resource, NOW)).toMatchObject(
      { ok: true },
    );
    expect(await openAccessToken(ringOf("b"), token, identifiers.resource, NOW)).toEqual({
      ok: false,
      error: "token.forged",
    });
  });
});

describe("ownTokens", () => {
  const live = async (): Promise<{ id: string; token: string }> => {
    const { id } = await openGrant(desk);
    await grantStub(id).redeem({
      client: "cli",
      resource: identifiers.resource,
      redirectUri: REDIRECT,
      challenge: CHALLENGE,
      requestId: "redeemed",
      epoch: EPOCH,
    });
    return {
      id,
      token: await sealAccessToken(
        ring,
        { ...caller, grant: id },
        identifiers.resource,
        inSeconds(900),
      ),
    };
  };

  it("gives a caller that holds nothing of the token", async () => {
    const { token } = await live();
    const verify = builtinTokenVerifier(desk);
    for (const time of ["first", "again"]) {
      const verified = await verify(token, identifiers);
      expect(verified, time).toMatchObject({ ok: true, value: { subject: "ada" } });
      expect(JSON.stringify(verified), time).not.toContain(token.slice(-20));
    }
  });

  it("costs no storage operation, and the second time no decryption", async () => {
    const verify = builtinTokenVerifier(desk);
    const { token } = await live();
    const decrypt = vi.spyOn(crypto.subtle, "decrypt");
    const { value, cost: spent } = await measureCost(async () => [
      await verify(token, identifiers),
      await verify(token, identifiers),
    ]);
    expect(value.map(({ ok }) => ok)).toEqual([true, true]);
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
    expect(decrypt).toHaveBeenCalledTimes(1);
    decrypt.mockRestore();
  });

  it("forgets what it verified when its time is over", async () => {
    const verify = builtinTokenVerifier(desk);
    const token = await sealAccessToken(ring, caller, identifiers.resource, inSeconds(900));
    expect(await verify(token, identifiers)).toMatchObject({ ok: true });
    vi.useFakeTimers({ now: Date.now() + 900_000, toFake: ["Date"] });
    expect(await verify(token, identifiers)).toEqual({ ok: false, error: "token.expired" });
  });

  it("remembers a token for the resource it was checked for, and no other", async () => {
    const verify = builtinTokenVerifier(desk);
    const token = await sealAccessToken(ring, caller, identifiers.resource, inSeconds(900));
    expect(await verify(token, identifiers)).toMatchObject({ ok: true });
    const other = {
      issuer: "https://other.test",
      resource: "https://other.test/mcp",
      audience: "https://other.test/mcp",
    };
    expect(await verify(token, other)).toEqual({ ok: false, error: "token.audience" });
    expect(await verify(token, identifiers)).toMatchObject({ ok: true });
  });

  it("takes a token at every address of a server that is one by its audience", async () => {
    const verify = builtinTokenVerifier(desk);
    const token = await sealAccessToken(ring, caller, identifiers.audience, inSeconds(900));
    const renamed = {
      issuer: "https://new.test",
      resource: "https://new.test/mcp",
      audience: identifiers.audience,
    };
    expect(await verify(token, renamed)).toMatchObject({ ok: true });
    // And not for the name alone.
    expect(await verify(token, { ...identifiers, audience: renamed.resource })).toEqual({
      ok: false,
      error: "token.audience",
    });
  });

  it("remembers no more than a thousand, and still knows the rest by reading them", async () => {
    const verify = builtinTokenVerifier(desk);
    const first = await sealAccessToken(ring, caller, identifiers.resource, inSeconds(900));
    await verify(first, identifiers);
    for (let count = 0; count < 1000; count += 1)
      await verify(
        await sealAccessToken(ring, caller, identifiers.resource, inSeconds(900)),
        identifiers,
      );
    const decrypt = vi.spyOn(crypto.subtle, "decrypt");
    expect(await verify(first, identifiers)).toMatchObject({ ok: true });
    expect(decrypt).toHaveBeenCalledTimes(1);
    decrypt.mockRestore();
  });

  it("knows no token of a grant that this isolate revoked, seen before or not", async () => {
    const verify = builtinTokenVerifier(desk);
    const { id, token } = await live();
    const unseen = await sealAccessToken(
      ring,
      { ...caller, grant: id },
      identifiers.resource,
      inSeconds(900),
    );
    expect(await verify(token, identifiers)).toMatchObject({ ok: true });
    blockGrantInThisIsolate(id);
    for (const one of [token, unseen])
      expect(await verify(one, identifiers)).toEqual({ ok: false, error: "grant.ended" });
    expect(await verify((await live()).token, identifiers)).toMatchObject({ ok: true });
  });

  it("in strict mode asks the grant each time, wherever it was revoked", async () => {
    const strict = builtinTokenVerifier(createAuthorizationServer({ hasStrictRevocation: true }));
    const relaxed = builtinTokenVerifier(desk);
    const { id, token } = await live();
    const { cost: spent } = await measureCost(async () => [
      await strict(token, identifiers),
      await strict(token, identifiers),
    ]);
    expect(spent).toMatchObject({ requests: 2, rows: 0 });
    await relaxed(token, identifiers);
    await grantStub(id).revoke();
    expect(await strict(token, identifiers)).toEqual({ ok: false, error: "grant.ended" });
    // The trade-off of the other mode, stated so that nobody takes it for a promise.
    expect(await relaxed(token, identifiers)).toMatchObject({ ok: true });
  });

  it("in strict mode refuses a grant that lay unused, was never redeemed, or is of another server", async () => {
    const strict = builtinTokenVerifier(createAuthorizationServer({ hasStrictRevocation: true }));
    const { id, token } = await live();
    await ageGrant(id, 3600);
    const of = async (grant: string) =>
      sealAccessToken(ring, { ...caller, grant }, identifiers.resource, inSeconds(900));
    const tokens = [
      token,
      await of((await openGrant(desk)).id),
      await of("f".repeat(64)),
      await of("x"),
    ];
    for (const one of tokens)
      expect(await strict(one, identifiers)).toEqual({ ok: false, error: "grant.ended" });
  });

  it("in strict mode wakes no object for a forgery", async () => {
    const strict = builtinTokenVerifier(createAuthorizationServer({ hasStrictRevocation: true }));
    const { token } = await live();
    const { cost: spent } = await measureCost(async () => {
      for (const bad of corruptions(token))
        expect(await strict(bad, identifiers)).toMatchObject({ ok: false });
    });
    expect(spent).toEqual({ requests: 0, rows: 0, objectsCreated: 0 });
    const machine = await sealAccessToken(ring, caller, identifiers.resource, inSeconds(900));
    expect(await measureCost(() => strict(machine, identifiers))).toMatchObject({
      value: { ok: true },
      cost: { requests: 0 },
    });
  });
});
