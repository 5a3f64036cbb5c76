/**
 * The grant object: what one person agreed to for one client. OAuth 2.1 sections 4.1.3 and 4.3, RFC 9700 section 4.14.
 *
 * Storage: `grant-rows.ts`: one row. Codes and refresh tokens are signed names, "id" and "id.generation", so none is stored.
 * Life: opened by consent, redeemed once, one generation a refresh; ended when denied, revoked, replayed, or unused for long.
 * A revoked or replayed grant closes its sessions and streams; its alarm retries until that is done. Other alarms delete the
 * row: when no consent form can name the object any more, and when a redeemed grant expires.
 * Trade-off: one object for each login makes single use exact without a lock. No caller without its id can read a grant.
 */

import { DurableObject } from "../../base/platform.ts";
import { objectNamespace } from "../../base/bindings.ts";
import { now } from "../../base/time.ts";
import { log, errorStack } from "../../base/log.ts";
import { MAX_ATTEMPTS, retryDelayMs } from "../../base/retry.ts";
import { CODE_SECONDS, FORM_SECONDS } from "../lifetimes.ts";
import { createHubClient } from "../../hub/client.ts";
import type { HubObject } from "../../hub/hub-object.ts";
import type { AuthorizationServerSettings } from "../settings.ts";
import {
  createGrantRows,
  type GrantEnding,
  type GrantRow,
  type GrantRows,
  isUnexpired,
  isOfEpoch,
  isPreviousGood,
  type GrantTerms,
} from "./grant-rows.ts";
import {
  refusedResult,
  type CodeRedemption,
  type GrantResult,
  type RefreshRequest,
  type RevocationResult,
} from "./grant-request.ts";

export class GrantObject<Env = unknown> extends DurableObject<Env> {
  /** Ends the sessions and streams that were opened under grant `id`. May be repeated. A Worker without a hub has none. */
  async closeSessionsAndStreams(id: string): Promise<void> {
    const hub = objectNamespace<HubObject<unknown>>(this.env, "HUB");
    if (hub !== undefined) await createHubClient(hub).revoke(id);
  }

  readonly #rows: GrantRows = createGrantRows(this.ctx.storage);
  /** What is being tried, for all who ask for it meanwhile. */
  #closing: Promise<boolean> | undefined;

