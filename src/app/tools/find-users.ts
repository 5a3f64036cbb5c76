/** A tool over a database: many rows, a page at a time. */

import { defineTool, jsonSchema, object, type Tool } from "../../api.ts";
import { USER, usersNamed } from "../users-rows.ts";

/** The tool that searches the database, page by page. */
export function findUsers(database: D1Database): Tool {
  return defineTool({
    name: "find_users",
    description:
      "Finds people of this server's directory by how words of their names start, or all",
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: jsonSchema(
      object({
        name: {
          type: "string",
          description: 'Such as "ann" or "lind anna"',
          maxLength: 100,
          default: "",
        },
        limit: { type: "integer", minimum: 1, maximum: 50, default: 10 },
        after: { type: "integer", description: "`next` of the page before", default: 0 },
      }),
    ),
    output: jsonSchema(
      object({ users: { type: "array", items: USER }, next: { type: "integer" } }, ["next"]),
    ),
    async handler({ name, limit, after }) {
      const words = name.match(/\S+/g) ?? [];
      // One more than asked for tells whether there is a next page.
      const found = await usersNamed(database, words, after, limit + 1);
      const users = found.slice(0, limit);
      return {
        structuredContent: { users, ...(found.length > limit && { next: users.at(-1)?.id ?? 0 }) },
      };
    },
  });
}
