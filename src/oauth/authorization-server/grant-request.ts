/** What the grant object is asked for, and what it answers: OAuth 2.1 sections 4.1.3 and 4.3, RFC 7009. */

import type { GrantTerms } from "./grant-rows.ts";

/** What a client shows that proved itself. `client`: {@link Client.key}. */
export interface TokenRequest {
  readonly client: string;
  readonly resource: string;
  readonly epoch: string;
  /** Of this one request: the grant is asked again where its answer was lost, and counts it once. */
  readonly requestId: string;
}

/** `challenge`: S256 of the verifier. */
export type CodeRedemption = TokenRequest & {
  readonly redirectUri: string | undefined;
  readonly challenge: string;
};

/** `scopes`: those asked for, if any were. */
export type RefreshRequest = TokenRequest & {
  readonly generation: number;
  readonly scopes: readonly string[];
};

export type GrantResult =
  /** A request that cannot issue what `generation` stands for says so to `GrantObject.restore`. */
  | {
      readonly kind: "granted";
      readonly terms: GrantTerms;
      readonly generation: number;
      readonly requestId: string;
    }
  /** `reason` as in an audit line. `revoked`: what was agreed to, when this very request ended it. */
  | { readonly kind: "refused"; readonly reason: string; readonly revoked?: GrantTerms };

/** A refusal that ended nothing. */
export function refusedResult(reason: string): GrantResult {
  return { kind: "refused", reason };
}

/** What came of the wish to end a grant. */
export interface RevocationResult {
  /** What was agreed to, when this very request ended it. */
  readonly terms?: GrantTerms;
  /** Whether all that lived by it has ended too. If not, it will. */
  readonly isComplete: boolean;
}
