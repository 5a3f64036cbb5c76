/**
 * What things cost, counted where it happens: requests to the Worker and to Durable Objects, and rows these read and write.
 * The world's Worker and objects pass through here; production code does not know of it. Each is what Cloudflare bills:
 * `prices.ts` has the prices. Not counted: the time that an object is active, and the CPU of the Worker.
 */

export interface Costs {
  /** HTTP requests to the Worker. */
  workerRequests: number;
  /** Requests to objects, of the Worker or of another object: method calls and fetches. */
  requests: number;
  /** Alarms of objects that went off. */
  alarms: number;
  /** Messages that came to objects on WebSockets. */
  messages: number;
  /** Rows read: of SQL as SQLite reports them, one for each key asked for or listed. */
  rowsRead: number;
  /** Rows written or deleted: of SQL as SQLite reports them, one for each key and alarm set, and for each row that `deleteAll` removes. */
  rows: number;
  /** Objects built: for the first time, or again after an eviction. */
  objectsCreated: number;
}

const NOTHING: Costs = {
  workerRequests: 0,
  requests: 0,
  alarms: 0,
  messages: 0,
  rowsRead: 0,
  rows: 0,
  objectsCreated: 0,
};

/** Since the isolate started; tests read differences. */
export const costs: Costs = { ...NOTHING };

/** Everything that `action` cost. */
export async function countCosts(action: () => Promise<unknown>): Promise<Costs> {
  const before = { ...costs };
  await action();
  const spent = { ...NOTHING };
  for (const name of Object.keys(spent) as (keyof Costs)[])
    spent[name] = costs[name] - before[name];
  return spent;
}

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
        const value: unknown = Reflect.apply(member, target, args);
        if (name === "publish") noteUnderWay(value as Promise<unknown>);
        return value;
      };
    },
  });
}

/** Changes that are on their way to the hub. Emptied under them, it would be told again, and whoever listens by then with it. */
export const underWay: Set<Promise<unknown>> = new Set();
function noteUnderWay(publishing: Promise<unknown>): void {
  const settled: Promise<unknown> = Promise.allSettled([publishing]).then(() =>
    underWay.delete(settled),
  );
  underWay.add(settled);
}

/** An object's state whose storage counts rows. */
export function countedState(state: DurableObjectState): DurableObjectState {
  costs.objectsCreated += 1;
  const { storage } = state;
  const sql = new Proxy(storage.sql, {
    get(target, name) {
      if (name !== "exec") return Reflect.get(target, name) as unknown;
      return (query: string, ...bindings: unknown[]) => {
        const cursor = target.exec(query, ...bindings);
        const rows = cursor.toArray();
        costs.rowsRead += cursor.rowsRead;
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
  const kv = countedKeys(storage.kv);
  const counted = new Proxy(storage, {
    get(target, name) {
      if (name === "sql") return sql;
      if (name === "kv") return kv;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (name === "setAlarm") costs.rows += 1;
        if (name === "deleteAll") costs.rows += storedRows(target);
        return Reflect.apply(member, target, args);
      };
    },
  });
  // The platform wants its own state object back, so the object itself is changed.
  Object.defineProperty(state, "storage", { value: counted });
  return state;
}

/** Keys, and rows of the object's own tables. */
function storedRows({ kv, sql }: DurableObjectStorage): number {
  const tables = sql
    .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
    .toArray()
    .filter(({ name }) => !name.startsWith("_cf_"));
  const rows = tables.map(({ name }) =>
    sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM "${name}"`).one(),
  );
  return rows.reduce((sum, { n }) => sum + n, [...kv.list()].length);
}

function countedKeys(keys: SyncKvStorage): SyncKvStorage {
  return new Proxy(keys, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        const value: unknown = Reflect.apply(member, target, args);
        // What was not there is not deleted.
        if (name === "put" || (name === "delete" && value === true)) costs.rows += 1;
        if (name === "get") costs.rowsRead += 1;
        return name === "list" ? countedList(value as Iterable<unknown>) : value;
      };
    },
  });
}

/** A list that is read as it is taken. */
function* countedList(entries: Iterable<unknown>): Generator<unknown, void, undefined> {
  for (const entry of entries) {
    costs.rowsRead += 1;
    yield entry;
  }
}
