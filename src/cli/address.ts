/** The addresses that programs are given in URL. */

/**
 * The origin of an address such as "https://name.example/mcp".
 * @throws at anything but http and https.
 */
export function readOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Error(`URL must be an address such as https://name.example, not "${text}"`);
  return url.origin;
}
