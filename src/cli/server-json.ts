/**
 * `make server-json`: the registry's server.json of a server, made of its server card, on standard output. Format:
 * modelcontextprotocol/registry, docs/reference/server-json. Refuses a card that the registry would refuse; who owns the
 * name is for the registry to check.
 * node server-json.ts <address>
 */

import { isObject, readJson, type JsonObject } from "../base/json.ts";
import { readOrigin } from "./address.ts";
import { messageOf } from "./errors.ts";
import { readText } from "./html-page.ts";
import { printable } from "./terminal.ts";

const SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";
const ANSWER_MS = 30_000;
/** The members that both documents have, each as the registry takes it. */
const TEXTS: Readonly<Record<string, RegExp>> = {
  name: /^(?=.{3,200}$)[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/,
  description: /^.{1,100}$/su,
  // No range, and not the word for whatever is newest.
  version: /^(?!latest$|.*[*^~<>=|]|.*\.[xX](?:\.|$)).{1,255}$/,
};

const [address = ""] = process.argv.slice(2);
try {
  const { content, warning } = toServerJson(await readCard(readOrigin(address)));
  if (warning !== undefined) console.error(printable(warning));
  process.stdout.write(`${printable(JSON.stringify(content, null, 2))}\n`);
} catch (error) {
  console.error(`No server.json: ${printable(messageOf(error))}.`);
  process.exit(1);
}

async function readCard(origin: string): Promise<JsonObject> {
  const url = `${origin}/mcp/server-card`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(
    (error: unknown) => {
      throw new Error(`nobody answers at ${origin}: is it the address of a server that runs?`, {
        cause: error,
      });
    },
  );
  const card: unknown = readJson(await readText(response));
  if (!response.ok || !isObject(card))
    throw new Error(`${url} answered ${response.status}, and no server card`);
  return card;
}

/** `card` in the words of the registry, and what its author should know. @throws on what the registry would refuse. */
function toServerJson(card: JsonObject): {
  readonly content: JsonObject;
  readonly warning?: string;
} {
  for (const [member, pattern] of Object.entries(TEXTS)) {
    const value = card[member];
    if (typeof value !== "string" || !pattern.test(value))
      throw new Error(`the registry takes no ${member} such as ${JSON.stringify(value)}`);
  }
  const remotes = (Array.isArray(card["remotes"]) ? card["remotes"] : []).filter(isObject);
  const { name = "", title, description = "", version = "", websiteUrl, repository, icons } = card;
  const content: JsonObject = {
    $schema: SCHEMA,
    name,
    ...(title !== undefined && { title }),
    description,
    version,
    ...(websiteUrl !== undefined && { websiteUrl }),
    ...(repository !== undefined && { repository }),
    ...(icons !== undefined && { icons }),
    // Which revisions it speaks, the registry has no member for.
    remotes: remotes.map(({ type = "", url = "" }) => ({ type, url })),
  };
  const isPublic =
    remotes.length > 0 &&
    remotes.every(({ url }) => typeof url === "string" && url.startsWith("https:"));
  return isPublic
    ? { content }
    : {
        content,
        warning:
          "The registry takes public addresses only: ask the deployed server, with URL=https://…",
      };
}
