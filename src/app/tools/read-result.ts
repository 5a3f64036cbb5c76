/** Coordination of tools through state: goes on with what search_wikipedia found, in whichever conversation that was. */

import * as z from "zod/mini";
import { PublicError, tool, type Tool } from "../../api.ts";
import { article, HITS_KEY, readArticle, type Hit } from "./search-wikipedia.ts";

/** The tool that reads an article which `search_wikipedia` named. */
export function readResult(base: string, contact: string): Tool {
  return tool({
    name: "read_result",
    description: "Reads another hit of this person's last search_wikipedia, by its number",
    annotations: { readOnlyHint: true, openWorldHint: true },
    input: z.object({ number: z.int().check(z.gte(1), z.lte(5)) }),
    output: article,
    async handler({ number }, context) {
      const hits = (await context.storage.get<Hit[]>(HITS_KEY)) ?? [];
      const hit = hits[number - 1];
      if (hits.length === 0)
        throw new PublicError("There was no search yet: use search_wikipedia first");
      if (hit === undefined)
        throw new PublicError(`There is no number ${number}: the last search has ${hits.length}`);
      return { structuredContent: await readArticle(context, base, contact, hit) };
    },
  });
}
