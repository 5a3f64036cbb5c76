/**
 * How work is told to stop: its client has left or cancelled, or its time is over.
 * The signal is made when somebody first looks at it. Most requests end before anyone does, and a signal with its
 * listeners costs more than such a request. Holds no timer: whoever may have one calls `expire`.
 */

export interface Cancellation {
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  /** Why the work was given up, once its time was over; the signal has it as its reason. */
  readonly timeoutError: DOMException | undefined;
  abort(): void;
  /** The time of the work is over; `message` says what took how long. */
  expire(message: string): void;
  /** What `work` gives. Rejects with {@link timeoutError} when the time is over first; the work itself may go on unheard. */
  rejectOnTimeout<T>(work: Promise<T>): Promise<T>;
}

/** A cancellation that nothing has ended yet. */
export function createCancellation(): Cancellation {
  let controller: AbortController | undefined;
  let aborted = false;
  let timeoutError: DOMException | undefined;
  let rejectWork: (reason: DOMException) => void = () => undefined;
  const abort = (): void => {
    aborted = true;
    controller?.abort(timeoutError);
  };
  return {
    get signal() {
      controller ??= new AbortController();
      if (aborted) controller.abort(timeoutError);
      return controller.signal;
    },
    get aborted() {
      return aborted;
    },
    get timeoutError() {
      return timeoutError;
    },
    abort,
    expire(message) {
      timeoutError = new DOMException(message, "TimeoutError");
      // Before the signal: work that ends by it must not decide how the call ends.
      rejectWork(timeoutError);
      abort();
    },
    rejectOnTimeout: (work) =>
      Promise.race([work, new Promise<never>((_, reject) => (rejectWork = reject))]),
  };
}
