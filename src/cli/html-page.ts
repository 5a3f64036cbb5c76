/**
 * What a login without a browser reads of a server's answers: a text of bounded length, the first form of a page, and its
 * words. It refuses what is longer than any page of a sign-in, so that no server can occupy it.
 */

/** No page of a sign-in is as long. Of much longer ones, the patterns below would take minutes. */
const MOST_BYTES = 64 * 1024;

/** The text of an answer. @throws when it is longer than a page can be. */
export async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const chunks = (response.body ?? []) as AsyncIterable<Uint8Array>;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new Error(`${response.url} answers with more than ${MOST_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The first form of a page: where it goes, and its hidden fields. */
export function readHtmlForm(
  html: string,
): { readonly action: string; readonly hidden: Readonly<Record<string, string>> } | undefined {
  const [, action] = /<form[^<>]*\saction="([^"]*)"/.exec(html) ?? [];
  if (action === undefined) return undefined;
  const inputs = [...html.matchAll(/<input[^<>]*type="hidden"[^<>]*>/g)].map(
    ([tag]): [string, string] => [
      /\sname="([^"]*)"/.exec(tag)?.[1] ?? "",
      unescape(/\svalue="([^"]*)"/.exec(tag)?.[1] ?? ""),
    ],
  );
  return { action: unescape(action), hidden: Object.fromEntries(inputs) };
}

function unescape(text: string): string {
  const named: Readonly<Record<string, string>> = {
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    "#39": "'",
  };
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => named[name] ?? "");
}

/** What a page says went wrong: its alert, or all of it. */
export function messageIn(html: string): string {
  const [, alert] = /<[^<>]*\brole="alert"[^<>]*>([\s\S]*?)<\/p>/.exec(html) ?? [];
  return unescape(visibleText(alert ?? html).trim());
}

/** What a person sees of a page. */
export function visibleText(html: string): string {
  const body = html.replace(/<(style|title)[\s\S]*?<\/\1>/g, "");
  return body.replaceAll(/<[^<>]*>/g, " ").replaceAll(/\s+/g, " ");
}
