/**
 * How one enters the guarded world: people are whoever they say, as long as they know the word. What the issue asks
 * of real sign-ins is tested with the real ones; fixtures need several people, and the same ones in every run.
 */

import { renderPage } from "../../src/oauth/pages/default-pages.ts";
import type { LoginOptions } from "../../src/oauth/authorization-server/types.ts";
import type { SignInResult } from "../../src/oauth/sign-in/types.ts";

const WORD = "open";

export const loginOptions: LoginOptions = {
  renderPage,
  signIn: {
    title: "Sign in to the test world",
    fields: [
      { name: "name", label: "Who are you?", type: "text", autocomplete: "username" },
      { name: "word", label: "The word", type: "password", autocomplete: "current-password" },
    ],
    submit: (_visit, input) => Promise.resolve(judge(input.get("name") ?? "", input.get("word"))),
  },
};

function judge(name: string, word: string | undefined): SignInResult {
  if (name === "") return { kind: "rejected", message: "Say who you are" };
  if (word !== WORD) return { kind: "rejected", message: "That is not the word", subject: name };
  return { kind: "authenticated", subject: name, properties: { shoe: `size of ${name}` } };
}
