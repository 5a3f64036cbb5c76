/** The operator's request to seal every credential anew: a stub for now. */

import type { KeyRing } from "../crypto/keyring.ts";
import type { Vault } from "./vault.ts";

export const ROTATE_PATH = "/admin/rotate-keys";

export function rotateKeys(_http: Request, _vault: Vault, _ring: KeyRing): Promise<Response> {
  throw new Error("stub");
}
