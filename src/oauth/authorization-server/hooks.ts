/**
 * The app's hooks, called so that one that throws or takes too long is a value and a line in the log, and that each comes to its
 * end, though the client leaves. What follows from it is the caller's.
 */

import { keepAlive } from "../../base/keep-alive.ts";
import { errorStack, log } from "../../base/log.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { withTimeout } from "../../base/time.ts";
import { HOOK_MS } from "../limits.ts";
import type { LoginHooks } from "./types.ts";

/** What `call` of the hook gives, or that it threw. `grant`: whose id the log names. */
export async function runHook<T>(
  hook: keyof LoginHooks,
  call: () => Promise<T> | undefined,
  grant?: string,
): Promise<Result<T | undefined, "hook.failed">> {
  try {
    return ok(await finishHook(call()));
  } catch (error) {
    log("error", "hook.failed", {
      hook,
      ...(grant !== undefined && { grant }),
      error: errorStack(error),
    });
    return err("hook.failed");
  }
}

/** What a hook that was `called` gives. @throws what it throws, and where it takes longer than {@link HOOK_MS} */
export async function finishHook<T>(called: Promise<T> | undefined): Promise<T | undefined> {
  return called && withTimeout(HOOK_MS, keepAlive(Promise.resolve(called)));
}
