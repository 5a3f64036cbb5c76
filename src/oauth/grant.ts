/**
 * The grant object: what one person agreed to for one client. OAuth 2.1 sections 4.1.3 and 4.3, RFC 9700 section 4.14.
 *
 * Storage: `grant-rows.ts`: one row. Codes and refresh tokens are signed names, "id" and "id.generation", so none is stored.
 * Life: opened by consent, redeemed once, one generation a refresh; over when denied, revoked, replayed, or unused for long.
 * When it is revoked or replayed, it ends what lives by it, and its alarm tries until that is done. Else the alarm is set
 * for when no form can name the object any more, and once more for the end of a redeemed one.
 * Trade-off: an object a login makes single use exact without a lock; only who holds its name can read a grant.
 */

import { DurableObject } from "cloudflare:workers";
import { now } from "../base/clock.ts";
import { log, stackOf } from "../base/log.ts";
import { MAX_TRIES, pauseBefore } from "../base/retry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { readSigned, sign } from "../crypto/mac.ts";
import { FORM_SECONDS } from "./lifetimes.ts";
import type { Settings } from "./settings.ts";
import { grantRows, type Ending, type GrantRow, type GrantRows, isAlive, isOf, isWithin } from "./grant-rows.ts";
import type { Terms } from "./grant-rows.ts";

/** What a client shows that proved itself. `client`: {@link Client.key}. */
interface Presented {
  readonly client: string;
  readonly resource: string;
  readonly epoch: string;
}

/** `challenge`: S256 of the verifier. */
type Code = Presented & { readonly redirectUri: string | undefined; readonly challenge: string };

/** `scopes`: those asked for, if any were. */
type Refresh = Presented & { readonly generation: number; readonly scopes: readonly string[] };

export type Redeemed =
  | { readonly kind: "granted"; readonly terms: Terms; readonly generation: number }
  /** `reason` as in an audit line. `revoked`: what was agreed to, when this very request ended it. */
  | { readonly kind: "refused"; readonly reason: string; readonly revoked?: Terms };

/** What came of the wish to end a grant. */
export interface Ended {
  /** What was agreed to, when this very request ended it. */
  readonly terms?: Terms;
  /** Whether all that lived by it has ended too. If not, it will. */
  readonly done: boolean;
}

export abstract class GrantObject<Env> extends DurableObject<Env> {
  /** Ends the sessions and streams that were opened under grant `id`. May be repeated. */
  abstract closeLive(env: Env, id: string): Promise<void>;

  readonly #rows: GrantRows = grantRows(this.ctx.storage);
  /** What is being tried, for all who ask for it meanwhile. */
  #finishing: Promise<boolean> | undefined;

  /** Opens the grant with its one code. False when this id was used before: a consent form works once. */
  open(terms: Terms, { codeSeconds, refreshSeconds }: Pick<Settings, "codeSeconds" | "refreshSeconds">): boolean {
    const at = now();
    const expires = at + codeSeconds * 1000;
    return this.#begin({ terms, generation: 0, since: at, used: at, expires, refreshSeconds });
  }

  /** Denied: the consent form with this id never works again. False when it had been answered before. */
  deny(): boolean {
    return this.#begin("over");
  }

  // spec: code.client, code.redirect, code.verifier, code.once, code.expiry
  /** What does not fit changes nothing. What fits a second time may be a thief's: then nothing it gave stays good. */
  async redeem({ client, resource, redirectUri, challenge, epoch }: Code): Promise<Redeemed> {
    const row = this.#rows.grant();
    if (row === undefined) return this.#over();
    const { terms, generation, refreshSeconds } = row;
    if (client !== terms.client) return refused("grant.client");
    if (resource !== terms.resource) return refused("grant.resource");
    // OAuth 2.1 no longer sends it here, RFC 6749 does: whoever sends it must send the one that the code went to.
    if (redirectUri !== undefined && redirectUri !== terms.redirectUri) return refused("code.redirect");
    if (challenge !== terms.challenge) return refused("code.verifier");
    if (generation > 0) return this.#take(row, "code.replayed");
    if (!isOf(terms, epoch)) return this.#take(row, "grant.epoch");
    return isAlive(row) ? this.#advance(row, epoch, refreshSeconds) : refused("code.expired");
  }

  // spec: refresh.active, refresh.client, refresh.scope.wider, refresh.rotated, refresh.reuse
  /** Rotates. Whoever comes back with the last generation within the grace window gets the same successor again. */
  async refresh(presented: Refresh, settings: Pick<Settings, "graceSeconds" | "refreshSeconds">): Promise<Redeemed> {
    const row = this.#rows.grant();
    if (row === undefined) return this.#over();
    const { terms, generation, used } = row;
    if (presented.client !== terms.client) return refused("grant.client");
    if (presented.resource !== terms.resource) return refused("grant.resource");
    if (!presented.scopes.every((scope) => terms.scopes.includes(scope))) return refused("scope.wider");
    if (!isAlive(row)) return refused("refresh.expired");
    if (!isOf(terms, presented.epoch)) return this.#take(row, "grant.epoch");
    if (presented.generation === generation) return this.#advance(row, presented.epoch, settings.refreshSeconds);
    const graced = presented.generation === generation - 1 && isWithin(used, settings.graceSeconds * 1000);
    return graced ? { kind: "granted", terms, generation } : this.#take(row, "refresh.reused");
  }

