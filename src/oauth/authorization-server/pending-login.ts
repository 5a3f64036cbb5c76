/** A login that has begun: what lies in the forms that a browser carries from page to page. Types only. */

import type { AuthorizationRequest } from "./authorization-request.ts";

/** What a person signs in for: to answer a client, or to see their account. */
export interface PendingLogin {
  readonly request?: AuthorizationRequest;
  /** The grant that may come of it, named beforehand: one request, one decision, one code. */
  readonly grant: string;
  /** When all its forms end, in milliseconds since the epoch: before the grant forgets that it was decided. */
  readonly expiresAt: number;
  readonly staysSignedIn?: boolean;
  /** Whoever an upstream provider remembers is not to be taken: somebody else wants to sign in. */
  readonly forcesSignIn?: boolean;
  /** The person's account knows of the grant. */
  readonly isGrantRecorded?: boolean;
}
