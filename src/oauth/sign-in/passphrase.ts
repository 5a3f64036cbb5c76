/**
 * Sign-in by the owner's passphrase: the default for a server with one person. The configuration holds its hash.
 * Wrong attempts count against the owner's account, which locks for a while when there are too many. A new passphrase
 * ends every remembered sign-in.
 */

import { verifyPassphrase, isPassphraseHash } from "../../crypto/passphrase.ts";
import type { SignInMethod } from "./types.ts";

const OWNER = "owner";

/** `stored`: what `hashPassphrase` made. Throws for anything else, which nobody could sign in with, and never shows it. */
export function passphrase(passphraseHash: string): SignInMethod {
  if (!isPassphraseHash(passphraseHash))
    throw new Error("Configuration: PASSPHRASE must be what make passphrase prints");
  return {
    title: "Sign in",
    fields: [
      {
        name: "passphrase",
        label: "Passphrase",
        type: "password",
        autocomplete: "current-password",
      },
    ],
    epoch: passphraseHash,
    submit: async (_context, input) =>
      (await verifyPassphrase(input.get("passphrase") ?? "", passphraseHash))
        ? { kind: "authenticated", subject: OWNER, properties: {} }
        : { kind: "rejected", subject: OWNER, message: "That is not the passphrase." },
  };
}
