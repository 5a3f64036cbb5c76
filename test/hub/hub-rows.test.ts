/** The hub's rows: a change finds who hears of it without a look at anybody else, and a row is written where something changed. */

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { BEFORE_FIRST_SESSION, type SessionKey } from "../../src/hub/hub-records.ts";
import { createHubRows, type HubRows } from "../../src/hub/hub-rows.ts";
import { bindings } from "../transport/session/client.ts";

interface RowCounts {
  read: number;
  written: number;
}

let objectCount = 0;
/** What `action` finds in a hub object of its own. `counts`: rows that its statements read and wrote, as SQLite tells. */
function inHub<T>(
  action: (rows: HubRows, counts: RowCounts, storage: DurableObjectStorage) => T,
): Promise<T> {
  const stub = bindings.HUB.getByName(`rows ${(objectCount += 1)}`);
  return runInDurableObject(stub, (_hub, { storage }) => {
    const counts = { read: 0, written: 0 };
    const sql = new Proxy(storage.sql, {
      get: (target, name) =>
        name === "exec"
          ? (query: string, ...bindings: unknown[]) => {
              const cursor = target.exec(query, ...bindings);
              counts.read += cursor.rowsRead;
              counts.written += cursor.rowsWritten;
              return cursor;
            }
          : (Reflect.get(target, name) as unknown),
    });
    const counted = new Proxy(storage, {
      get: (target, name) => (name === "sql" ? sql : (Reflect.get(target, name) as unknown)),
    });
    return action(createHubRows(counted), counts, storage);
  });
}

/** The rows that `action` read and wrote. */
function measure(counts: RowCounts, action: () => unknown): RowCounts {
  const before = { ...counts };
  action();
  return { read: counts.read - before.read, written: counts.written - before.written };
}

/** Sessions of callers of their own, each of which hears of `uris`. */
function addSessions(
  rows: HubRows,
  name: string,
  most: number,
  uris: readonly string[],
): SessionKey[] {
  return Array.from({ length: most }, (_, index) => {
    const session = { share: `${name} ${String(index).padStart(3, "0")}`, id: `${index}` };
    rows.add(session, "a grant", 1);
    if (uris.length > 0) rows.setUris(session, uris);
    return session;
  });
}

const manyUris = Array.from({ length: 200 }, (_, index) => `test://${index}/${"x".repeat(300)}`);
const everybody = { share: BEFORE_FIRST_SESSION.share, id: BEFORE_FIRST_SESSION.id };
const sharesFor = (
  rows: HubRows,
  uri: string,
  after: SessionKey = everybody,
  limit: number = 500,
): string[] => rows.sessionsForChange({ uri }, after, limit).map(({ share }) => share);

describe("a change of a resource", () => {
  it("reads no row of a session that does not watch it, however many there are and whatever they watch", () =>
    inHub((rows, counts) => {
      addSessions(rows, "watching", 3, ["test://a"]);
      const publish = (): RowCounts => measure(counts, () => sharesFor(rows, "test://a"));
      const before = publish();
      addSessions(rows, "other", 30, manyUris);
      addSessions(rows, "idle", 100, []);
      addSessions(rows, "longer", 10, ["test://a ", "test://ab", "test://b"]);
      // The one where the range of the key ends.
      expect(publish().read).toBeLessThanOrEqual(before.read + 1);
      expect(before.read).toBeLessThanOrEqual(4);
      expect(before.written).toBe(0);
    }));

  it("of one audience reads no row of another that watches it too", () =>
    inHub((rows, counts) => {
      addSessions(rows, "m", 3, ["test://a"]);
      const publish = (): RowCounts =>
        measure(counts, () =>
          rows.sessionsForChange({ uri: "test://a", audience: "m" }, everybody, 500),
        );
      const before = publish();
      addSessions(rows, "a", 30, ["test://a"]);
      addSessions(rows, "z", 30, ["test://a"]);
      expect(publish().read).toBeLessThanOrEqual(before.read + 1);
    }));

  it("finds the sessions of its URI, character by character, in order and page by page", () =>
    inHub((rows) => {
      addSessions(rows, "b", 2, ["ab", "B"]);
      addSessions(rows, "a", 3, ["a", "ab"]);
      expect(sharesFor(rows, "a")).toEqual(["a 000", "a 001", "a 002"]);
      expect(sharesFor(rows, "ab")).toEqual(["a 000", "a 001", "a 002", "b 000", "b 001"]);
      expect(sharesFor(rows, "ab", { share: "a 001", id: "1" }, 2)).toEqual(["a 002", "b 000"]);
      for (const uri of ["A", "b", "", "a ", "%"])
        expect([uri, sharesFor(rows, uri)]).toEqual([uri, []]);
    }));
});

