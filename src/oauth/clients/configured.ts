/** Clients that the operator knows beforehand: the setting CLIENTS, a JSON list. Its values are told to nobody: one may be a digest. */

import { isObject, readJson, type JsonValue } from "../../base/json.ts";
import { JWS_ALGORITHMS } from "../../crypto/jws.ts";
import { readKeys } from "../jwks.ts";
import { checkRedirectUri } from "./redirect-uri.ts";
import type { AuthorizationServerSettings, ConfiguredClient } from "../settings.ts";

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

const GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials"];

/** 32 bytes: the last character stands for four bits of them and two that are 0. */
const SHA256_BASE64URL = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/** What a client may have, and must have where `undefined` does not fit. */
const MEMBERS: Readonly<Record<keyof ConfiguredClient, readonly [isFit: IsFit, must: string]>> = {
  client_id: [
    (value) => /^.{1,200}$/s.test(textOf(value)),
    "must be a string of 1 to 200 characters",
  ],
  client_name: [(value) => textOf(value) !== "", "must be a string that is not empty"],
  redirect_uris: [
    isListOf((uri) => checkRedirectUri(textOf(uri)).ok),
    "must be a list of URLs: https, http on loopback, or a scheme in reverse domain form",
  ],
  client_secret_sha256: [
    isOptional((value) => SHA256_BASE64URL.test(textOf(value))),
    "must be a SHA-256 in base64url",
  ],
  jwks: [
    isOptional((value) => isObject(value) && (readKeys(value) ?? []).length > 0),
    `must be a JWK Set with a public key for ${JWS_ALGORITHMS.join(", ")}`,
  ],
  grant_types: [
    isOptional(isListOf((type) => GRANT_TYPES.includes(textOf(type)))),
    `must be a list of ${GRANT_TYPES.join(", ")}`,
  ],
  scope: [isOptional(isText), "must be a string"],
};

/** The list in `text`, the setting CLIENTS, or what is wrong with it. `scopes`: all that the server has. */
export function readClients(
  text: string,
  scopes: AuthorizationServerSettings["scopes"],
): readonly ConfiguredClient[] | string {
  if (text === "") return [];
  const clients = readJson(text);
  if (!Array.isArray(clients)) return "CLIENTS must be a JSON list";
  const ids = new Set<string>();
  for (const [index, client] of clients.entries()) {
    const problem = clientProblem(client, scopes);
    if (problem !== undefined) return `CLIENTS[${index}]${problem}`;
    const { client_id } = client as { client_id: string };
    if (ids.has(client_id)) return `CLIENTS[${index}].client_id is that of another one too`;
    ids.add(client_id);
  }
  return clients as unknown as readonly ConfiguredClient[];
}

function clientProblem(
  client: JsonValue,
  scopes: AuthorizationServerSettings["scopes"],
): string | undefined {
  if (!isObject(client)) return " must be an object";
  const unknown = Object.keys(client).find((name) => !Object.hasOwn(MEMBERS, name));
  if (unknown !== undefined) return ` has "${unknown}", which no client has`;
  for (const [name, [isFit, must]] of Object.entries(MEMBERS))
    if (!isFit(client[name])) return `.${name} ${must}`;
  return contradiction(client as unknown as ConfiguredClient, scopes);
}

/** Why a client whose members are each as they must be could never get a token, or not as it is meant to. */
function contradiction(
  { grant_types = ["authorization_code"], redirect_uris, scope, ...auth }: ConfiguredClient,
  scopes: AuthorizationServerSettings["scopes"],
): string | undefined {
  const [takesCodes, isMachine] = ["authorization_code", "client_credentials"].map((type) =>
    grant_types.includes(type),
  );
  if (!takesCodes && !isMachine)
    return ".grant_types must have authorization_code or client_credentials";
  if (takesCodes && redirect_uris.length === 0) return ".redirect_uris is empty";
  const { client_secret_sha256: sha256, jwks } = auth;
  if (sha256 !== undefined && jwks !== undefined) return " has both client_secret_sha256 and jwks";
  // Nobody could tell it from others (RFC 6749 section 4.4).
  if (isMachine && sha256 === undefined && jwks === undefined)
    return " needs client_secret_sha256 or jwks for client_credentials";
  const names = scope?.split(" ").filter((name) => name !== "");
  if (names?.every((name) => Object.hasOwn(scopes, name)) === false || names?.length === 0)
    return `.scope must name scopes of this server: ${Object.keys(scopes).join(", ")}`;
  return undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
