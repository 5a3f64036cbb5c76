/**
 * What a login is compared with: a Worker that answers what barewire answered, step by step, and objects that do nothing but
 * what no authorization server can do without that keeps each grant by itself: the grant's row and its alarm when the person
 * agrees, noted in the person's row; the grant's row anew when the code is redeemed.
 */

import { DurableObject } from "cloudflare:workers";

/* global ANSWERS -- recorded answers, in their order; the bundler puts them in their place */

const MINUTE_MS = 60_000;

export class Grant extends DurableObject {
  open(terms) {
    this.ctx.storage.kv.put("grant", { terms, generation: 0 });
    return this.ctx.storage.setAlarm(Date.now() + MINUTE_MS);
  }

  redeem() {
    const grant = this.ctx.storage.kv.get("grant");
    this.ctx.storage.kv.put("grant", { ...grant, generation: 1 });
    return grant.terms;
  }

  alarm() {
    return this.ctx.storage.deleteAll();
  }
}

export class Account extends DurableObject {
  note(grant) {
    const grants = this.ctx.storage.kv.get("grants") ?? [];
    this.ctx.storage.kv.put("grants", [...grants, grant]);
  }
}

/** The grant of the login that is under way: one at a time. */
let grant;

export default {
  async fetch(request, { GRANT, ACCOUNT }) {
    const form = await request.text();
    const [step, act] = new URL(request.url).pathname.slice(1).split("/");
    if (act === "open") {
      grant = GRANT.newUniqueId();
      await GRANT.get(grant).open(form);
      await ACCOUNT.getByName("ada").note(grant.toString());
    } else if (act === "redeem") await GRANT.get(grant).redeem();
    const { status, headers, body } = ANSWERS[Number(step)];
    return new Response(body, { status, headers });
  },
};
