/** Clients that the operator knows beforehand: the setting CLIENTS, a JSON list. Its values are told to nobody: one may be a digest. */

import { isObject, readJson, type JsonValue } from "../../base/json.ts";
import { checkRedirectUri } from "./redirect-uri.ts";
import type { ConfiguredClient } from "../settings.ts";

type IsFit = (value: JsonValue | undefined) => boolean;
const isText: IsFit = (value) => typeof value === "string";
const isListOf =
  (isFit: IsFit): IsFit =>
  (value) =>
    Array.isArray(value) && value.every(isFit);
const isOptional =
  (isFit: IsFit): IsFit =>
  (value) =>
    value === undefined || isFit(value);

const GRANT_TYPES: ReadonlySet<string> = new Set([
  "authorization_code",
  "refresh_token",
  "client_credentials",
]);

/** What a client may have, and must have where `undefined` does not fit. */
const MEMBERS: Readonly<Record<keyof ConfiguredClient, readonly [isFit: IsFit, must: string]>> = {
  client_id: [
    (value) => /^.{1,200}$/s.test(textOf(value)),
    "must be a string of 1 to 200 characters",
  ],
  client_name: [(value) => textOf(value) !== "", "must be a string that is not empty"],
  redirect_uris: [
    isListOf((uri) => checkRedirectUri(textOf(uri), true).ok),
    "must be a list of https URLs, http on loopback, or private-use schemes in reverse domain form, without a fragment",
  ],
  client_secret_sha256: [
    isOptional((value) => textOf(value).length === 43),
    "must be a SHA-256 in base64url, of 43 characters",
  ],
  jwks: [isOptional(isObject), "must be an object"],
  grant_types: [
    isOptional(isListOf((type) => GRANT_TYPES.has(textOf(type)))),
    `must be a list of ${[...GRANT_TYPES].join(", ")}`,
  ],
  scope: [isOptional(isText), "must be a string"],
};

/** The list in `text`, the setting CLIENTS, or what is wrong with it. */
export function readClients(text: string): readonly ConfiguredClient[] | string {
  if (text === "") return [];
  const clients = readJson(text);
  if (!Array.isArray(clients)) return "CLIENTS must be a JSON list";
  const ids = new Set<string>();
  for (const [index, client] of clients.entries()) {
    const problem = clientProblem(client);
    if (problem !== undefined) return `CLIENTS[${index}]${problem}`;
    const { client_id } = client as { client_id: string };
    if (ids.has(client_id)) return `CLIENTS[${index}].client_id is that of another one too`;
    ids.add(client_id);
  }
  return clients as unknown as readonly ConfiguredClient[];
}

function clientProblem(client: JsonValue): string | undefined {
  if (!isObject(client)) return " must be an object";
  const unknown = Object.keys(client).find((name) => !Object.hasOwn(MEMBERS, name));
  if (unknown !== undefined) return ` has "${unknown}", which no client has`;
  for (const [name, [isFit, must]] of Object.entries(MEMBERS))
    if (!isFit(client[name])) return `.${name} ${must}`;
  // Nobody could tell it from others (RFC 6749 section 4.4).
  const { grant_types, client_secret_sha256, jwks } = client as Partial<ConfiguredClient>;
  if (grant_types?.includes("client_credentials") && !client_secret_sha256 && !jwks)
    return ".grant_types has client_credentials, which takes client_secret_sha256 or jwks";
  return undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
