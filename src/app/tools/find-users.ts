/** A tool over a database: many rows, a page at a time. */

import * as z from "zod/mini";
import { tool, type Tool } from "../../api.ts";
import { user, usersNamed } from "../users-rows.ts";

/** The tool that searches the database, page by page. */
export function findUsers(database: D1Database): Tool {
  return tool({
    name: "find_users",
    description:
      "Finds people of this server's directory by how words of their names start, or all",
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: z.object({
      name: z
        ._default(z.string().check(z.maxLength(100)), "")
        .check(z.describe('Such as "ann" or "lind anna"')),
      limit: z._default(z.int().check(z.gte(1), z.lte(50)), 10),
      after: z._default(z.int(), 0).check(z.describe("`next` of the page before")),
    }),
    output: z.object({ users: z.array(user), next: z.optional(z.int()) }),
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
