// The files of spec/ against their schemas and against each other.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { vacuous, type Kind } from "./faults.ts";
import {
  exchanges,
  requirements,
  revisions,
  schemas,
  sources,
  templates,
  vectors,
  world,
} from "./files.ts";
import { holdsIn, type Exchange, type Requirement, type Step } from "./format.ts";
import { overlay } from "./request.ts";
import { sourceUrl } from "../../src/cli/wire-view/source-url.ts";
import { needsOf, played } from "./walk.ts";

const root = new URL("../../", import.meta.url);
const ledger = Object.values(requirements).flat();
const all = Object.values(exchanges).flat();
const byId = new Map(ledger.map((entry) => [entry.id, entry]));
const inRange = (bounds: { since?: string; until?: string }): string[] =>
  revisions.filter((one) => holdsIn(one, bounds));

describe("schemas", () => {
  const ajv = new Ajv2020({ strict: false, formats: { regex: true } });
  for (const schema of Object.values(schemas)) ajv.addSchema(schema);
  const check = (title: string, content: unknown): void => {
    const validate = ajv.getSchema(String(schemas[`${title}.schema`]?.["$id"]));
    expect(validate, `no schema ${title}`).toBeDefined();
    void validate?.(content);
    expect(validate?.errors ?? []).toEqual([]);
  };
  const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), "utf8"));
  test("revisions.json", () => check("revisions", json("spec/revisions.json")));
  test("pages.json", () => check("pages", json("spec/pages.json")));
  test("world.json", () => check("world", json("spec/world.json")));
  test.each(Object.entries(requirements))("%s", (_, content) => check("requirement", content));
  test.each(Object.entries(exchanges))("%s", (_, content) => check("exchange", content));
  test.each(Object.entries(templates))("templates of %s", (_, content) =>
    check("templates", content),
  );
  test.each(Object.entries(vectors))("%s", (_, content) => check("vector", content));

  const step = { send: { use: "@x" } };
  const done = { status: 200 };
  const exchange = { id: "a.b", about: "long enough", since: "2026-07-28", steps: [step] };
  const entry = {
    id: "a.b",
    level: "MUST",
    side: "server",
    since: "2026-07-28",
    source: "mcp:basic",
    text: "A sentence of its own.",
  };
  test.each<[string, string, unknown]>([
    ["exchange", "two verbs in a step", [{ ...exchange, steps: [{ ...step, evict: true }] }]],
    [
      "exchange",
      "a misspelt matcher",
      [{ ...exchange, steps: [{ ...step, expect: [{ reply: { $patern: "x" } }] }] }],
    ],
    [
      "exchange",
      "a matcher beside a member",
      [{ ...exchange, steps: [{ ...step, expect: [{ reply: { $type: "object", a: 1 } }] }] }],
    ],
    [
      "exchange",
      "a misspelt matcher deep inside",
      [
        {
          ...exchange,
          steps: [{ ...step, expect: [{ reply: { a: [{ $has: [{ $typ: "x" }] }] } }] }],
        },
      ],
    ],
    [
      "exchange",
      "a check of nothing",
      [{ ...exchange, steps: [{ ...step, expect: [{ proves: ["a.b"] }] }] }],
    ],
    ["exchange", "a need of nothing known", [{ ...exchange, needs: ["words/a"] }]],
    ["exchange", "a capability that is no path", [{ ...exchange, needs: ["capabilities/a..b"] }]],
    ["exchange", "an open without a stream", [{ ...exchange, steps: [{ open: { use: "@x" } }] }]],
    [
      "exchange",
      "expectations of an eviction",
      [{ ...exchange, steps: [{ evict: true, expect: [{ status: 200 }] }] }],
    ],
    [
      "exchange",
      "a read until",
      [{ ...exchange, steps: [{ read: { stream: "s" }, until: done }] }],
    ],
    ["exchange", "a time for nothing", [{ ...exchange, steps: [{ ...step, within: 5 }] }]],
    [
      "exchange",
      "an until that proves something",
      [{ ...exchange, steps: [{ ...step, until: { ...done, proves: ["a.b"] } }] }],
    ],
    ["requirement", "a date in an id", [{ ...entry, id: "a.b2026-07" }]],
    ["requirement", "a section number in an id", [{ ...entry, id: "a.4" }]],
    ["requirement", "an id of one part", [{ ...entry, id: "a" }]],
    ["requirement", "another level", [{ ...entry, level: "MAY" }]],
  ])("%s: refuses %s", (title, _, content) => {
    expect(() => check(title, content)).toThrow();
  });
});

