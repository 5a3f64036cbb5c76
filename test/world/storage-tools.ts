/** Tools that use what a handler is lent beyond its request. Fixtures, not part of an app. */

import * as z from "zod/mini";
import type { Tool } from "../../src/server/define.ts";
import { tool } from "../../src/server/zod.ts";
import { sleep } from "./tools.ts";

const LIMITS = { accept: "application/json", maxBytes: 10_000, timeoutMs: 2_000 };
const UPSTREAM = { tokenUrl: "https://up.test/token", clientId: "world" };

export const storageTools: Tool[] = [
  tool({
    name: "spec_fetch",
    description: "Fetches a URL and says how that went",
    input: z.object({ url: z.string() }),
    async handler({ url }, context) {
      const answer = await context.fetch(url, LIMITS);
      return answer.ok ? `status ${answer.value.status}` : answer.error;
    },
  }),
  tool({
    name: "spec_keep",
    description: "Uses everything that a handler may keep something in, once",
    input: z.object({ key: z.string(), value: z.string() }),
    async handler({ key, value }, context) {
      await context.storage.put(key, value);
      await context.storage.get(key);
      await context.rateLimit(key, 1_000, 60_000);
      await context.cache(key, 60, () => Promise.resolve(value));
      return String(await context.vault.get("tracker", "key"));
    },
  }),
  tool({
    name: "spec_cache",
    description:
      "Gives the name of whoever loaded a cached value, which takes a while and may end with its call",
    input: z.object({ key: z.string(), by: z.string(), ms: z.number(), endsWithCall: z.boolean() }),
    async handler({ key, by, ms, endsWithCall }, context) {
      const load = async (): Promise<string> => {
        await sleep(ms, endsWithCall ? context.signal : undefined);
        if (endsWithCall) context.signal.throwIfAborted();
        return by;
      };
      return (await context.cache(key, 60, load)).value;
    },
  }),
  tool({
    name: "spec_token",
    description: "Keeps an upstream token that is over, or gives one that lasts",
    input: z.object({ keep: z.boolean() }),
    async handler({ keep }, { vault }) {
      const expired = { kind: "oauth", access_token: "at-1", refresh_token: "rt-1", expires: 1 };
      if (keep) await vault.put("mail", "renewed", expired);
      else return String((await vault.token("mail", "renewed", UPSTREAM))?.reveal());
      return "kept";
    },
  }),
  tool({
    name: "spec_state",
    description: "Makes storage, shares it, or uses what is behind a handle",
    input: z.object({
      handle: z.optional(z.string()),
      share: z.optional(z.boolean()),
      put: z.optional(z.string()),
    }),
    async handler({ handle, share, put }, context) {
      if (handle === undefined) return context.createStorage(3_600);
      if (share === true) return context.shareStorage(handle, 60);
      const store = await context.openStorage(handle);
      if (put !== undefined) await store.put("value", put);
      return `${store.access}: ${(await store.get<string>("value")) ?? "nothing"}`;
    },
  }),
];
