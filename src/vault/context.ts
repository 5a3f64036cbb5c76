/**
 * The vault in a handler's hands: the caller's own credentials. Whatever goes wrong becomes an error that the caller may
 * read, and a log line that says the rest.
 */

import { ownerKey } from "../base/caller.ts";
import type { JsonObject } from "../base/json.ts";
import { log } from "../base/log.ts";
import type { Result } from "../base/result.ts";
import type { Secret } from "../base/secret.ts";
import { withSpan } from "../base/span.ts";
import { PublicError } from "../server/content.ts";
import type { ContextMembers, HandlerRun } from "../server/handler-context.ts";
import type { VaultFault } from "./credential-cipher.ts";
import type { CredentialInfo, Upstream } from "./types.ts";
import type { Vault } from "./vault.ts";

/** The caller's credentials for upstream services, sealed. Faults are errors that the caller may read. */
export interface Credentials {
  /** Keeps a credential, in place of the one that was there. */
  put(service: string, name: string, value: JsonObject): Promise<void>;
  get(service: string, name: string): Promise<Secret<JsonObject> | undefined>;
  /**
   * The access token of an OAuth credential, renewed when it is about to expire, or an hour after it was put where that did not say when.
   * `refused`: what this gave before, if the upstream answered 401 to it; that is renewed too, unless another has come meanwhile, or it came
   * within the last 10 s.
   */
  token(
    service: string,
    name: string,
    upstream: Upstream,
    refused?: Secret,
  ): Promise<Secret | undefined>;
  /** True when there was one. */
  delete(service: string, name: string): Promise<boolean>;
  list(service?: string): Promise<readonly CredentialInfo[]>;
}

/** What the vault feature adds to Context. */
export interface VaultContext {
  readonly vault: Credentials;
}

declare module "../server/context.ts" {
  interface Context extends VaultContext {}
}

/** The members of {@link VaultContext}. The vault is the caller's own: nobody names another owner. */
export function vaultMembers(vault: Vault): ContextMembers<VaultContext> {
  return { vault: (run) => callerCredentials(vault, run) };
}

function callerCredentials(vault: Vault, { request, span }: HandlerRun): Credentials {
  const owner = ownerKey(request.caller);
  const traced = async <T>(
    operation: string,
    service: string,
    work: () => Promise<Result<T, VaultFault>>,
  ): Promise<T> => {
    const attributes = {
      "db.system.name": "sqlite",
      "db.operation.name": operation,
      "db.collection.name": "credentials",
    };
    return unwrapCredential(
      service,
      await withSpan(span, [`vault ${operation}`, "client", attributes], work),
    );
  };
  return {
    put: (service, name, value) =>
      traced("put", service, () => vault.put({ owner, service, name }, value)),
    get: (service, name) => traced("get", service, () => vault.get({ owner, service, name })),
    token: (service, name, upstream, refused) =>
      traced("token", service, () => vault.token({ owner, service, name }, upstream, refused)),
    delete: (service, name) =>
      traced("forget", service, () => vault.delete({ owner, service, name })),
    list: (service) => traced("list", service ?? "", () => vault.list(owner, service)),
  };
}

function unwrapCredential<T>(service: string, result: Result<T, VaultFault>): T {
  if (result.ok) return result.value;
  const { reason, message } = result.error;
  log("error", "vault.failed", { reason, service, message });
  switch (reason) {
    case "revoked":
      throw new PublicError(`Your access to ${service} has ended there: sign in again`);
    case "upstream":
      throw new PublicError(
        `${service} did not renew your access: try again in a minute, or sign in again`,
      );
    case "unavailable":
      throw new PublicError("The store of credentials cannot be reached: try again in a minute");
    case "key.missing":
    case "format.unknown":
    case "truncated":
    case "changed":
    case "moved":
      throw new PublicError(
        `Your credential for ${service} cannot be opened here (${reason}): store it anew, or tell the operator`,
      );
  }
}
