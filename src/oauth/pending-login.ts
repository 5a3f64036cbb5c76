/** A login that has begun: what lies in the forms that a browser carries from page to page. Types only. */

import type { Ask } from "./ask.ts";

/** What a person signs in for: to answer a client, or to see their account. */
export interface Errand {
  readonly ask?: Ask;
  /** The grant that may come of it, named beforehand: one request, one decision, one code. */
  readonly grant: string;
  /** When all its forms end, in milliseconds since the epoch: before the grant forgets that it was decided. */
  readonly until: number;
  readonly remember?: boolean;
  /** Whoever an upstream provider remembers is not to be taken: somebody else wants to sign in. */
  readonly again?: boolean;
  /** The person's account knows of the grant. */
  readonly noted?: boolean;
}