describe("the ledger", () => {
  test("ids are unique", () => expect(twice(ledger.map((entry) => entry.id))).toEqual([]));
  test("revisions are known and in order", () => {
    expect([...revisions].toSorted()).toEqual(revisions);
    expect([...ledger, ...all].filter((one) => !knownRange(one)).map((one) => one.id)).toEqual([]);
  });
  test.each(Object.entries(requirements))("%s: every source is a URL", (_, entries) => {
    const all = entries.flatMap(({ source, also = [], until }) =>
      [source, ...also].map((one) => ({ source: one, ...(until === undefined ? {} : { until }) })),
    );
    expect(all.filter((one) => urlOf(one) === undefined).map((one) => one.source)).toEqual([]);
  });
  test("sources become the URLs that README promises", () => {
    const at = (source: string, until?: string): string | undefined =>
      urlOf({ source, ...(until === undefined ? {} : { until }) });
    const site = "https://modelcontextprotocol.io/specification";
    expect(at("mcp:basic/patterns/mrtr#a-b")).toBe(
      `${site}/${revisions.at(-1)}/basic/patterns/mrtr#a-b`,
    );
    expect(at("mcp:basic/lifecycle", "2025-11-25")).toBe(`${site}/2025-11-25/basic/lifecycle`);
    expect(at("rfc:7636#4.6")).toBe("https://www.rfc-editor.org/rfc/rfc7636#section-4.6");
    expect(at("extauth:oauth-client-credentials#flow-steps")).toBe(
      "https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/draft/oauth-client-credentials.mdx#flow-steps",
    );
    expect(at("exttasks:tasks#task-creation")).toBe(
      "https://github.com/modelcontextprotocol/ext-tasks/blob/main/specification/draft/tasks.md#task-creation",
    );
    expect(at("sep:2663-tasks-extension#backward-compatibility", "2025-11-25")).toBe(
      "https://modelcontextprotocol.io/seps/2663-tasks-extension#backward-compatibility",
    );
    for (const wrong of ["mcp:Basic", "mcp:basic/", "rfc:x", "rfc:1#a", "http://x", "nobody:x"])
      expect(at(wrong), wrong).toBeUndefined();
  });
  test("texts are sentences of their own", () => {
    expect(twice(ledger.map((entry) => entry.text.toLowerCase()))).toEqual([]);
  });
  test("a test that stands in exists", () => {
    const missing = ledger.filter((entry) => {
      const test = entry.excluded?.test;
      return test !== undefined && !hasTest(test.file, test.name);
    });
    expect(
      missing.map(
        (entry) => `${entry.id}: ${entry.excluded?.test?.file} "${entry.excluded?.test?.name}"`,
      ),
    ).toEqual([]);
  });
});

describe("coverage", () => {
  const proven = [
    ...all.flatMap((one) => stepsOf(one).flatMap((step) => step.expect ?? [])),
    ...Object.values(vectors).flatMap((one) => one.cases),
  ].flatMap((one) => one.proves ?? []);
  test("every entry is covered or excluded", () => {
    expect(
      ledger
        .filter((entry) => !proven.includes(entry.id) && entry.excluded === undefined)
        .map((entry) => entry.id),
    ).toEqual([]);
  });
  test("no entry is both covered and excluded", () => {
    expect(
      ledger
        .filter((entry) => proven.includes(entry.id) && entry.excluded !== undefined)
        .map((entry) => entry.id),
    ).toEqual([]);
  });
  test("every proven id is in the ledger", () => {
    expect([...new Set(proven.filter((id) => !byId.has(id)))]).toEqual([]);
  });
  test("an exchange's revisions lie within those of what it proves", () => {
    const strays = all.flatMap((exchange) =>
      stepsOf(exchange)
        .flatMap((step) => step.expect?.flatMap((check) => check.proves ?? []) ?? [])
        .filter((id) =>
          inRange(exchange).some((revision) => !holdsIn(revision, byId.get(id) ?? {})),
        )
        .map((id) => `${exchange.id} proves ${id}`),
    );
    expect(strays).toEqual([]);
  });
});

