/**
 * A signal that is made when somebody first looks at it. Most requests end before anyone does, and a signal with its
 * listeners costs more than such a request.
 */

export interface Cancellation {
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  abort(): void;
}

export function cancellation(): Cancellation {
  let controller: AbortController | undefined;
  let aborted = false;
  return {
    get signal() {
      controller ??= new AbortController();
      if (aborted) controller.abort();
      return controller.signal;
    },
    get aborted() {
      return aborted;
    },
    abort() {
      aborted = true;
      controller?.abort();
    },
  };
}
