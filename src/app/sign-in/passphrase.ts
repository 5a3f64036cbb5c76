/**
 * Sign-in by the owner's passphrase: the default for a server with one person. The configuration holds its hash.
 * Wrong attempts count against the owner's account, which locks for a while when there are too many. A new passphrase
 * ends every remembered sign-in.
 */

import { checkPassphrase, isStored } from "../../crypto/password.ts";
import type { SignIn } from "../../oauth/sign-in.ts";

const OWNER = "owner";

/** `stored`: what `hashPassphrase` made. Throws for anything else, which nobody could sign in with, and never shows it. */
export function passphrase(stored: string): SignIn {
  if (!isStored(stored))
    throw new Error(
      "Configuration: PASSPHRASE must be the secret that make passphrase prints, not the passphrase itself",
    );
  return {
    title: "Sign in",
    fields: [{ name: "passphrase", label: "Passphrase", type: "password", autocomplete: "current-password" }],
    epoch: stored,
    submit: async (_visit, input) =>
      (await checkPassphrase(input.get("passphrase") ?? "", stored))
        ? { kind: "known", subject: OWNER, properties: {} }
        : { kind: "wrong", subject: OWNER, message: "That is not the passphrase." },
  };
}
