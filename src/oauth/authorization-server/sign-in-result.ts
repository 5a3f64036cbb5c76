/** What a sign-in of the app's tells. It is read before anything is awaited: another person may be told of by the same object. */

import { asJson, isObject } from "../../base/json.ts";
import type { AuthenticatedPerson, SignInResult } from "../sign-in/types.ts";

/** All that a result of any kind may have. */
type Told = Pick<SignInResult, "kind"> &
  Partial<AuthenticatedPerson & Record<"url" | "upstreamState" | "message" | "reason", unknown>>;

/**
 * As it is told: the app may go on with an object that it gave, for another person even. Read by name, for it may be an object
 * of a class. @throws without a subject: everybody would be the same person
 */
export function resultAsTold(result: SignInResult): SignInResult {
  const told: Told = result;
  const { kind, subject, name = subject, url, upstreamState, message, reason } = told;
  if (kind !== "authenticated")
    return { kind, subject, url, upstreamState, message, reason } as SignInResult;
  const properties = asJson(told.properties);
  if (typeof subject !== "string" || subject === "" || !isObject(properties))
    throw new TypeError("The sign-in gave no subject or properties");
  const credential = told.credential && asJson(told.credential);
  return { kind, subject, name, properties, ...(credential && { credential }) } as SignInResult;
}
