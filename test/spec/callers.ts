/** Callers of the guarded world by name: each logs in once, by the pages, as any person does. */

import type { Templates } from "./format.ts";
import { walk, type Host } from "./walk.ts";

/**
 * Gives the header fields of a caller, for {@link Host.callers}. `known`: the token of whoever was let in before.
 * @throws where somebody cannot log in
 */
export function callersOf(
  host: Host,
  revision: string,
  templates: Templates,
  known: Map<string, string>,
): NonNullable<Host["callers"]> {
  return async (name) => {
    if (!known.has(name)) known.set(name, await logIn(host, revision, templates, name));
    return [["Authorization", `Bearer ${known.get(name)}`]];
  };
}

async function logIn(
  host: Host,
  revision: string,
  templates: Templates,
  person: string,
): Promise<string> {
  const login = {
    id: "login",
    about: "how a caller comes in",
    since: revision,
    steps: [{ play: "@grant" }],
  };
  const { kept, why } = await walk(login, { host, templates, revision, mode: "plain", person });
  const token = kept.get("token");
  if (typeof token !== "string") throw new Error(`${person} cannot log in: ${why}`);
  return token;
}
