/** A job: works through a list, for as long as that takes, and is done once for each entry whatever happens meanwhile. */

import { defineTool, jsonSchema, object, PublicError, type Tool } from "../../api.ts";
import { readArticle } from "./search-wikipedia.ts";

/** The tool that reads the articles of a list. */
export function readArticles(base: string, contact: string): Tool {
  return defineTool({
    name: "read_articles",
    description:
      "Reads Wikipedia articles by their titles. Costs one request to Wikipedia for each",
    annotations: { readOnlyHint: true, openWorldHint: true },
    task: "optional",
    input: jsonSchema(
      object({ titles: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 100 } }),
    ),
    async handler({ titles }, context) {
      const lines: string[] = [];
      for (const [index, title] of titles.entries()) {
        const line = await context.once(`article ${index}`, async () => {
          try {
            const hit = { key: title, title, about: "" };
            return (await readArticle(context, base, contact, hit)).summary;
          } catch (error) {
            // What one article lacks is no reason to give up the others.
            if (error instanceof PublicError) return error.message;
            throw error;
          }
        });
        lines.push(`${title}: ${line}`);
        context.progress(
          index + 1,
          titles.length,
          `${index + 1} of ${titles.length} requests made`,
        );
      }
      return lines.join("\n");
    },
  });
}
