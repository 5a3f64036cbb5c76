/**
 * Signing in: what the app must say to let a person prove who they are. This folder has three of them.
 * A sign-in keeps nothing between steps but the memory it asks for, which travels sealed and bound to the browser.
 */

import type { JsonObject } from "../../base/json.ts";
import { sha256Base64url } from "../../crypto/seal.ts";
import type { Params } from "../params.ts";
import type { ServerIdentifiers } from "../../base/identifiers.ts";

/** One input of a sign-in form; `name` becomes the parameter that {@link SignInMethod.submit} gets. */
export interface SignInField {
  readonly name: string;
  readonly label: string;
  readonly type: "text" | "password";
  /** For password managers, such as "current-password". */
  readonly autocomplete: string;
}

/** Of a person as JSON: browsers drop a cookie that is much larger, and sealed it is a third larger. */
export const MAX_PERSON_BYTES = 2_800;
/** Of a credential as JSON: a form carries it to the consent page and back, beside the person and the request. */
export const MAX_SIGN_IN_CREDENTIAL_BYTES = 6_000;

/** Somebody who proved who they are. At most {@link MAX_PERSON_BYTES}; more is told to whoever signs in. */
export interface Person {
  readonly subject: string;
  /** How pages call them; the subject when absent. */
  readonly name?: string;
  /** Travel with the caller, sealed. */
  readonly properties: JsonObject;
}

/** Somebody who proved it just now. */
export interface AuthenticatedPerson extends Person {
  /**
   * What they proved it with, where the app keeps that: given to `LoginHooks.onConsent` once they agreed, and part of
   * no cookie, no grant and no token. At most {@link MAX_SIGN_IN_CREDENTIAL_BYTES}.
   */
  readonly credential?: JsonObject;
}

/** What happens next. */
export type SignInResult =
  /** Send the person to `url`; they come back to `context.callback`, and `upstreamState` with them. */
  | { readonly kind: "redirect"; readonly url: string; readonly upstreamState: JsonObject }
  | ({ readonly kind: "authenticated" } & AuthenticatedPerson)
  /**
   * Not proven. Counts against `subject`, where one can be guessed at; shows the message and the form again.
   * Each subject that is counted has an object: for a name that nobody has, give one constant, such as "", not the name.
   * `reason` is for the audit line: "sign_in.rejected" unless told.
   */
  | {
      readonly kind: "rejected";
      readonly message: string;
      readonly reason?: string;
      readonly subject?: string;
    };

export interface SignInContext {
  readonly identifiers: ServerIdentifiers;
  /** Where an upstream provider sends people back to. */
  readonly callback: string;
  /** For upstream providers: unguessable, bound to this browser, checked before {@link SignInMethod.finish} is asked. */
  readonly state: string;
  /** Somebody else than whom an upstream provider remembers wants to sign in: it should ask. */
  readonly forcesSignIn: boolean;
}

export interface SignInMethod {
  readonly title: string;
  /** What the person fills in; nothing when all of it happens at an upstream provider. */
  readonly fields: readonly SignInField[];
  /** When this changes, whoever asked to be remembered is forgotten, and no grant from before can be refreshed. */
  readonly epoch?: string;
  /** The form came back, with these fields. */
  submit(context: SignInContext, input: Params): Promise<SignInResult>;
  /** An upstream provider sent the person back, with this query. */
  finish?(context: SignInContext, query: Params, upstreamState: JsonObject): Promise<SignInResult>;
}

/** What stands for the epoch in a grant: the epoch itself may hold the hash of a passphrase. */
export function epochDigest({ epoch = "" }: SignInMethod): Promise<string> {
  return sha256Base64url(`epoch ${epoch}`);
}
