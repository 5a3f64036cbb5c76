/** A family of resources: what get_user gives, under a URI of its own, and ids completed. */

import { template, type ResourceTemplate } from "../../api.ts";
import { idsFrom, userById } from "../users-rows.ts";

/** A person of the database as a resource. */
export function userResource(database: D1Database): ResourceTemplate {
  return template({
    uriTemplate: "user://{id}",
    name: "user",
    description: "A person of this server's directory",
    mimeType: "application/json",
    complete: { id: (digits) => idsFrom(database, digits) },
    async read({ id = "" }) {
      const found = /^\d{1,15}$/.test(id) ? await userById(database, Number(id)) : null;
      return found === null ? undefined : JSON.stringify(found);
    },
  });
}
