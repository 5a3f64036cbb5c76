/**
 * `make passphrase`: a passphrase for the owner of a deployed server. The Worker gets its hash, as a secret.
 * Plain JavaScript: it runs on Node 20 too, and before anything is installed.
 */

import { pbkdf2Sync, randomBytes, randomInt } from "node:crypto";
import { pathToFileURL } from "node:url";

/**
 * Sixteen letters of twenty, in groups for people: 69 bits. No vowels, so that no words come out.
 * @returns {string}
 */
export function freshPassphrase() {
  const letters = "bcdfghjkmnpqrstvwxyz";
  const group = () => Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join("");
  return Array.from({ length: 4 }, group).join("-");
}

/**
 * What the Worker keeps of a passphrase. workerd derives at most 100,000 rounds.
 * @param {string} passphrase
 * @returns {string}
 */
export function hashPassphrase(passphrase) {
  const salt = randomBytes(16);
  const hash = pbkdf2Sync(passphrase, salt, 100_000, 32, "sha256");
  return `pbkdf2-sha256:100000:${salt.toString("base64url")}:${hash.toString("base64url")}`;
}

/**
 * Whether `stored` was made from `passphrase`.
 * @param {string} stored
 * @param {string} passphrase
 * @returns {boolean}
 */
export function isHashOf(stored, passphrase) {
  const [kind, rounds = "", salt = "", hash] = stored.split(":");
  if (kind !== "pbkdf2-sha256" || !/^[1-9]\d{0,5}$/.test(rounds) || hash === undefined)
    return false;
  const made = pbkdf2Sync(passphrase, Buffer.from(salt, "base64url"), Number(rounds), 32, "sha256");
  return made.toString("base64url") === hash;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const passphrase = freshPassphrase();
  console.log(`Passphrase, for your password manager:       ${passphrase}
Secret, for wrangler secret put PASSPHRASE:  ${hashPassphrase(passphrase)}`);
}
