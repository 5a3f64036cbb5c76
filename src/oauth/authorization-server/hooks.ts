/**
 * The app's hooks, called so that one that throws is a value and a line in the log, and that each comes to its end, though the
 * client leaves. What follows from it is the caller's.
 */

import { keepAlive } from "../../base/keep-alive.ts";
import { errorStack, log } from "../../base/log.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { LoginHooks } from "./types.ts";

/** What `call` of the hook gives, or that it threw. `grant`: whose id the log names. */
export async function runHook<T>(
  hook: keyof LoginHooks,
  call: () => Promise<T> | undefined,
  grant?: string,
): Promise<Result<T | undefined, "hook.failed">> {
  try {
    const called = call();
    return ok(called && (await keepAlive(called)));
  } catch (error) {
    log("error", "hook.failed", {
      hook,
      ...(grant !== undefined && { grant }),
      error: errorStack(error),
    });
    return err("hook.failed");
  }
}
