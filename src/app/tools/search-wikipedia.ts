/** An API proxy: asks an upstream with limits, and turns every way it can fail into a sentence. Keeps what it found. */

import { type Context, defineTool, jsonSchema, object, PublicError, type Tool } from "../../api.ts";
import { getJson } from "../upstream.ts";

const SERVICE = "Wikipedia";
/** Where the caller's last hits are kept, for read_result. */
export const HITS_KEY = "wikipedia hits";
export type Hit = { readonly key: string; readonly title: string; readonly about: string };

const SEARCH_RESULT = jsonSchema(
  object({
    pages: {
      type: "array",
      items: object({ key: { type: "string" }, title: { type: "string" }, description: {} }, [
        "description",
      ]),
    },
  }),
);
const SUMMARY = jsonSchema(
  object({
    title: { type: "string" },
    extract: { type: "string" },
    content_urls: object({ desktop: object({ page: { type: "string" } }) }),
  }),
);

/** What is told of an article. */
export type Article = { readonly title: string; readonly summary: string; readonly url: string };
export const ARTICLE = {
  title: { type: "string" },
  summary: { type: "string" },
  url: { type: "string" },
} as const;

/** The tool; `base` is the origin that it asks, `contact` goes into its User-Agent. */
export function searchWikipedia(base: string, contact: string): Tool {
  return defineTool({
    name: "search_wikipedia",
    description:
      "Searches Wikipedia. Gives a summary of the best article, and the titles of others for read_result",
    annotations: { readOnlyHint: true, openWorldHint: true },
    input: jsonSchema(object({ query: { type: "string", pattern: "\\S", maxLength: 300 } })),
    output: jsonSchema(
      object({
        ...ARTICLE,
        others: {
          type: "array",
          items: object({
            number: { type: "integer" },
            title: { type: "string" },
            about: { type: "string" },
          }),
        },
      }),
    ),
    async handler(args, context) {
      const query = args.query.trim();
      const search = `${base}/w/rest.php/v1/search/page?limit=5&q=${encodeURIComponent(query.toWellFormed())}`;
      const found = await getJson(
        context,
        SERVICE,
        SEARCH_RESULT,
        search,
        userAgentHeader(contact),
      );
      const hits = (found?.pages ?? []).map(({ key, title, description }): Hit => {
        return { key, title, about: typeof description === "string" ? description : "" };
      });
      const [best] = hits;
      if (best === undefined)
        throw new PublicError(`Wikipedia has nothing about "${query}": try other words`);
      await context.storage.put(HITS_KEY, hits);
      const others = hits
        .map(({ title, about }, index) => ({ number: index + 1, title, about }))
        .slice(1);
      return {
        structuredContent: { ...(await readArticle(context, base, contact, best)), others },
      };
    },
  });
}

/** The summary of an article. */
export async function readArticle(
  context: Context,
  base: string,
  contact: string,
  { key, title }: Hit,
): Promise<Article> {
  const url = `${base}/api/rest_v1/page/summary/${encodeURIComponent(key.toWellFormed())}`;
  const page = await getJson(context, SERVICE, SUMMARY, url, userAgentHeader(contact));
  if (page === undefined)
    throw new PublicError(`Wikipedia has no summary of "${title}": read_result reads others`);
  return { title: page.title, summary: page.extract, url: page.content_urls.desktop.page };
}

/** Wikimedia asks to be told who asks, with an address to reach them, and slows down or blocks those who do not say. */
function userAgentHeader(contact: string): Record<string, string> {
  return { "user-agent": `barewire/0.1 (${contact})` };
}
