/** Many at once: forty rounds each of what must hold however requests interleave, through the token endpoint. */

import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/base/json.ts";
import { builtinTokenVerifier } from "../../src/oauth/authorization-server/access-token.ts";
import type { AuthorizationServer } from "../../src/oauth/authorization-server/types.ts";
import { tokenEndpoint } from "../../src/oauth/authorization-server/token.ts";
import {
  ageGrant,
  createAuthorizationServer,
  grantStub,
  openGrant,
  identifiers,
  formRequest,
  REDIRECT,
  VERIFIER,
} from "../oauth/authorization-server.ts";

const ROUNDS = 40;
const rounds = Array.from({ length: ROUNDS }, (_, index) => index);
const desk = createAuthorizationServer();
const strict = builtinTokenVerifier(createAuthorizationServer({ hasStrictRevocation: true }));

interface Answer extends JsonObject {
  access_token: string;
  refresh_token: string;
  error: string;
}

async function ask(form: Record<string, string>, at: AuthorizationServer = desk): Promise<Answer> {
  return (
    await tokenEndpoint(at, formRequest("/token", { client_id: "cli", ...form }), identifiers)
  ).json();
}
const codeForm = (code: string): Record<string, string> => ({
  grant_type: "authorization_code",
  code,
  code_verifier: VERIFIER,
  redirect_uri: REDIRECT,
});
const refresh = (refresh_token: string, at: AuthorizationServer = desk): Promise<Answer> =>
  ask({ grant_type: "refresh_token", refresh_token }, at);
const times = <T>(count: number, action: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => action(index)));
const good = (answers: readonly Answer[]): Answer[] =>
  answers.filter((answer) => answer.error === undefined);
const login = async (at: AuthorizationServer = desk): Promise<{ id: string; first: Answer }> => {
  const { id, code } = await openGrant(at);
  return { id, first: await ask(codeForm(code), at) };
};

describe("forty rounds", () => {
  it(
    "fifty redemptions of one code give one answer, and the replays take back what it gave",
    { timeout: 60_000 },
    async () => {
      for (const _ of rounds) {
        const { id, code } = await openGrant(desk);
        const answers = await times(50, () => ask(codeForm(code)));
        const [winner, ...others] = good(answers);
        expect(others).toEqual([]);
        expect(answers.filter(({ error }) => error === "invalid_grant")).toHaveLength(49);
        expect(await grantStub(id).status()).toBeUndefined();
        expect((await refresh(winner?.refresh_token ?? "")).error).toBe("invalid_grant");
        expect(await strict(winner?.access_token ?? "", identifiers)).toEqual({
          ok: false,
          error: "grant.ended",
        });
      }
      expect(desk.closedGrants).toHaveLength(ROUNDS);
    },
  );

  it("refreshes at once all get the one successor, and it works", { timeout: 60_000 }, async () => {
    for (const _ of rounds) {
      const { first } = await login();
      const answers = await times(20, () => refresh(first.refresh_token));
      expect(good(answers)).toHaveLength(20);
      const [successor = "", ...others] = new Set(
        answers.map(({ refresh_token }) => refresh_token),
      );
      expect(others).toEqual([]);
      for (const { access_token } of answers)
        expect(await strict(access_token, identifiers)).toMatchObject({ ok: true });
      expect((await refresh(successor)).error).toBeUndefined();
    }
  });

  it(
    "without a window, of refreshes at once one is answered, and the family ends",
    { timeout: 60_000 },
    async () => {
      const sharp = createAuthorizationServer({ graceSeconds: 0 });
      for (const _ of rounds) {
        const { id, first } = await login(sharp);
        const answers = good(await times(10, () => refresh(first.refresh_token, sharp)));
        expect(answers).toHaveLength(1);
        expect(await grantStub(id).status()).toBeUndefined();
        expect((await refresh(answers[0]?.refresh_token ?? "", sharp)).error).toBe("invalid_grant");
      }
    },
  );

  it(
    "a reuse after the window ends the family, whoever else is refreshing",
    { timeout: 60_000 },
    async () => {
      for (const _ of rounds) {
        const { id, first } = await login();
        const second = await refresh(first.refresh_token);
        await ageGrant(id, 11);
        const answers = await Promise.all([
          refresh(first.refresh_token),
          refresh(second.refresh_token),
        ]);
        expect(answers[0].error).toBe("invalid_grant");
        expect(await grantStub(id).status()).toBeUndefined();
        if (answers[1].error === undefined)
          expect((await refresh(answers[1].refresh_token)).error).toBe("invalid_grant");
      }
    },
  );

  it(
    "wrong verifiers, clients and redirect URIs beside the right one change nothing",
    { timeout: 60_000 },
    async () => {
      const wrongs = [
        { code_verifier: VERIFIER.replace("d", "e") },
        { client_id: "once" },
        { redirect_uri: "https://client.test/other" },
        { resource: "https://evil.test/mcp" },
      ];
      for (const round of rounds) {
        const { id, code } = await openGrant(desk);
        const answers = await times(21, (index) =>
          ask({
            ...codeForm(code),
            ...(index === round % 21 ? {} : wrongs[index % wrongs.length]),
          }),
        );
        const [winner, ...others] = good(answers);
        expect(others).toEqual([]);
        expect(await grantStub(id).status()).toMatchObject({ isActive: true, generation: 1 });
        expect((await refresh(winner?.refresh_token ?? "")).error).toBeUndefined();
      }
    },
  );

  it(
    "evictions under way cost nobody anything but a refusal to try again",
    { timeout: 60_000 },
    async () => {
      for (const _ of rounds) {
        const { id, code } = await openGrant(desk);
        await evictDurableObject(grantStub(id));
        const first = await ask(codeForm(code));
        await evictDurableObject(grantStub(id));
        const second = await refresh(first.refresh_token);
        await evictDurableObject(grantStub(id));
        const again = await times(3, () => refresh(first.refresh_token));
        expect(new Set(again.map(({ refresh_token }) => refresh_token))).toEqual(
          new Set([second.refresh_token]),
        );
        await evictDurableObject(grantStub(id));
        expect((await ask(codeForm(code))).error).toBe("invalid_grant");
        await evictDurableObject(grantStub(id));
        expect((await refresh(second.refresh_token)).error).toBe("invalid_grant");
      }
    },
  );
});