  /** Replaces the sealed properties (a hook renewed them, or their key is no longer the current one). */
  keep(properties: string): void {
    const row = this.#rows.grant();
    if (row !== undefined) this.#rows.write({ ...row, terms: { ...row.terms, properties } });
  }

  /**
   * For strict mode, introspection and the account page; undefined when it is over. `live`: redeemed, not expired, and
   * of this `epoch` where one is given.
   */
  status(epoch?: string): (GrantRow & { readonly live: boolean }) | undefined {
    const row = this.#rows.grant();
    return row && { ...row, live: row.generation > 0 && isAlive(row) && isOf(row.terms, epoch) };
  }

  /** Ends the grant, of `client` alone if one is given, and all that lives by it. */
  async revoke(client?: string): Promise<Ended> {
    const row = this.#rows.grant();
    const owner = row?.terms.client ?? this.#rows.ending()?.client;
    if (client !== undefined && client !== owner) return { done: true };
    if (row === undefined) return { done: await this.#finish() };
    return { terms: row.terms, done: await this.#end(row.terms) };
  }

  override async alarm(): Promise<void> {
    const ending = this.#rows.ending();
    if (ending !== undefined) {
      // For the next try, unless this one is the last.
      await this.#mark({ ...ending, tries: ending.tries + 1 });
      await this.#finish();
      return;
    }
    const { expires = 0 } = this.#rows.grant() ?? {};
    if (now() < expires) await this.ctx.storage.setAlarm(expires);
    else await this.ctx.storage.deleteAll();
  }

  /** The row outlives the form that named it, even where the code does not: what was answered stays answered. */
  #begin(row: GrantRow | "over"): boolean {
    if (this.#rows.isUsed()) return false;
    this.#rows.write(row);
    void this.#outliveForm();
    return true;
  }

  /** A minute more than a form lives: the clock of the Worker that judges it may be behind. */
  #outliveForm(): Promise<void> {
    return this.ctx.storage.setAlarm(now() + (FORM_SECONDS + 60) * 1000);
  }

  #advance(row: GrantRow, epoch: string, refreshSeconds: number): Redeemed {
    const generation = row.generation + 1;
    const terms = { ...row.terms, epoch };
    this.#rows.write({ ...row, terms, generation, used: now(), expires: now() + refreshSeconds * 1000 });
    return { kind: "granted", terms, generation };
  }

  /** Refuses, and takes back all that was given. */
  async #take({ terms }: GrantRow, reason: string): Promise<Redeemed> {
    await this.#end(terms);
    return { kind: "refused", reason, revoked: terms };
  }

  /** Refuses. What is still to be done since the grant ended is tried once more. */
  async #over(): Promise<Redeemed> {
    await this.#finish();
    return refused("grant.over");
  }

  /** Written down before anything is tried: an object may die at any time. */
  async #end({ client }: Terms): Promise<boolean> {
    await this.#mark({ client, tries: 0 });
    return this.#finish();
  }

  async #mark(ending: Ending): Promise<void> {
    this.#rows.write(ending);
    await this.ctx.storage.setAlarm(now() + pauseBefore(ending.tries));
  }

  /** Ends what lived by a grant that has ended. False when that failed: the alarm tries again, and so may a request. */
  #finish(): Promise<boolean> {
    return (this.#finishing ??= this.#closeLive().finally(() => {
      this.#finishing = undefined;
    }));
  }

  async #closeLive(): Promise<boolean> {
    const ending = this.#rows.ending();
    if (ending === undefined) return true;
    const id = this.ctx.id.toString();
    try {
      if (ending.tries < MAX_TRIES) await this.closeLive(this.env, id);
    } catch (error) {
      log("error", "ending.failed", { grant: id, tries: ending.tries, error: stackOf(error) });
      return false;
    }
    this.#rows.write("over");
    await this.#outliveForm();
    return true;
  }
}

function refused(reason: string): Redeemed {
  return { kind: "refused", reason };
}

/** A grant by its name, in the Worker: its id, and the object to ask. */
export interface Named {
  readonly id: string;
  readonly object: DurableObjectStub<GrantObject<unknown>>;
}

/** The grant `id`, if there is one in this namespace: keys may outlive the objects they signed for. */
export function findGrant(
  grants: DurableObjectNamespace<GrantObject<unknown>>,
  id: string | undefined,
): Named | undefined {
  try {
    return id === undefined ? undefined : { id, object: grants.get(grants.idFromString(id)) };
  } catch {
    return undefined;
  }
}

export function mintRefresh(ring: KeyRing, id: string, generation: number): Promise<string> {
  return sign(ring, "refresh", `${id}.${generation}`);
}

/** What a refresh token names, or undefined when this ring did not sign it. */
export async function readRefresh(ring: KeyRing, token: string): Promise<[id: string, generation: number] | undefined> {
  const [id, generation] = (await readSigned(ring, "refresh", token))?.split(".") ?? [];
  return id === undefined ? undefined : [id, Number(generation)];
}
