/** Coordination of tools through state: goes on with what search_wikipedia found, in whichever conversation that was. */

import { defineTool, jsonSchema, object, PublicError, type Tool } from "../../api.ts";
import { ARTICLE, HITS_KEY, readArticle, type Hit } from "./search-wikipedia.ts";

/** The tool that reads an article which `search_wikipedia` named. */
export function readResult(base: string, contact: string): Tool {
  return defineTool({
    name: "read_result",
    description: "Reads another hit of this person's last search_wikipedia, by its number",
    annotations: { readOnlyHint: true, openWorldHint: true },
    input: jsonSchema(object({ number: { type: "integer", minimum: 1, maximum: 5 } })),
    output: jsonSchema(object(ARTICLE)),
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
