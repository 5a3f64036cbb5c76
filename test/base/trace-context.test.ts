/** Trace context as strangers send it: what is read, what is as if it were not there, and what is passed on. */

import { describe, expect, it } from "vitest";
import { readTraceContext, writeTraceContext } from "../../src/base/trace-context.ts";
import { isSampled } from "../../src/telemetry/tracer.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "00f067aa0ba902b7";
const GOOD = `00-${TRACE}-${SPAN}-01`;
const read = (fields: Record<string, unknown>) => readTraceContext((name) => fields[name]);

describe("traceparent", () => {
  it.each([
    [GOOD, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    // Only the last bit is known.
    [`00-${TRACE}-${SPAN}-fe`, false],
    [`00-${TRACE}-${SPAN}-ff`, true],
    // A later version may say more.
    [`cc-${TRACE}-${SPAN}-01`, true],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-holds`, true],
  ])("%s is read", (traceparent, sampled) => {
    expect(read({ traceparent }).parent).toEqual({ traceId: TRACE, spanId: SPAN, sampled });
  });

  it.each([
    undefined,
    null,
    7,
    "",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01-`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `ff-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    ` ${GOOD}`,
    `${GOOD}, ${GOOD}`,
    { toString: () => GOOD },
    JSON.parse('{"toString":1}'),
    [GOOD],
  ])("%s is as if it were not there", (traceparent) => {
    expect(read({ traceparent, tracestate: "a=1" })).toEqual({});
  });
});

describe("tracestate", () => {
  it.each([
    ["a=1", "a=1"],
    ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
    [" a=1 , , b=2 ", "a=1,b=2"],
    ["fw529a3039@dt=FfAwsgEK;Y29tLmlubw/vendor", "fw529a3039@dt=FfAwsgEK;Y29tLmlubw/vendor"],
    ["1a@b=2", "1a@b=2"],
    [`${"k".repeat(256)}=${"v".repeat(255)}`, `${"k".repeat(256)}=${"v".repeat(255)}`],
  ])("%s goes along", (tracestate, passed) => {
    expect(read({ traceparent: GOOD, tracestate }).tracestate).toBe(passed);
  });

  it.each([
    "",
    ",",
    "a",
    "A=1",
    "a=1=2",
    "=1",
    "a=",
    "1a=1",
    "a@b@c=1",
    "a@1=1",
    `a@${"b".repeat(15)}=1`,
    "a=ü",
    "a=1\nb=2",
    `a=${"x".repeat(600)}`,
    7,
    Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(","),
  ])("%s is dropped, and the rest is kept", (tracestate) => {
    expect(read({ traceparent: GOOD, tracestate })).toEqual({
      parent: { traceId: TRACE, spanId: SPAN, sampled: true },
    });
  });
});

describe("baggage", () => {
  it("goes along by itself, and not when it is too much or no list of pairs", () => {
    expect(read({ baggage: "user=1;p=2, b=%20" })).toEqual({ baggage: "user=1;p=2, b=%20" });
    for (const baggage of ["", "nothing", "a=ü", "a=1\r\nx: y", `a=${"x".repeat(8_192)}`, 7])
      expect(read({ baggage })).toEqual({});
  });
});

it("is written as it came, flag and all", () => {
  for (const fields of [
    { traceparent: GOOD, tracestate: "a=1", baggage: "b=2" },
    { traceparent: `00-${TRACE}-${SPAN}-00` },
    {},
  ])
    expect(writeTraceContext(read(fields))).toEqual(fields);
  // Of a later version only what is known is said.
  expect(writeTraceContext(read({ traceparent: `cc-${TRACE}-${SPAN}-03-x` }))).toEqual({
    traceparent: GOOD,
  });
});

it("a share of the ids is recorded, the same for everybody", () => {
  const ids = Array.from({ length: 4_000 }, () => crypto.randomUUID().replaceAll("-", ""));
  const random = ids.map(
    (id) =>
      `${id.slice(0, 18)}${Array.from(crypto.getRandomValues(new Uint8Array(7)), (b) => b.toString(16).padStart(2, "0")).join("")}`,
  );
  const share = (ratio: number): number =>
    random.filter((id) => isSampled(id, ratio)).length / random.length;
  expect([share(0), share(1)]).toEqual([0, 1]);
  expect(share(0.25)).toBeGreaterThan(0.2);
  expect(share(0.25)).toBeLessThan(0.3);
  expect(random.filter((id) => isSampled(id, 0.1) && !isSampled(id, 0.2))).toEqual([]);
});
