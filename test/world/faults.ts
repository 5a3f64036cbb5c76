/**
 * Switches for what may go wrong at any time in an object, and what was seen of it. The objects of the world look here;
 * tests, which run in the same isolate, turn them.
 */

export interface Faults {
  /** How many of the next requests to the hub's objects fail, by method. */
  readonly hub: { revoke: number; forget: number };
  /** Is awaited after the hub has done what a session asked of it, and before the session hears of that. */
  beforeHubAnswer: (method: string) => Promise<void>;
}

const nothing = (): Promise<void> => Promise.resolve();
export const faults: Faults = { hub: { revoke: 0, forget: 0 }, beforeHubAnswer: nothing };

/** The hub as sessions ask it: what a test does in {@link Faults.beforeHubAnswer} comes before its answers. */
export function interruptedHub<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  return new Proxy(namespace, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (name !== "getByName") return member;
      return (shard: string): object => interruptedStub(target.getByName(shard));
    },
  });
}

function interruptedStub(stub: object): object {
  return new Proxy(stub, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        const answer: unknown = await Reflect.apply(member, target, args);
        await faults.beforeHubAnswer(String(name));
        return answer;
      };
    },
  });
}

/** Grants whose sessions and streams were to be ended, each time. */
export const closedGrants: string[] = [];

/** Throws while there are failures left. */
export function failHub(method: keyof Faults["hub"]): void {
  if (faults.hub[method] === 0) return;
  faults.hub[method] -= 1;
  throw new Error(`The hub cannot be reached (${method})`);
}