const KINDS = ["tools", "prompts", "resources", "templates", "clients", "choices"] as const;

describe("exchanges", () => {
  test("ids are unique", () => expect(twice(all.map((exchange) => exchange.id))).toEqual([]));
  test.each(all.map((exchange) => [exchange.id, exchange] as const))(
    "%s names only what exists",
    (_, exchange) => {
      const offered = KINDS.flatMap((kind) =>
        Object.entries(world[kind]).flatMap(([name, item]) => [
          { ...item, name: `${kind}/${name}` },
          { ...item, name: kind },
        ]),
      );
      for (const revision of inRange(exchange)) {
        const own = templates[revision] ?? {};
        for (const step of played(exchange.steps, own))
          for (const request of [step.send, step.open])
            if (request !== undefined) overlay(request, own);
        // What a server declares is no part of the world: suite.ts asks the world for it.
        const needs = needsOf(exchange, own).filter((need) => !need.startsWith("capabilities/"));
        for (const need of needs) {
          const found = offered.some((item) => item.name === need && holdsIn(revision, item));
          expect(found, `${need} in ${revision}`).toBe(true);
        }
      }
    },
  );
  test("each choice of the world is needed by an exchange", () => {
    const needed = new Set(
      all.flatMap((exchange) => needsOf(exchange, templates[exchange.since] ?? {})),
    );
    expect(Object.keys(world.choices).filter((name) => !needed.has(`choices/${name}`))).toEqual([]);
  });
  test.each(all.map((exchange) => [exchange.id, exchange] as const))(
    "%s: no check is vacuous",
    (_, exchange) => {
      const found = stepsOf(exchange).flatMap((step, index) =>
        (step.expect ?? [])
          .filter((check) => check.proves !== undefined)
          .flatMap((check) =>
            vacuous(check, kindOf(step)).map(
              (why) => `step ${index + 1}, ${check.proves?.join()}: ${why}`,
            ),
          ),
      );
      expect(found).toEqual([]);
    },
  );
});

function stepsOf(exchange: Exchange): Step[] {
  const revision = inRange(exchange)[0] ?? "";
  return played(exchange.steps, templates[revision] ?? {});
}

function kindOf(step: Step): Kind {
  if (step.send !== undefined) return "send";
  return step.open === undefined ? "read" : "open";
}

function knownRange(bounds: { since: string; until?: string }): boolean {
  return (
    revisions.includes(bounds.since) &&
    (bounds.until === undefined ||
      (revisions.includes(bounds.until) && bounds.until >= bounds.since))
  );
}

function urlOf(entry: Pick<Requirement, "source" | "until">): string | undefined {
  return sourceUrl(sources, revisions, entry);
}

/** A test of that name stands in the file, written as a literal. */
function hasTest(file: string, name: string): boolean {
  const path = fileURLToPath(new URL(file, root));
  if (!existsSync(path)) return false;
  // The formatter may break the line before a title.
  const source = readFileSync(path, "utf8").replace(/\(\s+/g, "(");
  return ['"', "'", "`"].some((mark) => source.includes(`(${mark}${name}${mark}`));
}

function twice(names: string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}

test("files are named after a page", () => {
  for (const file of [...Object.keys(requirements), ...Object.keys(exchanges)])
    expect(file).toMatch(/^[a-z][a-z0-9-]*$/u);
});
