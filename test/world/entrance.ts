/**
 * How one enters the guarded world: people are whoever they say, as long as they know the word. What the issue asks
 * of real sign-ins is tested with the real ones; fixtures need several people, and the same ones in every run.
 */

import { pages } from "../../src/app/pages.ts";
import type { Entrance } from "../../src/oauth/desk.ts";
import type { Step } from "../../src/oauth/sign-in.ts";

const WORD = "open";

export const entrance: Entrance = {
  pages,
  signIn: {
    title: "Sign in to the test world",
    fields: [
      { name: "name", label: "Who are you?", type: "text", autocomplete: "username" },
      { name: "word", label: "The word", type: "password", autocomplete: "current-password" },
    ],
    submit: (_visit, input) => Promise.resolve(judge(input.get("name") ?? "", input.get("word"))),
  },
};

function judge(name: string, word: string | undefined): Step {
  if (name === "") return { kind: "wrong", message: "Say who you are" };
  if (word !== WORD) return { kind: "wrong", message: "That is not the word", subject: name };
  return { kind: "known", subject: name, properties: { shoe: `size of ${name}` } };
}
