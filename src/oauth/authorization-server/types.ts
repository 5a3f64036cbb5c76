/**
 * What the authorization server works with: its settings, its objects, and the app's part in it.
 * One is made per isolate; the app says how people sign in, how pages look, and which hooks are called.
 */

import type { Caller } from "../../base/caller.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Result } from "../../base/result.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import type { AccountObject } from "./account-object.ts";
import type { GrantObject } from "./grant-object.ts";
import type { RenderPage } from "../pages/views.ts";
import type { SignInMethod } from "../sign-in/types.ts";
import type { AuthorizationServerSettings } from "../settings.ts";

export interface AuthorizationServer {
  readonly ring: KeyRing;
  readonly grants: DurableObjectNamespace<GrantObject<unknown>>;
  readonly accounts: DurableObjectNamespace<AccountObject>;
  readonly settings: AuthorizationServerSettings;
  readonly login: LoginOptions;
  /** The platform's rate limiter for the endpoints below, by address. */
  readonly limiter: RateLimit | undefined;
}

/** The app's part: how people sign in, how pages look, what it wants to hear. */
export interface LoginOptions {
  readonly signIn: SignInMethod;
  readonly renderPage: RenderPage;
  readonly hooks?: LoginHooks;
}

/** Who holds a grant, as hooks see it. */
export type TokenSubject = Required<Pick<Caller, "subject" | "client" | "scopes" | "properties">>;

/**
 * Called in the Worker, in the order of a login. One that throws ends the request, unless it says otherwise; one that takes longer
 * than 20 s counts as one that throws.
 */
export interface LoginHooks {
  /** Somebody proved who they are, before consent. Returns true to let them in. */
  onSignIn?(subject: string, properties: JsonObject): Promise<boolean>;
  /**
   * A person agreed, and that is recorded: called once for it. `credential`: `SignedIn.credential`, when they
   * signed in for this. Only `{ ok: true }` gives access. An error is the sentence of the page that says what cannot be done;
   * then there is no grant. Where it throws, that is logged, and there is none either.
   * Where it is set, a form that is sent again gets a page and not the same answer: this may still be at work, or fail.
   * `grant`: its id, which no other login has. What is made for a grant must end by itself one day: of one that runs out, or of
   * which this failed, `onRevoke` is not told.
   */
  onConsent?(
    owner: { readonly issuer: string; readonly subject: string },
    credential: JsonObject | undefined,
    grant: string,
  ): Promise<Result<void, string>>;
  /**
   * A token is about to be issued. Returns the caller's properties from now on, or undefined to leave them. Where it throws,
   * the client is asked to come again, and its code or refresh token stays good for that. Of two at once for one grant, what
   * ends first stays with the grant; the other's go into its own access token alone. Keep in the vault what an upstream rotates.
   */
  onTokenIssue?(
    tokenSubject: TokenSubject,
    cause: "code" | "refresh" | "client",
  ): Promise<JsonObject | undefined>;
  /**
   * Grant `grant` was revoked, by whatever hand. Called once, when it has ended. Where it throws, that is logged, and it is not
   * called again. Nobody waits for it: of grants that are taken back together all are told at once, `onConsent` for the next
   * login of the same person and client may be called before this ends, and that of this very grant may still be at work.
   * What is kept for one grant is kept under its id.
   */
  onRevoke?(subject: string, client: string, grant: string): Promise<void>;
}
