/** A tool over a database: one row by its id. */

import { defineTool, jsonSchema, object, PublicError, type Tool } from "../../api.ts";
import { USER, userById } from "../users-rows.ts";

/** The tool that finds one person. */
export function getUser(database: D1Database): Tool {
  return defineTool({
    name: "get_user",
    description: "Gets a person of this server's directory by id. For names, find_users",
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: jsonSchema(object({ id: { type: "integer", minimum: 1 } })),
    output: jsonSchema(USER),
    async handler({ id }) {
      const found = await userById(database, id);
      if (found === null)
        throw new PublicError(`Nobody has the id ${id}: find_users tells who there is`);
      return { structuredContent: found };
    },
  });
}
