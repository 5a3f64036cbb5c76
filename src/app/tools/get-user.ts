/** A tool over a database: one row by its id. */

import * as z from "zod/mini";
import { PublicError, tool, type Tool } from "../../api.ts";
import { user, userById } from "../users-rows.ts";

/** The tool that finds one person. */
export function getUser(database: D1Database): Tool {
  return tool({
    name: "get_user",
    description: "Gets a person of this server's directory by id. For names, find_users",
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: z.object({ id: z.int().check(z.gte(1)) }),
    output: user,
    async handler({ id }) {
      const found = await userById(database, id);
      if (found === null)
        throw new PublicError(`Nobody has the id ${id}: find_users tells who there is`);
      return { structuredContent: found };
    },
  });
}
