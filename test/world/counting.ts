/**
 * What things cost, counted where it happens: requests to Durable Objects and rows they write.
 * The world's Worker and objects pass through here; production code does not know of it.
 */

export interface Costs {
  requests: number;
  rows: number;
  /** Objects built: for the first time, or again after an eviction. */
  objectsCreated: number;
}

/** Since the isolate started; tests read differences. */
export const costs: Costs = { requests: 0, rows: 0, objectsCreated: 0 };

/** A namespace whose stubs count every method call and fetch. */
export function countedNamespace<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  const handsOutStubs = new Set<PropertyKey>(["get", "getByName"]);
  return new Proxy(namespace, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        const value: unknown = Reflect.apply(member, target, args);
        return handsOutStubs.has(name) ? countedStub(value as object) : value;
      };
    },
  });
}

function countedStub(stub: object): object {
  return new Proxy(stub, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        costs.requests += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
}

/** An object's state whose storage counts written rows: of SQL as SQLite reports them, one for each key or alarm. */
export function countedState(state: DurableObjectState): DurableObjectState {
  costs.objectsCreated += 1;
  const { storage } = state;
  const sql = new Proxy(storage.sql, {
    get(target, name) {
      if (name !== "exec") return Reflect.get(target, name) as unknown;
      return (query: string, ...bindings: unknown[]) => {
        const cursor = target.exec(query, ...bindings);
        const rows = cursor.toArray();
        costs.rows += cursor.rowsWritten;
        const { rowsRead, rowsWritten } = cursor;
        return {
          toArray: () => rows,
          one: () => rows[0],
          [Symbol.iterator]: () => rows.values(),
          rowsRead,
          rowsWritten,
        };
      };
    },
  });
  const kv = counting(storage.kv, ["put", "delete"]);
  const counted = new Proxy(storage, {
    get(target, name) {
      if (name === "sql") return sql;
      if (name === "kv") return kv;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (name === "setAlarm") costs.rows += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
  // The platform wants its own state object back, so the object itself is changed.
  Object.defineProperty(state, "storage", { value: counted });
  return state;
}

function counting<T extends object>(of: T, names: readonly string[]): T {
  return new Proxy(of, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (names.includes(String(name))) costs.rows += 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
}