describe("a list change", () => {
  it("reads no row of a session that does not hear of lists", () =>
    inHub((rows, counts) => {
      for (const session of addSessions(rows, "listening", 3, []))
        rows.setReceivesListChanges(session, true);
      const publish = (): RowCounts =>
        measure(counts, () => rows.sessionsForChange({ list: "tools" }, everybody, 500));
      const before = publish();
      addSessions(rows, "other", 100, ["test://a"]);
      // The one where the range of the key ends.
      expect(publish().read).toBeLessThanOrEqual(before.read + 1);
    }));
});

describe("rows are written", () => {
  const session = { share: "s", id: "1" };

  it("one for a session, and one when it begins or ends to hear of lists", () =>
    inHub((rows, counts) => {
      expect(measure(counts, () => rows.add(session, "a grant", 1)).written).toBe(1);
      for (const [receives, written] of [
        [true, 1],
        [true, 0],
        [false, 1],
        [false, 0],
      ] as const)
        expect(measure(counts, () => rows.setReceivesListChanges(session, receives)).written).toBe(
          written,
        );
      expect(measure(counts, () => rows.remove(session, Infinity)).written).toBe(1);
    }));

  it("two for a URI more, one for a URI less, and none for those that stay", () =>
    inHub((rows, counts) => {
      rows.add(session, undefined, 1);
      const set = (uris: readonly string[]): number =>
        measure(counts, () => rows.setUris(session, uris)).written;
      expect([set(manyUris), set(manyUris), set([...manyUris, "test://a"])]).toEqual([400, 0, 2]);
      expect([set(manyUris.slice(1)), set([])]).toEqual([2, 199]);
    }));

  it("and none of another session is read, when a session watches more or less or goes", () =>
    inHub((rows, counts) => {
      const others = (most: number): void => {
        addSessions(rows, `other ${most}`, most, ["test://a", ...manyUris.slice(0, 20)]);
      };
      const life = (): RowCounts =>
        measure(counts, () => {
          rows.add(session, undefined, 1);
          rows.setUris(session, ["test://a", "test://b"]);
          rows.setReceivesListChanges(session, true);
          rows.setUris(session, ["test://b"]);
          rows.remove(session, Infinity);
        });
      others(3);
      const before = life();
      others(40);
      expect(life().read).toBeLessThanOrEqual(before.read + 5);
    }));

  it("none for what a session that is not there would hear of", () =>
    inHub((rows, counts) => {
      const written = measure(counts, () => {
        rows.setUris(session, ["test://a"]);
        rows.setReceivesListChanges(session, true);
      });
      expect(written.written).toBe(0);
    }));

  it("and all of a session go with it, unless it was seen meanwhile", () =>
    inHub((rows, _counts, { sql }) => {
      const left = (): unknown => sql.exec("SELECT COUNT(*) AS n FROM subscriptions").one()["n"];
      const [other] = addSessions(rows, "other", 1, ["test://a"]);
      rows.add(session, undefined, 5);
      rows.setUris(session, ["test://a", "test://b"]);
      rows.setReceivesListChanges(session, true);
      rows.remove(session, 5);
      expect(left()).toBe(4);
      rows.remove(session, 6);
      expect(left()).toBe(1);
      expect(sharesFor(rows, "test://a")).toEqual([other?.share]);
    }));
});

it("the end of a grant reads each session's row and its grants once, whatever it watches, and writes none", () =>
  inHub((rows, counts) => {
    addSessions(rows, "idle", 20, []);
    addSessions(rows, "watching", 10, manyUris);
    expect(rows.addGrant({ share: "idle 003", id: "3" }, "another")).toBe(true);
    let found: string[] = [];
    const cost = measure(counts, () => {
      found = rows.sessionsUsingGrant("another").map(({ share }) => share);
    });
    expect(found).toEqual(["idle 003"]);
    // Thirty rows, and thirty-one grants in them.
    expect(cost.read).toBeLessThanOrEqual(61);
    expect(cost.written).toBe(0);
  }));

it("an object whose table is of an earlier layout goes on", () =>
  inHub((_rows, _counts, storage) => {
    storage.sql.exec("DROP TABLE sessions");
    storage.sql.exec(
      "CREATE TABLE sessions (share TEXT, id TEXT, uris TEXT, last_seen_ms INTEGER, grants TEXT, PRIMARY KEY (share, id)) WITHOUT ROWID",
    );
    storage.sql.exec(
      `INSERT INTO sessions VALUES ('old', '1', '["","test://a"]', 1, '["a grant"]')`,
    );
    const rows = createHubRows(storage);
    const [added] = addSessions(rows, "new", 1, ["test://a"]);
    expect(sharesFor(rows, "test://a")).toEqual([added?.share]);
    expect(rows.sessionsUsingGrant("a grant").map(({ share }) => share)).toEqual([
      "new 000",
      "old",
    ]);
    rows.setUris({ share: "old", id: "1" }, ["test://a"]);
    expect(sharesFor(rows, "test://a")).toEqual(["new 000", "old"]);
  }));
