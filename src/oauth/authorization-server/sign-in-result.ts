/** What a sign-in of the app's tells, taken when it is told: before anything is awaited that another person's sign-in could come between. */

import { asJson, isObject } from "../../base/json.ts";
import type { AuthenticatedPerson, SignInResult } from "../sign-in/types.ts";

/**
 * As it is told: the app may go on with an object that it gave, for another person even.
 * @throws without a subject: everybody would be the same person
 */
export function resultAsTold(result: SignInResult): SignInResult {
  return result.kind === "authenticated" ? personAsTold(result) : { ...result };
}

function personAsTold({
  subject,
  name = subject,
  properties,
  credential,
}: AuthenticatedPerson): AuthenticatedPerson & { readonly kind: "authenticated" } {
  const taken = asJson(properties);
  if (typeof subject !== "string" || subject === "" || !isObject(taken))
    throw new TypeError("The sign-in gave no subject, or no properties");
  const person = { kind: "authenticated" as const, subject, name, properties: taken };
  return credential === undefined ? person : { ...person, credential: asJson(credential) };
}
