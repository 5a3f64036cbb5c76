/** Text of others on this terminal. */

/**
 * `text` without the characters that a terminal obeys, such as those that change its title or clear it; lines and tabs
 * stay. For whatever a server said.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "");
}
