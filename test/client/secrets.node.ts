/**
 * What no server may log. Tests say which secrets they hold, and `stop` of every server looks for them in all that it
 * printed; what this server seals or signs, and every JWT, is known by its shape, held by a test or not.
 */

/** Characters at the end of a secret by which it is recognised. */
const TAIL = 20;
/** The last part of a sealed or signed text: a dot and at least 256 bits. A digest or an object id has no dot before it. */
const PROOF = /\.[\w-]{43,}/;
const tails = new Set<string>();

/** Makes each of `secrets` one that no server may log, as it is or as a form carries it. */
export function registerSecrets(...secrets: readonly (string | null | undefined)[]): void {
  for (const secret of secrets)
    for (const text of [secret ?? "", encodeURIComponent(secret ?? ""), formed(secret ?? "")])
      if (text.length >= 8) tails.add(text.slice(-TAIL));
}

/** The lines of `log` that hold a secret. */
export function linesWithSecrets(log: string): string[] {
  return log
    .split("\n")
    .filter((line) => PROOF.test(line) || [...tails].some((tail) => line.includes(tail)));
}

function formed(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}
