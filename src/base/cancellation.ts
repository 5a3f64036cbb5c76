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
  return new LazyCancellation();
}

/** A class, because every request makes one: accessors of an object literal would be defined anew each time. */
class LazyCancellation implements Cancellation {
  aborted: boolean = false;
  timeoutError: DOMException | undefined;
  #controller: AbortController | undefined;
  #rejectWork: ((reason: DOMException) => void) | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.aborted) this.#controller.abort(this.timeoutError);
    return this.#controller.signal;
  }

  abort(): void {
    this.aborted = true;
    this.#controller?.abort(this.timeoutError);
  }

  expire(message: string): void {
    this.timeoutError = new DOMException(message, "TimeoutError");
    // Before the signal: work that ends by it must not decide how the call ends.
    this.#rejectWork?.(this.timeoutError);
    this.abort();
  }

  rejectOnTimeout<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejectWork = reject;
      work.then(resolve, reject);
    });
  }
}
