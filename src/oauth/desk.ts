/**
 * What the authorization server works with: its settings, its objects, and the app's part in it.
 * The front door makes one desk per isolate; the app says how people sign in, how pages look, and what it wants to hear.
 */

import type { Caller } from "../base/caller.ts";
import type { JsonObject } from "../base/json.ts";
import type { Result } from "../base/result.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { Account } from "./account.ts";
import type { GrantObject } from "./grant.ts";
import type { Pages } from "./pages.ts";
import type { SignIn } from "./sign-in.ts";
import type { Settings } from "./settings.ts";

export interface Desk {
  readonly ring: KeyRing;
  readonly grants: DurableObjectNamespace<GrantObject<unknown>>;
  readonly accounts: DurableObjectNamespace<Account>;
  readonly settings: Settings;
  readonly entrance: Entrance;
  /** The platform's rate limiter for the endpoints below, by address. */
  readonly limiter: RateLimit | undefined;
}

/** The app's part: how people sign in, how pages look, what it wants to hear. */
export interface Entrance {
  readonly signIn: SignIn;
  readonly pages: Pages;
  readonly hooks?: Hooks;
}

/** Who holds a grant, as hooks see it. */
export type Holder = Required<Pick<Caller, "subject" | "client" | "scopes" | "properties">>;

/** Called in the Worker, awaited, in the order of a login. One that throws ends the request, its code or refresh token used. */
export interface Hooks {
  /** Somebody proved who they are, before consent. Returns false to turn them away. */
  signedIn?(subject: string, properties: JsonObject): Promise<boolean>;
  /**
   * A person agreed, and that is recorded: called once for it. `credential`: `SignedIn.credential`, when they
   * signed in for this. An error is the sentence of the page that says what cannot be done; then there is no grant.
   */
  consented?(
    whose: { readonly issuer: string; readonly subject: string },
    credential: JsonObject | undefined,
  ): Promise<Result<void, string>>;
  /** A token is about to be issued. Returns the caller's properties from now on, or undefined to leave them. */
  issuing?(holder: Holder, cause: "code" | "refresh" | "client"): Promise<JsonObject | undefined>;
  /** A grant was revoked, by whatever hand. */
  revoked?(subject: string, client: string): Promise<void>;
}
