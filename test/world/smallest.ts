/** The house with as little app as there can be: one tool and one sign-in. `make size` holds the bundle budget to it. */

import { pages } from "../../src/app/pages.ts";
import { addNumbers } from "../../src/app/add-numbers.ts";
import { passphrase } from "../../src/app/sign-in/passphrase.ts";
import { bindingsOf } from "../../src/bindings.ts";
import type { Env } from "../../src/config.ts";
import { front, type Front } from "../../src/front.ts";
import { HubObject, type Notified } from "../../src/hub/hub.ts";
import { SessionObject } from "../../src/session/object.ts";
import type { House } from "../../src/session/room.ts";

export { Account } from "../../src/oauth/account.ts";
export { Grant } from "./grant.ts";

const info = { name: "smallest", version: "0.1.0" };
type Owned = Env & { readonly PASSPHRASE: string };
const house: Front<Owned> = front({ info, tools: [addNumbers] }, ({ PASSPHRASE }: Owned) => ({
  pages,
  signIn: passphrase(PASSPHRASE),
}));
const worker: ExportedHandler<Owned> = { fetch: house.fetch };
export default worker;

export class Hub extends HubObject<Env> {
  override sessions(env: Env): DurableObjectNamespace<Notified> {
    return bindingsOf(env).sessions;
  }
}

export class Session extends SessionObject<Owned> {
  override furnish(env: Owned): House {
    return house.furnish(env);
  }
}
