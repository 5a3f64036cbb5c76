/**
 * Grants by their names, in the Worker: the object of an id, and refresh tokens, which are signed names of a grant and a
 * generation. A forged one finds nothing and wakes nothing.
 */

import { signText, verifyText } from "../../crypto/hmac.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import type { Params } from "../params.ts";
import type { GrantObject } from "./grant-object.ts";

/** A grant by its name, in the Worker: its id, and the object to ask. */
export interface GrantRef {
  readonly id: string;
  /** Made anew each time it is read: one whose object was reset fails for good. */
  readonly stub: DurableObjectStub<GrantObject<unknown>>;
}

/** The grant `id`, if there is one in this namespace: keys may outlive the objects they signed for. */
export function findGrant(
  grants: DurableObjectNamespace<GrantObject<unknown>>,
  id: string | undefined,
): GrantRef | undefined {
  try {
    if (id === undefined) return undefined;
    const objectId = grants.idFromString(id);
    return {
      id,
      get stub() {
        return grants.get(objectId);
      },
    };
  } catch {
    return undefined;
  }
}

/** The refresh token of a grant's `generation`: a signed name, which is stored nowhere. */
export function signRefreshToken(ring: KeyRing, id: string, generation: number): Promise<string> {
  return signText(ring, "refresh", `${id}.${generation}`);
}

/** What a refresh token names, or undefined when this ring did not sign it. */
export async function verifyRefreshToken(
  ring: KeyRing,
  token: string,
): Promise<[id: string, generation: number] | undefined> {
  const [id, generation] = (await verifyText(ring, "refresh", token))?.split(".") ?? [];
  return id === undefined ? undefined : [id, Number(generation)];
}

/** The grant of the code or refresh token that a form asks with, or undefined where this ring did not sign it. Not checked: that it lives. */
export async function grantNamedIn(ring: KeyRing, form: Params): Promise<string | undefined> {
  const grantType = form.get("grant_type");
  if (grantType === "authorization_code") return verifyText(ring, "code", form.get("code") ?? "");
  return grantType === "refresh_token"
    ? (await verifyRefreshToken(ring, form.get("refresh_token") ?? ""))?.[0]
    : undefined;
}
