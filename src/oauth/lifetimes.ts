/** How long things of the authorization server live that no setting sets. In seconds. */

/** How long a person may take, from a client's request to their decision: no form lives longer. */
export const FORM_SECONDS = 900;

/** A code that is not redeemed: of some clients a person carries it over by hand. RFC 6749 section 4.1.2 allows ten minutes. */
export const CODE_SECONDS = 300;