  /** Opens the grant with its one code. False when this id was used before: a consent form works once. */
  open(
    terms: GrantTerms,
    { refreshSeconds }: Pick<AuthorizationServerSettings, "refreshSeconds">,
  ): boolean {
    const time = now();
    return this.#create({
      terms,
      generation: 0,
      createdAtMs: time,
      lastUsedAtMs: time,
      expiresAtMs: time + CODE_SECONDS * 1000,
      refreshSeconds,
    });
  }

  /** Denied: the consent form with this id never works again. False when it had been answered before. */
  deny(): boolean {
    return this.#create("ended");
  }

  /** True where nothing of `subject` lives: it is over, another's, or was never opened and never will be. */
  bury(subject: string): boolean {
    const row = this.#rows.grant();
    if (row === undefined) this.#create("ended");
    return row?.terms.subject !== subject;
  }

  // spec: code.client, code.redirect, code.verifier, code.verifier.good, pkce.bound, code.once, code.expiry
  /** What does not fit changes nothing. What fits a second time may be a thief's: then nothing it gave stays good. */
  async redeem({
    client,
    resource,
    redirectUri,
    challenge,
    epoch,
    requestId,
  }: CodeRedemption): Promise<GrantResult> {
    const row = this.#rows.grant();
    if (row === undefined) return this.#refuseEnded();
    const { terms, generation, refreshSeconds } = row;
    if (client !== terms.client) return refusedResult("grant.client");
    if (resource !== terms.resource) return refusedResult("grant.resource");
    // OAuth 2.1 no longer sends it here, RFC 6749 does: whoever sends it must send the one that the code went to.
    if (redirectUri !== undefined && redirectUri !== terms.redirectUri)
      return refusedResult("code.redirect");
    if (challenge !== terms.challenge) return refusedResult("code.verifier");
    if (generation > 0) return this.#revokeAndRefuse(row, "code.replayed");
    if (!isOfEpoch(terms, epoch)) return this.#revokeAndRefuse(row, "grant.epoch");
    return isUnexpired(row)
      ? this.#rotate(row, epoch, refreshSeconds, requestId)
      : refusedResult("code.expired");
  }

  // spec: refresh.active, refresh.client, refresh.scope.wider, refresh.rotated, refresh.reuse
  /** Rotates. A client that sends the previous generation while it is still good (isPreviousGood) gets the current one again. */
  async refresh(
    request: RefreshRequest,
    settings: Pick<AuthorizationServerSettings, "graceSeconds" | "refreshSeconds">,
  ): Promise<GrantResult> {
    const row = this.#rows.grant();
    if (row === undefined) return this.#refuseEnded();
    const { terms, generation } = row;
    if (request.client !== terms.client) return refusedResult("grant.client");
    if (request.resource !== terms.resource) return refusedResult("grant.resource");
    if (!request.scopes.every((scope) => terms.scopes.includes(scope)))
      return refusedResult("scope.wider");
    // spec: client.public.limited
    if (!isUnexpired(row)) return refusedResult("refresh.expired");
    if (!isOfEpoch(terms, request.epoch)) return this.#revokeAndRefuse(row, "grant.epoch");
    if (request.generation === generation)
      return this.#rotate(row, request.epoch, settings.refreshSeconds, request.requestId);
    if (request.generation !== generation - 1 || !isPreviousGood(row, settings.graceSeconds))
      return this.#revokeAndRefuse(row, "refresh.reused");
    this.#rows.noteGivenAgain(request.requestId);
    return { kind: "granted", terms, generation, requestId: request.requestId };
  }

  /** A code or refresh token was redeemed for `generation`, and nothing came of it ({@link GrantRows.restore}). */
  restore(generation: number, requestId: string): void {
    this.#rows.restore(generation, requestId);
  }

  /** {@link GrantRows.replaceProperties} */
  replaceProperties(properties: string, renewalCount: number, isRenewed: boolean): boolean {
    return this.#rows.replaceProperties(properties, renewalCount, isRenewed);
  }

  /**
   * For strict mode, introspection and the account page; undefined when it has ended. `isActive`: redeemed, not expired, and
   * of this `epoch` where one is given.
   */
  status(epoch?: string): (GrantRow & { readonly isActive: boolean }) | undefined {
    const row = this.#rows.grant();
    return (
      row && {
        ...row,
        isActive: row.generation > 0 && isUnexpired(row) && isOfEpoch(row.terms, epoch),
      }
    );
  }

  /** Ends the grant, of `client` alone if one is given, and all that lives by it. */
  async revoke(client?: string): Promise<RevocationResult> {
    const row = this.#rows.grant();
    const grantClient = row?.terms.client ?? this.#rows.ending()?.client;
    if (client !== undefined && client !== grantClient) return { isComplete: true };
    if (row === undefined) return { isComplete: await this.#closeOnce() };
    return { terms: row.terms, isComplete: await this.#revoke(row.terms) };
  }

  override async alarm(): Promise<void> {
    const ending = this.#rows.ending();
    if (ending !== undefined) {
      // For the next try, unless this one is the last.
      await this.#recordEnding({ ...ending, attempts: ending.attempts + 1 });
      await this.#closeOnce();
      return;
    }
    const { expiresAtMs = 0 } = this.#rows.grant() ?? {};
    if (now() < expiresAtMs) await this.ctx.storage.setAlarm(expiresAtMs);
    else await this.ctx.storage.deleteAll();
  }

  /** The row outlives the form that named it, even where the code does not: what was answered stays answered. */
  #create(row: GrantRow | "ended"): boolean {
    if (this.#rows.isUsed()) return false;
    this.#rows.write(row);
    void this.#keepUntilFormsExpire();
    return true;
  }

  /** A minute more than a form lives: the clock of the Worker that judges it may be behind. */
  #keepUntilFormsExpire(): Promise<void> {
    return this.ctx.storage.setAlarm(now() + (FORM_SECONDS + 60) * 1000);
  }

  #rotate(row: GrantRow, epoch: string, refreshSeconds: number, requestId: string): GrantResult {
    const generation = row.generation + 1;
    const terms = { ...row.terms, epoch };
    this.#rows.write({
      ...row,
      terms,
      generation,
      isUndelivered: false,
      givenTo: [requestId],
      lastUsedAtMs: now(),
      expiresAtMs: now() + refreshSeconds * 1000,
    });
    return { kind: "granted", terms, generation, requestId };
  }

  /** Refuses, and takes back all that was given. */
  async #revokeAndRefuse({ terms }: GrantRow, reason: string): Promise<GrantResult> {
    await this.#revoke(terms);
    return { kind: "refused", reason, revoked: terms };
  }

  /** Refuses. What is still to be done since the grant ended is tried once more. */
  async #refuseEnded(): Promise<GrantResult> {
    await this.#closeOnce();
    return refusedResult("grant.ended");
  }

  /** Written down before anything is tried: an object may die at any time. */
  async #revoke({ client }: GrantTerms): Promise<boolean> {
    await this.#recordEnding({ client, attempts: 0 });
    return this.#closeOnce();
  }

  async #recordEnding(ending: GrantEnding): Promise<void> {
    this.#rows.write(ending);
    await this.ctx.storage.setAlarm(now() + retryDelayMs(ending.attempts));
  }

  /** Ends what lived by a grant that has ended. False when that failed: the alarm tries again, and so may a request. */
  #closeOnce(): Promise<boolean> {
    return (this.#closing ??= this.#closeAndRecord().finally(() => {
      this.#closing = undefined;
    }));
  }

  async #closeAndRecord(): Promise<boolean> {
    const ending = this.#rows.ending();
    if (ending === undefined) return true;
    const id = this.ctx.id.toString();
    try {
      if (ending.attempts < MAX_ATTEMPTS) await this.closeSessionsAndStreams(id);
    } catch (error) {
      log("error", "cleanup.failed", {
        grant: id,
        attempts: ending.attempts,
        error: errorStack(error),
      });
      return false;
    }
    this.#rows.write("ended");
    await this.#keepUntilFormsExpire();
    return true;
  }
}
