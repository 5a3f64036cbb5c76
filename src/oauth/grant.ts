/**
 * The grant object: what one person agreed to for one client. OAuth 2.1 sections 4.1.3 and 4.3, RFC 9700 section 4.14.
 *
 * Storage: one {@link GrantRow}. Codes and refresh tokens are signed names, "id" and "id.generation", so none is stored.
 * Life: opened by consent, redeemed once, one generation a refresh; over when denied, revoked, replayed, or unused for long.
 * The alarm is set once, for when no form can name the object any more, and once more for the end of a redeemed one.
 * Trade-off: an object a login makes single use exact without a lock, and a grant readable only by who holds its name.
 */

import { DurableObject } from "cloudflare:workers";
import { now } from "../base/clock.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { readSigned, sign } from "../crypto/mac.ts";
import { FORM_SECONDS } from "./browser.ts";
import type { Settings } from "./desk.ts";

/** What a person agreed to. Kept as long as the grant lives. */
export interface Terms {
  /** {@link Client.key}. */
  readonly client: string;
  readonly clientName: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly resource: string;
  readonly redirectUri: string;
  /** PKCE code challenge, S256. */
  readonly challenge: string;
  /** The caller's properties, sealed in the Worker (purpose "properties", context: the object id). */
  readonly properties: string;
  /** {@link epochOf} the sign-in; absent in grants of versions that did not note it: the next refresh does. */
  readonly epoch?: string;
}

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

/**
 * Stored as kv "grant": never a code, a token or a secret; "over" in its place when it was denied or revoked, and what it
 * held is gone. Times are milliseconds since the epoch.
 */
export interface GrantRow {
  readonly terms: Terms;
  /** Of the newest refresh token; 0 while the code was not redeemed. */
  readonly generation: number;
  readonly since: number;
  /** When the newest generation was made. */
  readonly used: number;
  /** When the grant dies unless it is used. */
  readonly expires: number;
  readonly refreshSeconds: number;
}

export class Grant extends DurableObject {
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
  redeem({ client, resource, redirectUri, challenge, epoch }: Code): Redeemed {
    const row = this.#read();
    if (row === undefined) return refused("grant.over");
    const { terms, generation, refreshSeconds } = row;
    if (client !== terms.client) return refused("grant.client");
    if (resource !== terms.resource) return refused("grant.resource");
    // OAuth 2.1 no longer sends it here, RFC 6749 does: whoever sends it must send the one that the code went to.
    if (redirectUri !== undefined && redirectUri !== terms.redirectUri) return refused("code.redirect");
    if (challenge !== terms.challenge) return refused("code.verifier");
    if (generation > 0) return this.#end(row, "code.replayed");
    if (!isOf(terms, epoch)) return this.#end(row, "grant.epoch");
    return isAlive(row) ? this.#advance(row, epoch, refreshSeconds) : refused("code.expired");
  }

  // spec: refresh.active, refresh.client, refresh.scope.wider, refresh.rotated, refresh.reuse
  /** Rotates. Whoever comes back with the last generation within the grace window gets the same successor again. */
  refresh(presented: Refresh, settings: Pick<Settings, "graceSeconds" | "refreshSeconds">): Redeemed {
    const row = this.#read();
    if (row === undefined) return refused("grant.over");
    const { terms, generation, used } = row;
    if (presented.client !== terms.client) return refused("grant.client");
    if (presented.resource !== terms.resource) return refused("grant.resource");
    if (!presented.scopes.every((scope) => terms.scopes.includes(scope))) return refused("scope.wider");
    if (!isAlive(row)) return refused("refresh.expired");
    if (!isOf(terms, presented.epoch)) return this.#end(row, "grant.epoch");
    if (presented.generation === generation) return this.#advance(row, presented.epoch, settings.refreshSeconds);
    const graced = presented.generation === generation - 1 && isWithin(used, settings.graceSeconds * 1000);
    return graced ? { kind: "granted", terms, generation } : this.#end(row, "refresh.reused");
  }

  /** Replaces the sealed properties (a hook renewed them, or their key is no longer the current one). */
  keep(properties: string): void {
    const row = this.#read();
    if (row !== undefined) this.#write({ ...row, terms: { ...row.terms, properties } });
  }

  /**
   * For strict mode, introspection and the account page; undefined when it is over. `live`: redeemed, not expired, and
   * of this `epoch` where one is given.
   */
  status(epoch?: string): (GrantRow & { readonly live: boolean }) | undefined {
    const row = this.#read();
    return row && { ...row, live: row.generation > 0 && isAlive(row) && isOf(row.terms, epoch) };
  }

  /** Ends the grant, of `client` alone if one is given. What was agreed to, when it was not over before. */
  revoke(client?: string): Terms | undefined {
    const row = this.#read();
    if (row === undefined || (client !== undefined && client !== row.terms.client)) return undefined;
    this.#write("over");
    return row.terms;
  }

  override async alarm(): Promise<void> {
    const { expires = 0 } = this.#read() ?? {};
    if (now() < expires) await this.ctx.storage.setAlarm(expires);
    else await this.ctx.storage.deleteAll();
  }

  /** The grant, unless it is over or was never opened. */
  #read(): GrantRow | undefined {
    const row = this.ctx.storage.kv.get<GrantRow | "over">("grant");
    return row === "over" ? undefined : row;
  }

  #write(row: GrantRow | "over"): void {
    this.ctx.storage.kv.put("grant", row);
  }

  /** The row outlives the form that named it, even where the code does not: what was answered stays answered. */
  #begin(row: GrantRow | "over"): boolean {
    if (this.ctx.storage.kv.get("grant") !== undefined) return false;
    this.#write(row);
    // A minute more: the clock of the Worker that judges the form may be behind.
    void this.ctx.storage.setAlarm(now() + (FORM_SECONDS + 60) * 1000);
    return true;
  }

  #advance(row: GrantRow, epoch: string, refreshSeconds: number): Redeemed {
    const generation = row.generation + 1;
    const terms = { ...row.terms, epoch };
    this.#write({ ...row, terms, generation, used: now(), expires: now() + refreshSeconds * 1000 });
    return { kind: "granted", terms, generation };
  }

  #end({ terms }: GrantRow, reason: string): Redeemed {
    this.#write("over");
    return { kind: "refused", reason, revoked: terms };
  }
}

/** Neither long ago nor far ahead: a row that was written by a clock ahead must not stretch what it begins. */
function isWithin(start: number, ms: number): boolean {
  return Math.abs(now() - start) < ms;
}

function isAlive({ used, expires }: GrantRow): boolean {
  return isWithin(used, expires - used);
}

/** False when the passphrase, or whatever else people sign in with, has changed since they agreed. */
function isOf({ epoch }: Terms, current: string | undefined): boolean {
  return epoch === undefined || current === undefined || epoch === current;
}

function refused(reason: string): Redeemed {
  return { kind: "refused", reason };
}

/** A grant by its name, in the Worker: its id, and the object to ask. */
export interface Named {
  readonly id: string;
  readonly object: DurableObjectStub<Grant>;
}

/** The grant `id`, if there is one in this namespace: keys may outlive the objects they signed for. */
export function findGrant(grants: DurableObjectNamespace<Grant>, id: string | undefined): Named | undefined {
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
